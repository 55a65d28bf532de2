"""Days on which users came → days until they come again, judged beside plain guesses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.bg_nbd import BgNbd, Visits, fit_bg_nbd, visits_of
from gnn.features import own_acts
from gnn.graph import Events
from gnn.tables import GraphTables
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

QUARTER = 4
"""The last 1 / QUARTER of the time is what is judged."""
LONGEST = 365.0
SHORTEST = 7
FURTHEST = 730.0
"""Days beyond which no next time is foretold."""
PAIRS = 200_000


def comings(seen: Events, graph: GraphTables, *, orders: bool) -> tuple[Ints, Ints]:
    """User and time of each dated purchase; of each dated act, where nothing is bought."""
    if orders:
        bought = [n for n, (kind, _) in enumerate(seen.relations) if kind == "PURCHASED"]
        acts = seen.where(np.isin(seen.relation, bought) & seen.dated)
    else:
        acts = seen.where(own_acts(seen, graph) & seen.dated)
    return acts.user, acts.at


def expected_days(model: BgNbd, visits: Visits) -> Doubles:
    """[U] median days to the next time; NaN for users who never came, and where none is expected
    within FURTHEST."""
    days = model.wait(visits)
    return np.where((visits.days > 0) & (days <= FURTHEST), days, np.nan)


def fit_waiting(
    user: Ints, at: Ints, n_users: int, now: int
) -> tuple[BgNbd | None, list[dict[str, Any]]]:
    """What serves is fitted on all comings before `now`, what is judged on those before the last
    quarter of the time. None where too few came back."""
    user, at = user[at < now], at[at < now]
    if not len(at):
        return None, []
    days = min(LONGEST, (now - int(at.min())) / DAY / QUARTER)
    serving = fit_bg_nbd(visits_of(user, at, n_users, now))
    if serving is None or days < SHORTEST:
        return serving, []
    cut = now - int(days * DAY)
    before = at < cut
    visits = visits_of(user[before], at[before], n_users, cut)
    judged = fit_bg_nbd(visits)
    if judged is None:
        return serving, []
    came = np.full(n_users, np.inf)
    np.minimum.at(came, user[~before], (at[~before] - cut) / DAY)
    known = np.flatnonzero(visits.days > 0)
    return serving, _judge(judged, visits.where(known), came[known], days)


def _judge(model: BgNbd, v: Visits, came: Doubles, window: float) -> list[dict[str, Any]]:
    """`restricted_mae`: mean |said − came| in days, both cut off at the window's end, since what is
    later is not known. `concordance` (Harrell 1982): share of pairs of users in the right order."""
    gap = np.divide(v.last, v.again, out=np.full(len(came), np.nan), where=v.again > 0)
    usual = float(np.nanmean(gap))
    said = {
        "the same for all": np.full(len(came), float(np.median(np.minimum(came, window)))),
        "own mean gap": np.where(np.isfinite(gap), gap, usual),
        "profile": model.wait(v),
    }
    order = {**said, "profile": -model.back(v, window)}
    return [
        {
            "model": name,
            "n": len(came),
            "came": float((came <= window).mean()),
            "restricted_mae": float(
                np.abs(np.minimum(days, window) - np.minimum(came, window)).mean()
            ),
            "concordance": _concordance(order[name], came, window),
            "days": window,
        }
        for name, days in said.items()
    ]


def _concordance(order: Doubles, came: Doubles, window: float) -> float | None:
    """On PAIRS drawn pairs, of which one is known to have come before the other."""
    a, b = np.random.default_rng(0).integers(0, len(came), (2, PAIRS))
    told = (came[a] < came[b]) & (came[a] <= window)
    a, b = a[told], b[told]
    if not len(a):
        return None
    return float(((order[a] < order[b]) + 0.5 * (order[a] == order[b])).mean())
