"""A training that begins from an earlier model: what is carried on, and what that is worth."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from gnn.errors import ModelError
from gnn.evaluate import measure, task
from gnn.graph import Seen, events
from gnn.inputs import Vocabulary
from gnn.model import Encoder
from gnn.train import refit, train
from gnn.warm import begin_from
from tests.gnn.boards import QUICK, communities, rich
from tests.gnn.planted import DAY, keys

THEN, NOW = 70 * DAY, 85 * DAY


def model_of(known, dim=4, seed=0):
    torch.manual_seed(seed)
    return Encoder(known, dim, 0.1)


def test_what_both_know_begins_as_it_was():
    """Items by id, types by name, whatever their order; what is new begins as new."""
    old = Vocabulary.of(*rich())
    new = replace(
        old,
        items=pa.concat_arrays([keys("new", 2), old.items[::-1]]),
        relations=(*old.relations[::-1], "VIEWED"),
        supports=(*old.supports[::-1], True),
    )
    before, model, untouched = model_of(old), model_of(new, seed=1), model_of(new, seed=1)
    begin_from(model, before)
    assert torch.equal(model.item_id[2:], before.item_id.flip(0))
    assert torch.equal(model.item_id[:2], untouched.item_id[:2])
    assert torch.equal(model.decay[:-1], before.decay.flip(0))
    assert torch.equal(model.category, before.category)
    one, other = model.item_text.state_dict(), before.item_text.state_dict()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_texts_of_another_width_are_learned_anew():
    """The other weights are carried on."""
    old = Vocabulary.of(*rich())
    before, model = model_of(old), model_of(replace(old, item_text=7), seed=1)
    first = model.item_text[0].weight.clone()
    begin_from(model, before)
    assert torch.equal(model.item_text[0].weight, first)
    assert torch.equal(model.item_id, before.item_id)


def test_another_dimension_is_refused():
    """It says which to give."""
    known = Vocabulary.of(communities(), None)
    with pytest.raises(ModelError, match="vectors of 4, this training of 8: give dim=4"):
        begin_from(model_of(known, 8), model_of(known, 4))


@pytest.fixture(scope="module")
def grown():
    """A release of 70 days over 40 items; then 85 days over 44, cold and warm."""
    later = communities(n_items=44, per_user=14)
    early = replace(
        later,
        items=later.items.slice(0, 40),
        behaviour={
            kind: t.filter(pa.array(t["dst"].to_numpy() < 40))
            for kind, t in later.behaviour.items()
        },
    )
    before = refit(train(early, None, QUICK, seed=0), early, None, until=THEN)
    trained = train(later, None, QUICK, seed=1)
    cold = refit(trained, later, None, until=NOW)
    warm = refit(trained, later, None, until=NOW, warm=before.model)
    return later, before, cold, warm


def cosine(a, b):
    """Mean over the first release's items."""
    one, other = (
        torch.nn.functional.normalize(t.model.item_id[:40].detach(), dim=1) for t in (a, b)
    )
    return float((one * other).sum(1).mean())


def ndcg(trained, graph):
    """On what came after both."""
    flat = events(graph)
    on = task(flat.seen(Seen(NOW)), flat.where(flat.at >= NOW), "new items")
    scorer = trained.scorer(graph, None, Seen(NOW))
    found = measure(on, lambda users: {"": scorer.encoder_scores(users)}, top_only=True)
    return float(np.mean(found[""].figures["ndcg@20"]))


def test_vectors_stay_nearer_than_from_a_cold_start(grown):
    """By far: a cold start has directions of its own."""
    _, before, cold, warm = grown
    assert cosine(before, warm) > 0.5
    assert cosine(before, warm) > cosine(before, cold) + 0.3


def test_a_warm_start_is_as_good(grown):
    """On events that neither release has learned from."""
    later, _, cold, warm = grown
    assert ndcg(warm, later) > ndcg(cold, later) - 0.02


def test_the_earlier_model_is_not_changed(grown):
    """It may be what readers see."""
    later, before, cold, _ = grown
    weights = {k: v.clone() for k, v in before.model.state_dict().items()}
    trained = replace(cold, split=train(later, None, QUICK, seed=1).split)
    refit(trained, later, None, until=NOW, warm=before.model)
    assert all(torch.equal(weights[k], v) for k, v in before.model.state_dict().items())
