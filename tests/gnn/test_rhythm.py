"""When users are active, worked out by hand."""

import numpy as np
import pytest

from gnn.graph import events
from gnn.rhythm import activity_hours, moments, seasonality, trend, weekend_share
from tests.gnn.planted import DAY, acts, tables

HOUR = 3600
NOW = 1000 * DAY


def visits(rows):
    """Events of (user, epoch s)."""
    user, at = zip(*rows, strict=True)
    return events(tables(max(user) + 1, 1, {"VIEWED": acts(user, [0] * len(user), at)}))


def at(date: str) -> int:
    return int(np.datetime64(date, "s").astype(np.int64))


def test_trend_compares_ninety_days_with_the_ninety_before():
    """3 against 1 is log2(4 / 2); none against 3 is −2; older events count in neither."""
    rows = [(0, d) for d in (910, 950, 999, 909)]
    rows += [(1, d) for d in (820, 850, 909)] + [(2, 819)]
    found = trend(visits([(u, d * DAY + 1) for u, d in rows]), NOW)
    assert found == pytest.approx([1, -2, 0])


def test_trend_is_unknown_without_events():
    """User 0 did nothing."""
    assert np.isnan(trend(visits([(1, 999 * DAY)]), NOW)[0])


def test_the_lines_of_one_order_are_one_moment():
    """Three events, two times."""
    user, when = moments(visits([(0, 5), (0, 5), (0, 9)]))
    assert (user.tolist(), when.tolist()) == ([0, 0], [5, 9])


def test_activity_hours_are_the_fullest_six_in_a_row():
    """Five visits between 22 and 2 o'clock: the window goes round midnight."""
    hours = [22, 23, 24, 25, 26, 40]
    user, when = moments(visits([(0, h * HOUR) for h in hours]))
    assert activity_hours(user, when, 1).tolist() == ["21-03"]


def test_four_moments_say_no_hours():
    """Too few."""
    user, when = moments(visits([(0, h * HOUR) for h in range(4)]))
    assert activity_hours(user, when, 1).tolist() == [None]


def test_weekend_share_counts_saturdays_and_sundays():
    """Friday to Monday in January 2024: two of four days; user 1 comes on a Saturday only."""
    days = ["2024-01-05", "2024-01-06T23:59:59", "2024-01-07", "2024-01-08"]
    rows = [(0, at(d)) for d in days] + [(1, at("2024-01-13"))]
    user, when = moments(visits(rows))
    assert weekend_share(user, when, 3) == pytest.approx([0.5, 1, np.nan], nan_ok=True)


def test_seasonality_names_three_months():
    """Six of eight visits of the last year are from November to January (the first visit is older);
    user 1 comes evenly; user 2 has been here for less than a year; user 3 came once a year."""
    winter = ["2023-11-05", "2023-11-20", "2023-12-01", "2023-12-24", "2024-01-02", "2024-01-30"]
    rows = [(0, at(d)) for d in [*winter, "2023-02-20", "2023-04-02", "2023-07-01"]]
    rows += [(1, at(f"2023-{m:02d}-10")) for m in range(3, 13)] + [(1, at("2023-02-10"))]
    rows += [(2, at(f"2024-02-{d:02d}")) for d in range(1, 20)]
    rows += [(3, at("2022-12-01")), (3, at("2023-12-01"))]
    user, when = moments(visits(rows))
    found = seasonality(user, when, 4, at("2024-03-02"))
    assert found.tolist() == ["Nov-Jan", "even", None, None]


def test_seasonality_looks_at_whole_years():
    """Ten visits in the five months before the last year would tilt it: they are left out."""
    rows = [(0, at(f"2023-{m:02d}-15")) for m in range(3, 13)]
    rows += [(0, at(f"2022-10-{d:02d}")) for d in range(1, 11)]
    user, when = moments(visits(rows))
    assert seasonality(user, when, 1, at("2024-02-20")).tolist() == ["even"]
