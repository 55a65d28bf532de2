"""Days to the next time, on planted customers and by hand."""

import numpy as np
import pytest

from gnn.bg_nbd import Visits
from gnn.graph import events
from gnn.waiting import comings, expected_days, fit_waiting
from tests.gnn.planted import DAY, acts, tables
from tests.gnn.test_bg_nbd import CDNOW, planted

USER, AT = planted()
MODEL, ROWS = fit_waiting(USER, AT, 3000, 300 * DAY)


def test_the_wait_is_nearer_than_plain_guesses():
    """Than one number for all, and than the user's own mean gap."""
    error = {row["model"]: row["restricted_mae"] for row in ROWS}
    assert error["profile"] < 0.95 * min(error["the same for all"], error["own mean gap"])


def test_users_are_in_the_right_order():
    """Better than by their mean gap; one number for all orders nobody."""
    order = {row["model"]: row["concordance"] for row in ROWS}
    assert order["profile"] > order["own mean gap"] + 0.05
    assert order["the same for all"] == 0.5


def test_no_next_time_is_said_where_none_is_expected():
    """Who never came, and who has left."""
    v = Visits(np.array([0, 20, 3]), np.array([0.0, 100.0, 30.0]), np.array([0.0, 500.0, 35.0]))
    assert np.isfinite(expected_days(CDNOW, v)).tolist() == [False, False, True]


def test_comings_are_purchases_where_there_are_any():
    """Else all own acts; sending back is none."""
    kinds = {
        "VIEWED": acts([0, 1], [0, 0], [DAY, 2 * DAY]),
        "PURCHASED": acts([0], [0], [3 * DAY]),
        "RETURNED": acts([0], [0], [4 * DAY]),
    }
    graph = tables(2, 1, kinds)
    assert comings(events(graph), graph, orders=True)[1].tolist() == [3 * DAY]
    assert comings(events(graph), graph, orders=False)[1].tolist() == [DAY, 3 * DAY, 2 * DAY]


def test_the_judged_model_has_not_seen_the_last_quarter():
    """Whatever happened then, the same is said: only the error differs."""
    before = AT < 225 * DAY
    quiet = fit_waiting(USER[before], AT[before], 3000, 300 * DAY)[1]
    assert quiet[-1]["came"] == 0
    assert quiet[-1]["restricted_mae"] > 0
    assert ROWS[-1]["n"] == quiet[-1]["n"]


def test_without_times_nothing_is_said():
    """No comings."""
    none = np.zeros(0, np.int64)
    assert fit_waiting(none, none, 5, 100) == (None, [])


def test_the_figures_of_the_middle_user():
    """Half of the planted users with a finite wait come within it."""
    cut = 225 * DAY
    from gnn.bg_nbd import fit_bg_nbd, visits_of

    v = visits_of(USER[cut > AT], AT[cut > AT], 3000, cut)
    wait = fit_bg_nbd(v).wait(v)
    came = np.full(3000, np.inf)
    np.minimum.at(came, USER[cut <= AT], (AT[cut <= AT] - cut) / DAY)
    near = (v.days > 0) & (wait < 60)
    assert (came <= wait)[near].mean() == pytest.approx(0.5, abs=0.06)
