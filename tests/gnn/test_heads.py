"""What a ranker is told of the head of a ranking, beside the same said user by user."""

import numpy as np
import pytest
import torch

from gnn.graph import Seen
from gnn.heads import NAMES, Heads
from gnn.inputs import Vocabulary, inputs
from gnn.score import Scorer
from gnn.train import train
from tests.gnn.boards import QUICK, always_ranked, communities

GRAPH = communities(ties="random", categories=True)
with always_ranked():
    TRAINED = train(GRAPH, None, QUICK, seed=0)
SCORER = TRAINED.scorer(GRAPH)
HEADS, FLAT = SCORER.heads, SCORER.inputs.flat
USERS = np.array([4, 7, 90])


def told(users=USERS, scorer=SCORER):
    """Items of the heads, and features by name."""
    term = scorer.terms(users)
    scores = scorer.fusion.apply(term)
    head = scorer.heads.items(users, scores, repeats=False)
    x = scorer.heads.features(term, torch.arange(len(users)), scores, head)
    return head, {name: x[..., k] for k, name in enumerate(NAMES)}


HEAD, X = told()


def own(user):
    """Items and times of the user's events."""
    mine = (FLAT.user == user) & FLAT.positive
    return FLAT.item[mine], FLAT.at[mine]


def test_how_lately_an_item_was_taken_up():
    """By its last event; 0 where it never was."""
    for row, user in enumerate(USERS):
        items, at = own(user)
        for item, got in zip(HEAD[row].tolist(), X["recent"][row].tolist(), strict=True):
            times = at[items == item]
            days = (SCORER.inputs.now - times.max()) / 86_400 if len(times) else np.inf
            assert got == pytest.approx(1 / np.log2(2 + days), abs=1e-6)


def test_how_much_is_in_the_items_categories():
    """Of the user's items: these users keep to one of two."""
    for row, user in enumerate(USERS):
        mine = np.unique(own(user)[0]) % 2
        share = np.array([np.mean(mine == c) for c in (0, 1)])
        assert X["categories"][row].numpy() == pytest.approx(share[HEAD[row].numpy() % 2])


def test_which_friends_took_it_up():
    """Log of their number."""
    follows = GRAPH.social["FOLLOWS"]
    src, dst = (follows[end].to_numpy() for end in ("src", "dst"))
    for row, user in enumerate(USERS):
        friends = dst[src == user]
        count = [sum(item in own(f)[0] for f in friends) for item in HEAD[row].tolist()]
        assert X["friends"][row].numpy() == pytest.approx(np.log1p(count), rel=1e-5)


def test_the_same_for_all_items_of_a_user():
    for row, user in enumerate(USERS):
        mine = np.unique(own(user)[0])
        popular = SCORER.blend.popular.numpy()[mine].mean()
        assert X["events"][row].numpy() == pytest.approx(np.log1p(len(mine)))
        assert X["own popular"][row].numpy() == pytest.approx(popular, rel=1e-5)


def test_a_user_is_told_of_alike_whoever_else_is_asked_about():
    """A refresh of one must order as a publish of all."""
    _, alone = told(USERS[:1])
    for name in NAMES:
        assert alone[name][0].numpy() == pytest.approx(X[name][0].numpy(), abs=1e-5), name


def test_own_items_are_no_part_where_they_may_not_come_again():
    """Nor are they pushed out where they may."""
    scores = SCORER.fusion.apply(SCORER.terms(USERS))
    for row, user in enumerate(USERS):
        mine = set(own(user)[0].tolist())
        both = HEADS.items(USERS, scores, repeats=True)[row].tolist()
        assert mine <= set(both)
        new = HEADS.items(USERS, scores, repeats=False)[row].tolist()
        assert set(both) - mine == set(new[: len(set(both) - mine)])


def test_without_times_nothing_is_late():
    """Neither features of time say anything, nor is there an order to take a last item from."""
    graph = communities(at=False)
    seen = inputs(graph, None, Seen(), Vocabulary.of(graph, None), torch.device("cpu"))
    with always_ranked():
        trained = train(graph, None, QUICK, seed=0)
    scorer = trained.scorer(graph)
    assert isinstance(scorer, Scorer)
    assert seen.now is None
    _, x = told(scorer=scorer)
    assert not x["recent"].any()
    assert not x["last three"].any()
    assert not x["categories"].any()
    assert x["likest"].any()


def test_a_ranker_changes_the_order_and_nobodys_head():
    """The fused score and the weighted sum have the same items in front."""
    assert TRAINED.ranker is not None
    fused = torch.from_numpy(SCORER.fused(USERS))
    plain = SCORER.fusion.apply(SCORER.terms(USERS))
    assert not torch.equal(fused, plain)
    assert (
        Heads(SCORER.inputs, SCORER.blend)
        .items(USERS, plain, repeats=False)
        .sort(dim=1)
        .values.equal(HEADS.items(USERS, fused, repeats=False).sort(dim=1).values)
    )
