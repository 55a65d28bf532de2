"""Own dated acts up to a moment → when users are active: trend, hours, weekends, season."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn.attributes import where_known
from gnn.graph import Events
from gnn.orders import ratio
from gnn.pairs import distinct
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

TREND_DAYS = 90
YEAR = 365
HOURS = 6
FEWEST_FOR_HOURS = 5
FEWEST_FOR_SEASON = 8
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SEASON = 3
SEASONAL = 0.5
"""Share of a year's activity that three months must hold, twice what is even."""
_FIRST_SATURDAY = 2
"""1970-01-01 was a Thursday."""


def trend(acts: Events, at: int) -> Doubles:
    """[U] log2 of the last 90 days' acts over those of the 90 days before, one added to each; NaN
    for users without a dated act before."""
    age = (at - acts.at) // DAY
    n = acts.n_users
    recent = np.bincount(acts.user[age < TREND_DAYS], minlength=n)
    before = (age >= TREND_DAYS) & (age < 2 * TREND_DAYS)
    earlier = np.bincount(acts.user[before], minlength=n)
    known = np.bincount(acts.user, minlength=n) > 0
    return np.where(known, np.log2((recent + 1) / (earlier + 1)), np.nan)


def moments(acts: Events) -> tuple[Ints, Ints]:
    """User and time of each moment at which the user acted: the lines of one order are one."""
    return distinct(acts.user, acts.at)


def activity_hours(user: Ints, at: Ints, n_users: int) -> Texts:
    """[U] the six hours in a row (UTC) that hold most moments, "18-24", the earliest where several
    do; None below FEWEST_FOR_HOURS."""
    held = _windows(_table(user, (at % DAY) // 3600, n_users, 24), HOURS)
    names = np.array([f"{h:02d}-{(h + HOURS - 1) % 24 + 1:02d}" for h in range(24)], object)
    enough = np.bincount(user, minlength=n_users) >= FEWEST_FOR_HOURS
    return where_known(names[held.argmax(axis=1)], enough)


def weekend_share(user: Ints, at: Ints, n_users: int) -> Doubles:
    """[U] share of the moments on a Saturday or Sunday (UTC); NaN without any."""
    weekend = (at // DAY - _FIRST_SATURDAY) % 7 < 2
    number = np.bincount(user, minlength=n_users)
    return ratio(np.bincount(user[weekend], minlength=n_users), number)


def seasonality(user: Ints, at: Ints, n_users: int, now: int) -> Texts:
    """[U] the three months in a row that hold most moments of the user's last whole years, if at
    least half of them ("Oct-Dec"), else "even". None for users of less than a year, or with fewer
    than FEWEST_FOR_SEASON moments in them."""
    first = np.full(n_users, now)
    np.minimum.at(first, user, at)
    years = (now - first) // (YEAR * DAY)
    inside = at >= now - years[user] * YEAR * DAY
    month = at[inside].astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    held = _windows(_table(user[inside], month, n_users, 12), SEASON)
    number = np.bincount(user[inside], minlength=n_users)
    names = np.array([f"{MONTHS[m]}-{MONTHS[(m + SEASON - 1) % 12]}" for m in range(12)], object)
    told = np.where(held.max(axis=1) >= SEASONAL * number, names[held.argmax(axis=1)], "even")
    return where_known(told, (years >= 1) & (number >= FEWEST_FOR_SEASON))


def _table(row: Ints, column: Ints, n_rows: int, n_columns: int) -> Ints:
    cells = np.bincount(row * n_columns + column, minlength=n_rows * n_columns)
    return cells.reshape(n_rows, n_columns)


def _windows(table: Ints, width: int) -> Ints:
    """[R, C] sums of `width` columns in a row from each, round the end."""
    return np.asarray(sum(np.roll(table, -k, axis=1) for k in range(width)), np.int64)
