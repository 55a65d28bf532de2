"""Activity → the chance that a user falls silent, on planted customers."""

import numpy as np
import pytest

from gnn.attributes import activity_of
from gnn.churn import churn_risk, fit_churn
from gnn.graph import Seen, events
from gnn.windows import Window
from tests.gnn.planted import DAY, acts, tables

END, H = 360, 30
EARLIER, LATER = 270, 330


def customers(n=1000, seed=0):
    """Every user acts at a period of their own, from joining until they leave for good."""
    rng = np.random.default_rng(seed)
    period = np.exp(rng.uniform(np.log(2), np.log(45), n))
    joins = rng.random(n) * 250
    leaves = np.minimum(joins + rng.exponential(300, n), END)
    number = ((leaves - joins) / period).astype(int) + 1
    user = np.repeat(np.arange(n), number)
    turn = np.arange(len(user)) - np.repeat(np.cumsum(number) - number, number)
    day = joins[user] + (turn + rng.random(len(user)) * 0.3) * period[user]
    user, day = user[day < leaves[user]], day[day < leaves[user]]
    visits = acts(user, np.zeros_like(user), (day * DAY).astype(int))
    return tables(n, 1, {"VIEWED": visits}), leaves


GRAPH, LEAVES = customers()
FLAT = events(GRAPH)


def window(day):
    seen = Seen(until=day * DAY)
    after = (FLAT.at >= day * DAY) & (FLAT.at < (day + H) * DAY)
    return Window(seen, day * DAY, FLAT.seen(seen), FLAT.where(after))


FITTED, ROWS = fit_churn(GRAPH, window(EARLIER), window(LATER))


def activity(day):
    return activity_of(window(day).before, GRAPH, day * DAY)


def test_those_who_left_have_the_higher_risk():
    """Of the users known by then, the risk tells the planted leavers from the others."""
    risk = churn_risk(FITTED, activity(LATER), None)
    known = np.isfinite(risk)
    left = LEAVES[known] < LATER
    assert risk[known][left].mean() > risk[known][~left].mean() + 0.3


def test_rhythm_beats_recency_alone():
    """A pause means more for a frequent user: the full model ranks better on the later window."""
    by_model = {row["model"]: row for row in ROWS}
    assert by_model["profile"]["auc"] > by_model["recency"]["auc"] + 0.01


def test_the_risk_is_calibrated():
    """Stated chances of silence agree with what happened in the later window."""
    assert ROWS[-1]["ece"] < 0.05


def test_the_same_pause_is_worse_for_a_frequent_user():
    """Twenty silent days after daily visits are worse than after monthly ones."""
    daily = [(0, d) for d in range(100, 310)]
    monthly = [(1, d) for d in range(100, 320, 30)]
    user, day = np.array(daily + monthly).T
    graph = tables(2, 1, {"VIEWED": acts(user, np.zeros_like(user), day * DAY)})
    risk = churn_risk(FITTED, activity_of(events(graph), graph, 330 * DAY), None)
    assert risk[0] > risk[1]


def test_users_without_events_have_no_risk():
    """Unknown, not 0."""
    graph = tables(2, 1, {"VIEWED": acts([0], [0], [5 * DAY])})
    risk = churn_risk(FITTED, activity_of(events(graph), graph, 10 * DAY), None)
    assert np.isnan(risk[1])


def test_where_nobody_falls_silent_there_is_no_model():
    """All act every day: nothing to learn from."""
    user, day = (g.ravel() for g in np.indices((20, 360)))
    graph = tables(20, 1, {"VIEWED": acts(user, np.zeros_like(user), day * DAY)})
    flat = events(graph)

    def look(at):
        seen = Seen(until=at * DAY)
        after = flat.where((flat.at >= at * DAY) & (flat.at < (at + H) * DAY))
        return Window(seen, at * DAY, flat.seen(seen), after)

    assert fit_churn(graph, look(EARLIER), look(LATER)) == (None, [])


def test_the_outcome_is_not_among_the_features():
    """Features as of the moment are the same whatever happens after it."""
    cut = GRAPH.behaviour["VIEWED"]
    past = cut.filter(cut["at"].to_numpy() < EARLIER * DAY)
    alone = tables(GRAPH.users.num_rows, 1, {"VIEWED": past})
    expected = activity_of(events(alone), alone, EARLIER * DAY).recency_days
    assert activity(EARLIER).recency_days == pytest.approx(expected, nan_ok=True)
