"""Interests in categories: calibrated, judged, ranked, on a shop whose rates are planted."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.categories import categories_of
from gnn.config import TrainConfig
from gnn.features import centres, past_of
from gnn.fitted import final_window, fit_profiles
from gnn.graph import Seen, events
from gnn.interests import (
    Interests,
    came_true,
    chances,
    fit_interests,
    known_users,
    top_interests,
)
from gnn.split import split
from gnn.windows import Window, windows_of
from tests.gnn.planted import DAY, Planted, acts, shop, tables

SHOP = shop(n_users=600, days=300)
GRAPH = SHOP.graph
MODEL = Planted.of(GRAPH)
SPLIT = split(GRAPH, TrainConfig(), seed=0)
FITTED = fit_profiles(MODEL, GRAPH, None, SPLIT, sensitive=frozenset(), seed=0)
CATEGORIES = categories_of(GRAPH)
LEAVES = SHOP.rate.shape[1]


def past(graph=GRAPH, model=MODEL, categories=CATEGORIES, seen=None):
    window = final_window(events(graph), SHOP.end, FITTED.horizon_days)
    if seen is not None:
        window = Window(seen, window.at, events(graph).seen(seen), window.after)
    encoded = model.scorer(graph, None, window.seen).encoded
    return past_of(graph, window, encoded, categories, half_life_days=FITTED.half_life_days)


PAST = past()
USERS = np.arange(GRAPH.users.num_rows)


def top(known=PAST, categories=CATEGORIES, average=None):
    average = np.zeros(len(categories), np.float32) if average is None else average
    return top_interests(known, FITTED.interest, USERS, categories, average=average)


TOP = top()


def figures():
    return {row["model"]: row for row in FITTED.metrics["interests"]}


def test_scores_follow_the_planted_chances():
    """The chance of an event within the horizon is 1 − exp(−rate x days): scores are near to it,
    nearer than one chance for all."""
    truth = 1 - np.exp(-SHOP.rate * FITTED.horizon_days)
    known = PAST.events > 5
    scores = chances(PAST, FITTED.interest, USERS, CATEGORIES)[:, :LEAVES][known]
    error = np.abs(scores - truth[known]).mean()
    assert error < 0.5 * np.abs(truth[known].mean(axis=0) - truth[known]).mean()
    assert scores.mean() == pytest.approx(truth[known].mean(), abs=0.03)


def test_scores_are_calibrated_on_the_test_period():
    """The calibration error is within two points of what chance alone gives."""
    assert figures()["profile"]["ece"] < figures()["profile"]["ece_by_chance"] + 0.02


def test_a_profile_ranks_better_than_popularity():
    """By AUC over pairs and by recall@3 over users; own history stands beside them."""
    rows = figures()
    assert rows["profile"]["auc"] > rows["popularity"]["auc"] + 0.05
    assert rows["profile"]["recall@3"] > rows["popularity"]["recall@3"] + 0.05
    assert "own history" in rows


def test_what_a_user_has_not_tried_is_judged_apart():
    """Over pairs without an event of the user's own there is no own history to lean on."""
    rows = figures()
    assert rows["profile"]["auc_new"] < rows["profile"]["auc"]
    assert rows["profile"]["auc_new"] > 0.55


def test_the_strongest_interest_is_the_planted_one():
    """For users with enough events the first leaf is nearly always one of their planted three."""
    leaf = (TOP.target < LEAVES) & (PAST.events[TOP.user] >= 8)
    user, target = TOP.user[leaf], TOP.target[leaf]
    first = np.unique(user, return_index=True)[1]
    planted = np.argsort(-SHOP.rate, axis=1)[user[first], :3]
    assert (planted == target[first][:, None]).any(axis=1).mean() > 0.95


def test_a_child_is_never_above_its_parent():
    """For every user and every pair of narrower and broader category."""
    scores = chances(PAST, FITTED.interest, USERS, CATEGORIES)
    for child in range(LEAVES):
        assert (scores[:, child] <= scores[:, LEAVES + child // 2]).all()


def test_observed_means_an_event_of_ones_own():
    """`observed` exactly where the user has a positive event in the category."""
    own = PAST.own[TOP.user].toarray()[np.arange(len(TOP)), TOP.target] > 0
    assert (TOP.observed == own).all()


def test_ranks_run_from_one_down_the_scores():
    """Each user's ranks are 1, 2, 3 … with falling scores."""
    for user in (TOP.user[0], TOP.user[-1]):
        mine = TOP.user == user
        assert TOP.rank[mine].tolist() == list(range(1, mine.sum() + 1))
        assert (np.diff(TOP.score[mine]) <= 0).all()


def test_an_inferred_interest_is_more_than_popularity():
    """It makes up a larger part of the user's chances than of the average user's; an observed one
    need not."""
    average = PAST.base.copy()
    found = top(average=average)
    scores = chances(PAST, FITTED.interest, USERS, CATEGORIES)
    part = (scores / scores.sum(axis=1, keepdims=True))[found.user, found.target]
    usual = (average / average.sum())[found.target]
    assert (part > usual)[~found.observed].all()
    assert not (part > usual)[found.observed].all()


def test_a_sensitive_category_is_never_scored():
    """Neither it nor what is under it has a score above 0 or a place among the interests."""
    hidden = categories_of(GRAPH, {f"c{LEAVES}"})
    found = top(past(categories=hidden), hidden)
    assert not np.isin(found.target, [0, 1, LEAVES]).any()
    assert (chances(PAST, FITTED.interest, USERS, hidden)[:, [0, 1, LEAVES]] == 0).all()


def test_a_user_nothing_is_known_of_gets_no_interests():
    """No event and no friend: popularity alone is no interest."""
    lonely = PAST.events == 0
    none = lonely & ~PAST.user.any(axis=1)
    assert not np.isin(TOP.user, np.flatnonzero(none)).any()


def test_a_friend_alone_gives_inferred_interests():
    """A user without events who follows someone is given what that one likes."""
    bought = GRAPH.behaviour["PURCHASED"]
    others = bought.filter(bought["src"].to_numpy() != 0)
    graph = tables(
        GRAPH.users.num_rows,
        GRAPH.items.num_rows,
        {"PURCHASED": others},
        category_of=GRAPH.item_category["dst"].to_numpy(),
        social=GRAPH.social,
    )
    categories = categories_of(graph)
    known = past(graph, Planted.of(graph), categories)
    friend = int(graph.social["FOLLOWS"]["dst"][0].as_py())
    weaker = FITTED.interest.model_copy(update={"intercept": FITTED.interest.intercept + 3})
    found = top_interests(
        known, weaker, np.array([0]), categories, average=np.zeros(len(categories), np.float32)
    )
    assert not found.observed.any()
    assert known.own[[friend]].toarray()[0, found.target[0]] > 0


def test_blocks_do_not_change_the_scores(monkeypatch):
    """One user at a time gives what all at once give."""
    monkeypatch.setattr("gnn.features.PAIRS_A_BLOCK", 1)
    again = top()
    assert again.score == pytest.approx(TOP.score, abs=1e-6)
    assert (again.target == TOP.target).all()


def test_features_do_not_see_the_outcome():
    """What is known at a moment is the same when everything after it is gone."""
    cut = SPLIT.train_until
    bought = GRAPH.behaviour["PURCHASED"]
    earlier = bought.filter(bought["at"].to_numpy() < cut)
    alone = type(GRAPH)(**{**vars(GRAPH), "behaviour": {"PURCHASED": earlier}})
    rows = np.arange(20)
    whole = windows_of(events(GRAPH), SPLIT).validation
    cropped = Window(Seen(cut), cut, events(alone), events(alone).where(np.zeros(0, int)))
    blocks = [
        past_of(
            graph, window, MODEL.scorer(graph, None, window.seen).encoded, CATEGORIES,
            half_life_days=30,
        ).block(rows)
        for graph, window in ((GRAPH, whole), (alone, cropped))
    ]  # fmt: skip
    assert blocks[0] == pytest.approx(blocks[1], abs=1e-5)


def test_affinity_is_independent_of_the_models_scale():
    """Vectors ten times as long give the same affinity: a calibration outlives its model."""
    encoded = MODEL.scorer(GRAPH, None, Seen()).encoded
    long = type(encoded)(encoded.user, 10 * encoded.item, encoded.bias, encoded.hops)
    assert centres(long, CATEGORIES.members) == pytest.approx(
        centres(encoded, CATEGORIES.members), abs=1e-4
    )


def test_users_known_only_by_what_they_do_later_are_not_counted_as_quiet():
    """A user whose first event lies after the moment did not exist for it."""
    cut = SPLIT.train_until
    before = events(GRAPH).at < cut
    known = past(seen=Seen(until=cut))
    assert set(known_users(known, GRAPH.users, cut)) == set(events(GRAPH).user[before])


def test_members_who_have_not_acted_yet_are_counted():
    """A user who is a member by then, without an event so far, was there to act or not."""
    cut = SPLIT.train_until
    known = past(seen=Seen(until=cut))
    silent = int(np.flatnonzero(known.events == 0)[0])
    joined = np.full(GRAPH.users.num_rows, cut + DAY)
    joined[silent] = cut - DAY
    members = GRAPH.users.append_column("createdAt", pa.array(joined, pa.int64()))
    assert silent in known_users(known, members, cut)
    assert set(known_users(known, members, cut)) - {silent} == set(
        known_users(known, GRAPH.users, cut)
    )


def test_without_enough_outcomes_no_chance_is_claimed():
    """Three users and one held-out event: no calibration, and the reason is told."""
    graph = tables(
        3,
        3,
        {"VIEWED": acts([0, 1, 2] * 4, [0, 1, 2] * 4, np.arange(12) * DAY)},
        category_of=[0, 1, 2],
    )
    found = fit_profiles(
        Planted.of(graph),
        graph,
        None,
        split(graph, TrainConfig(), seed=0),
        sensitive=frozenset(),
        seed=0,
    )
    assert found.interest is None
    assert "too few" in found.metrics["unavailable"]["INTERESTED_IN.Category"]


def test_without_times_held_out_events_are_predicted():
    """No horizon; the score is the chance that a held-out event falls in the category."""
    bought = GRAPH.behaviour["PURCHASED"]
    timeless = type(GRAPH)(
        **{
            **vars(GRAPH),
            "behaviour": {"VIEWED": acts(bought["src"].to_numpy(), bought["dst"].to_numpy())},
        }
    )
    parts = split(timeless, TrainConfig(), seed=0)
    found = fit_profiles(MODEL, timeless, None, parts, sensitive=frozenset(), seed=0)
    row = found.metrics["interests"][-1]
    assert found.horizon_days is None
    assert row["ece"] < row["ece_by_chance"] + 0.02
    assert found.metrics["unavailable"]["churnRisk"] == "the source has no times"


def test_pairs_left_out_of_the_fit_do_not_bias_it(monkeypatch):
    """Fitted on a twentieth of the pairs that did not come true, the mean chance is the same."""
    windows = windows_of(events(GRAPH), SPLIT)
    known = past(seen=Seen(until=SPLIT.train_until))
    rows = known_users(known, GRAPH.users, SPLIT.train_until)
    came = came_true(windows.validation.after, CATEGORIES)

    def mean():
        rng = np.random.default_rng(0)
        fitted = fit_interests(known, came, rows, CATEGORIES, rng)["profile"]
        return chances(known, fitted, rows, CATEGORIES).mean()

    whole = mean()
    monkeypatch.setattr("gnn.interests.MOST_PAIRS", len(rows) * len(CATEGORIES) // 20)
    assert mean() == pytest.approx(whole, rel=0.1)


def test_the_horizon_is_thirty_days_where_the_data_reach():
    """Longer only while too few users act, shorter only where a window is."""
    dense = shop(n_users=800, days=900, seed=1).graph
    horizon = windows_of(events(dense), split(dense, TrainConfig(), seed=0)).horizon_days
    short = shop(n_users=800, days=60, seed=1).graph
    shorter = windows_of(events(short), split(short, TrainConfig(), seed=0)).horizon_days
    assert (horizon, shorter < 10) == (30, True)


def test_ranks_begin_anew_with_each_user_in_any_order():
    """A refresh names users as they come; the first of a user's interests is the first."""
    user, rows = np.array([5, 5, 5, 2, 2, 9]), np.arange(6)
    found = Interests(user, rows, np.ones(6, np.float32), rows, np.ones(6, bool))
    assert found.where(np.array([1, 0, 1, 1, 1, 1], bool)).rank.tolist() == [1, 2, 1, 2, 1]
    assert found.where(np.zeros(6, bool)).rank.tolist() == []
