"""The head of a ranking in a better order, where that is proved, and nothing else changed."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import gnn.heads
from gnn.heads import NAMES, Heads
from gnn.ranker import Ranker, reordered
from gnn.ranker_fit import Lessons, chosen, learned

N, M = 600, 40
FUSED = NAMES.index("fused")


def lessons(seed=0, both=True):
    """The target is the item on which two features agree (a product, which no sum can say), or any
    item at random."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(N, M, len(NAMES))).astype(np.float32))
    if both:
        x[..., FUSED] = x[..., 0] + x[..., 1]
        target = torch.minimum(x[..., 0], x[..., 1]).argmax(1)
    else:
        target = torch.from_numpy(rng.integers(0, M, N))
    is_target = torch.zeros(N, M, dtype=torch.bool)
    is_target[torch.arange(N), target] = True
    return Lessons(x, is_target, torch.ones(N, dtype=torch.long), torch.arange(N))


def test_what_no_sum_can_say_is_learned():
    """And proved by users it did not learn from."""
    made = lessons()
    ranker, figures = chosen(made, repeats=False, seed=0)
    assert ranker is not None
    assert ranker.share == figures["share"] >= 0.5
    assert figures["worth"][str(ranker.share)] > figures["worth"]["0.0"] + 0.05
    fresh = lessons(seed=1)
    gain = fresh.worth(ranker.logits(fresh.x)) - fresh.worth(fresh.x[..., FUSED])
    assert gain.mean() > 0.05


def test_where_there_is_nothing_to_learn_none_is_used():
    """Noise fits those it learned from, and is found out by the others."""
    ranker, figures = chosen(lessons(both=False), repeats=False, seed=0)
    assert ranker is None
    assert figures["share"] == 0


def test_a_share_of_nothing_is_the_fusion():
    """And of a half the mean."""
    whole, x = learned(lessons(), False, 0), lessons(2).x
    none = whole.model_copy(update={"share": 0.0}).logits(x)
    half = whole.model_copy(update={"share": 0.5}).logits(x)
    assert torch.equal(none, x[..., FUSED])
    assert torch.allclose(half, (none + whole.logits(x)) / 2, atol=1e-4)


def test_one_seed_makes_one_ranker():
    assert learned(lessons(), False, 3) == learned(lessons(), False, 3)
    assert learned(lessons(), False, 3) != learned(lessons(), False, 4)


def test_it_is_json():
    """Saved with the model; the same logits after."""
    ranker = learned(lessons(), True, 0)
    again = Ranker.model_validate(json.loads(json.dumps(ranker.model_dump(mode="json"))))
    x = lessons(2).x
    assert torch.equal(again.logits(x), ranker.logits(x))
    assert (again.repeats, again.fewest) == (True, ranker.fewest)


def test_users_like_none_it_learned_from_are_left_alone():
    """The twentieth with the fewest events."""
    assert learned(lessons(), False, 0).fewest == pytest.approx(0.05 * N, abs=1)


@dataclass
class Reads:
    """A ranker that prefers what `of` says."""

    repeats: bool
    fewest: int

    def logits(self, x):
        return -x[..., FUSED]  # the reverse order


def terms(blend):
    return SimpleNamespace(users=np.arange(3), rows=blend.interactions)


def board(monkeypatch, items=12, deep=5):
    monkeypatch.setattr(gnn.heads, "DEEP", deep)
    r = sp.csr_matrix((np.random.default_rng(0).random((3, items)) < 0.3).astype(np.float32))
    blend = SimpleNamespace(interactions=r)
    scores = torch.from_numpy(np.random.default_rng(1).normal(size=(3, items)).astype(np.float32))

    def features(self, terms, rows, scores, head):
        x = torch.zeros(*head.shape, len(NAMES))
        x[..., FUSED] = scores.gather(1, head)
        return x

    monkeypatch.setattr(Heads, "features", features)
    return blend, scores


@pytest.mark.parametrize("repeats", [False, True])
def test_the_head_is_put_in_another_order_and_stays_the_head(monkeypatch, repeats):
    """Here in the reverse one. Nothing behind it moves; own items are no part of it where they may
    not be recommended again."""
    blend, scores = board(monkeypatch)
    own = torch.from_numpy(blend.interactions.toarray() > 0)
    free = torch.zeros_like(own) if repeats else own
    before = scores.masked_fill(free, float("-inf"))
    order = before.sort(dim=1, descending=True).indices
    heads = Heads(SimpleNamespace(), blend)
    after = reordered(Reads(repeats, 0), heads, terms(blend), scores.clone())
    new = after.masked_fill(free, float("-inf")).sort(dim=1, descending=True).indices
    assert torch.equal(new[:, :5], order[:, :5].flip(1))
    rest = order[:, 5:]
    assert torch.equal(after.gather(1, rest), scores.gather(1, rest))


def test_users_of_too_few_events_keep_their_order(monkeypatch):
    """To the last digit."""
    blend, scores = board(monkeypatch)
    count = np.diff(blend.interactions.indptr)
    heads = Heads(SimpleNamespace(), blend)
    ranker = Reads(False, int(count.max()))
    after = reordered(ranker, heads, terms(blend), scores.clone())
    same = (after == scores).all(1)
    assert same.tolist() == (count < count.max()).tolist()
