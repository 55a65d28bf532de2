"""Users known by few events: they get the more of what is popular, the less their taste tells."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnn.few_events import HALVES, choose_half
from gnn.fusion import Fusion, standard
from gnn.graph import Seen, events
from gnn.inputs import Vocabulary, inputs
from gnn.quality import Trial
from gnn.score import Scorer
from gnn.split import Part
from gnn.train import train
from tests.gnn.boards import QUICK, communities
from tests.gnn.planted import DAY, acts, tables

N, ITEMS = 400, 60
SHORT = QUICK.model_copy(update={"epochs": 5, "batch": 64})
CPU = torch.device("cpu")


def crowd():
    """Everyone takes what is popular; nobody has a taste."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(N), 10)
    item = (ITEMS * rng.random(len(user)) ** 3).astype(np.int64)
    at = rng.integers(0, 300, len(user)) * DAY
    return tables(N, ITEMS, {"VIEWED": acts(user, item, at)})


@pytest.fixture(scope="module")
def of_taste():
    graph = communities(ties="none", n_users=N, per_user=6, at=True)
    return graph, train(graph, None, SHORT, seed=0)


@pytest.fixture(scope="module")
def of_none():
    graph = crowd()
    return graph, train(graph, None, SHORT, seed=0)


def test_only_some_events_are_known():
    """In all columns, and no user has another's."""
    graph = crowd()
    seen = inputs(graph, None, Seen(), Vocabulary.of(graph, None), CPU)
    keep = np.arange(len(seen.flat)) % 3 == 0
    some = seen.keeping(keep)
    assert some.indptr[-1] == keep.sum() == len(some.user) == len(some.flat)
    for name in ("user", "item", "at", "relation", "value", "positive", "review"):
        assert torch.equal(getattr(some, name), getattr(seen, name)[keep])
    owner = torch.repeat_interleave(torch.arange(some.n_users), some.indptr.diff())
    assert torch.equal(owner, some.user)


def test_the_fewer_the_events_the_more_popularity():
    """Half and half at `half` events; nearly all taste at many."""
    score, popular = torch.randn(3, 50), standard(torch.randn(3, 50))
    got = Fusion(half=2).drawn(score, torch.tensor([0, 2, 10_000]), lambda _: popular)
    assert torch.allclose(got[0], popular[0])
    assert torch.allclose(got[1], (standard(score)[1] + popular[1]) / 2, atol=1e-6)
    assert torch.allclose(got[2], standard(score)[2], atol=1e-2)


def test_without_it_the_score_is_what_it_was():
    """And popularity is not asked for."""
    score = torch.randn(2, 5)
    assert Fusion().drawn(score, torch.tensor([1, 2]), pytest.fail) is score


def test_where_taste_tells_nothing_one_event_counts_for_little(of_none):
    """Popularity is the best there is."""
    _, trained = of_none
    assert trained.fusion.half >= 2
    worth = trained.metrics["few_events"]["worth"]
    assert worth[str(trained.fusion.half)] == max(worth.values())


def test_where_taste_is_plain_it_is_followed_at_once(of_taste):
    """One event says which of two kinds a user is of."""
    _, trained = of_taste
    assert trained.fusion.half <= 0.5


def test_what_is_chosen_ranks_few_events_better(of_none):
    """On the test's users, told their last event alone."""
    graph, trained = of_none
    trial = Trial.of(events(graph), trained.split, Part.TEST)
    on = trial.task("new items", 500, 0)
    scorer = trained.scorer(graph, None, trained.split.before(Part.TEST))
    _, figures = choose_half(
        replace(scorer, fusion=trained.fusion.model_copy(update={"half": 0})), on
    )
    assert figures["worth"][str(trained.fusion.half)] > figures["worth"]["0.0"]


def test_a_user_of_many_events_is_hardly_moved(of_none):
    """The order of items stays nearly what it was."""
    graph, trained = of_none
    scorer = trained.scorer(graph)
    plain = replace(scorer, fusion=trained.fusion.model_copy(update={"half": 0.0}))
    slight = replace(scorer, fusion=trained.fusion.model_copy(update={"half": 0.1}))
    users = np.arange(20)
    one, other = (torch.from_numpy(s.fused(users)) for s in (plain, slight))
    assert torch.allclose(standard(one), standard(other), atol=0.15)


def test_nobody_to_ask_changes_nothing(of_none):
    """No user of the task has an event."""
    graph, trained = of_none
    scorer: Scorer = trained.scorer(graph)
    trial = Trial.of(events(graph), trained.split, Part.TEST)
    on = trial.task("new items", 500, 0).of_users(np.empty(0, np.int64))
    assert choose_half(scorer, on) == (0.0, {"users": 0})
    assert HALVES[0] == 0
