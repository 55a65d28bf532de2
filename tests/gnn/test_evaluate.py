"""Rankings and what came true → figures, worked out by hand."""

import math

import numpy as np
import pytest
import torch

from gnn.evaluate import Task, measure, repeat_share, table, task
from gnn.graph import events
from tests.gnn.planted import acts, tables

N = 30


def of(before, held_out, n_items=N, **more):
    """A task from (user, item) pairs."""
    flat = [
        events(tables(4, n_items, {"PURCHASED": acts(*zip(*pairs, strict=True))}, **more))
        for pairs in (before, held_out)
    ]
    return flat[0], flat[1]


def ranked(*items, n=N):
    """[1, n] scores that put these items first, in this order, and the others after in theirs."""
    order = [*items, *(k for k in range(n) if k not in items)]
    scores = torch.empty(1, n)
    scores[0, order] = torch.arange(n, 0, -1).float()
    return scores


def figures(targets, scores, before=((1, 0),)):
    on = task(*of(list(before), [(0, t) for t in targets]), "new items")
    return {k: float(v[0]) for k, v in measure(on, lambda _: {"": scores})[""].figures.items()}


def test_recall_is_the_share_of_the_targets_found():
    """Places 1 and 12: one of two in the first ten, both in the first twenty."""
    got = figures([3, 7], ranked(3, *range(10, 20), 7))
    assert (got["recall@10"], got["recall@20"]) == (0.5, 1)


def test_ndcg_discounts_by_place():
    """Places 2 and 4 of two targets."""
    got = figures([3, 7], ranked(10, 3, 11, 7))
    ideal = 1 + 1 / math.log2(3)
    assert got["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)


def test_ndcg_is_one_where_all_places_are_targets():
    """More targets than places: the ideal is as long as the list."""
    assert figures(range(15), ranked(*range(15)))["ndcg@10"] == pytest.approx(1)


def test_mrr_is_the_first_targets_place():
    """The third, then the eighth: a third."""
    assert figures([3, 7], ranked(10, 11, 3, 12, 13, 14, 15, 7))["mrr"] == pytest.approx(1 / 3)


def test_a_ranking_that_knows_nothing_is_last_in_mrr():
    """Among equal scores a target comes last: no figure is won by a tie."""
    assert figures([3], torch.zeros(1, N))["mrr"] == pytest.approx(1 / N)


def test_a_score_that_is_no_number_is_the_worst():
    """NaN wins nothing."""
    scores = ranked(3)
    scores[0, 3] = float("nan")
    assert figures([3], scores)["recall@20"] == 0


def test_items_taken_up_before_leave_the_ranking():
    """Item 10 was bought before: the target behind it is first."""
    assert figures([3], ranked(10, 3), before=[(0, 10)])["mrr"] == 1


def test_new_items_are_the_targets_where_nobody_buys_again():
    """What was touched before is no target."""
    on = task(*of([(0, 1), (1, 2)], [(0, 1), (0, 3), (1, 2)]), "new items")
    assert on.users.tolist() == [0]
    assert on.target.tolist() == [3]


def test_all_items_are_targets_where_people_buy_again():
    """And nothing leaves the ranking."""
    on = task(*of([(0, 1), (1, 2)], [(0, 1), (0, 3), (1, 2)]), "all items")
    assert on.users.tolist() == [0, 1]
    assert on.target.tolist() == [1, 3, 2]
    assert len(on.seen) == 0


def test_a_target_counts_once():
    """However often it was bought."""
    assert task(*of([(0, 1)], [(0, 3)] * 5), "new items").target.tolist() == [3]


def test_negatives_are_no_targets_but_known_items():
    """What was rated low before is not recommended again; rated low later, it is no hit."""
    low = tables(1, 3, {"RATED": acts([0], [0], rating=[1], weight=[0.0])})
    held = tables(1, 3, {"RATED": acts([0, 0], [1, 2], rating=[5, 1], weight=[1.0, 0.0])})
    on = task(events(low), events(held), "new items")
    assert on.target.tolist() == [1]
    assert on.seen.tolist() == [0]


def test_the_share_of_repeats():
    """One of four pairs was there before."""
    assert repeat_share(*of([(0, 1)], [(0, 1), (0, 2), (1, 1), (1, 2)])) == 0.25


def test_blocks_give_what_the_whole_gives(monkeypatch):
    """Users are ranked in blocks to bound memory."""
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(4) for i in rng.choice(N, 5, replace=False)]
    on = task(*of([(3, 1)], pairs), "new items")
    scores = torch.from_numpy(rng.random((4, N), np.float32))
    whole = measure(on, lambda users: {"": scores[users]})[""]
    monkeypatch.setattr("gnn.evaluate.BLOCK_CELLS", N)
    parts = measure(on, lambda users: {"": scores[users]})[""]
    assert all(np.array_equal(whole.figures[k], parts.figures[k]) for k in whole.figures)
    assert np.array_equal(whole.reached, parts.reached)


def test_coverage_is_the_share_of_items_in_any_top_20():
    """Two users with the same list of 20 of 30 items."""
    on = task(*of([(2, 0)], [(0, 3), (1, 3)]), "new items")
    rows = table(on, measure(on, lambda users: {"m": ranked().repeat(len(users), 1)}))
    assert rows[0]["coverage@20"] == pytest.approx(20 / 30)


def test_the_table_tells_users_apart_by_activity():
    """All, those with no event before, and those with one to five."""
    on = task(*of([(0, 1), (0, 2)], [(0, 3), (1, 4)]), "new items")
    rows = table(on, measure(on, lambda users: {"m": ranked(3).repeat(len(users), 1)}))
    assert [(r["users"], r["n"], r["mrr"]) for r in rows] == [
        ("all", 2, pytest.approx((1 + 1 / 5) / 2)),
        ("no event", 1, pytest.approx(1 / 5)),
        ("1 to 5", 1, 1),
    ]


def test_a_sample_keeps_each_users_own_targets():
    """Of a hundred users, ten."""
    users = np.arange(100)
    whole = Task(
        users, np.arange(101), users * 2, np.arange(101), users * 2 + 1, users, "new items", 201
    )
    some = whole.sample(10, np.random.default_rng(0))
    assert len(some) == 10
    assert np.array_equal(some.target, some.users * 2)
    assert np.array_equal(some.seen, some.users * 2 + 1)
    assert np.array_equal(some.events_before, some.users)


def test_halves_are_of_different_users():
    """Together they are all of them, each with the own targets."""
    users = np.arange(11)
    whole = Task(
        users, np.arange(12), users * 2, np.arange(12), users * 2 + 1, users, "new items", 30
    )
    first, second = whole.halves(np.random.default_rng(0))
    assert sorted([*first.users, *second.users]) == users.tolist()
    assert (len(first), len(second)) == (5, 6)
    assert np.array_equal(first.target, first.users * 2)


def test_fewer_items_than_places():
    """Three items: recall at twenty is found among the three."""
    got = figures_of_three()
    assert got["recall@20"] == 1


def figures_of_three():
    on = task(*of([(1, 0)], [(0, 2)], n_items=3), "new items")
    return {k: float(v[0]) for k, v in measure(on, lambda _: {"": ranked(n=3)})[""].figures.items()}
