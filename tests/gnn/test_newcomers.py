"""Users without events: friends are trusted as far as validation bears it out."""

import copy
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from gnn.config import TrainConfig
from gnn.encode import friends_alone
from gnn.evaluate import task
from gnn.fusion import Fusion
from gnn.graph import Seen, events
from gnn.newcomers import FAINT, FEWEST, LENGTHS, choose_length
from gnn.split import Part
from gnn.train import refit, train
from tests.gnn.boards import QUICK, communities
from tests.gnn.planted import DAY, keys

N = 400
SHORT = QUICK.model_copy(update={"epochs": 5, "batch": 64})


def shop(ties, newcomers=0, at=True):
    """Two kinds of users; the last `newcomers` came without events and follow six others each, of
    one kind (`homophilous`) or any."""
    graph = communities(ties=ties, n_users=N, per_user=6, at=at)
    rng = np.random.default_rng(1)
    src = np.repeat(np.arange(N, N + newcomers), 6)
    dst = rng.integers(0, N // 2, len(src)) * 2
    dst += src % 2 if ties == "homophilous" else rng.integers(0, 2, len(src))
    more = pa.table({"src": src, "dst": dst})
    return replace(
        graph,
        users=pa.table({"userId": keys("u", N + newcomers)}),
        social={"FOLLOWS": pa.concat_tables([graph.social["FOLLOWS"], more])},
    )


@pytest.fixture(scope="module")
def trained():
    kept = {}

    def of(ties, at=True):
        if (ties, at) not in kept:
            graph = shop(ties, 20, at)
            kept[ties, at] = graph, train(graph, None, SHORT, seed=0)
        return kept[ties, at]

    return of


def own_share(graph, model):
    """Of the ten best of each newcomer, the share of the newcomer's own kind."""
    users = np.arange(N, N + 20)
    top = np.argsort(-model.scorer(graph).fused(users), axis=1)[:, :10]
    return (top % 2 == users[:, None] % 2).mean()


@pytest.mark.parametrize("at", [True, False])
def test_friends_who_are_alike_tell_what_a_newcomer_likes(trained, at):
    """With times or without, though all others have events that tell it better."""
    graph, model = trained("homophilous", at)
    assert model.model.length_alone >= 0.1
    assert own_share(graph, model) > 0.95


@pytest.mark.parametrize("at", [True, False])
def test_of_strangers_for_friends_nothing_is_taken(trained, at):
    """Newcomers get what is popular, in its order."""
    graph, model = trained("random", at)
    assert float(model.model.length_alone.detach()) == pytest.approx(FAINT)
    scorer = model.scorer(graph)
    scores = scorer.fused(np.array([N]))[0]
    assert (np.diff(scorer.encoded.bias[np.argsort(-scores)]) <= 0).all()


def test_a_refit_keeps_what_validation_chose(trained):
    """Training alone would find another length."""
    graph, model = trained("random")
    served = refit(model, graph, None).model
    assert torch.equal(served.length_alone, model.model.length_alone)


def test_whoever_friends_tell_nothing_of_still_has_a_direction(trained):
    """So that there are users like them, and a segment."""
    graph, model = trained("random")
    assert model.encode(graph).user[N:].any(axis=1).all()


def test_friends_who_hurt_others_may_help_a_newcomer(trained):
    """The weights are two: here friends are set against users with events."""
    graph, model = trained("homophilous")
    against = copy.deepcopy(model)
    with torch.no_grad():
        against.model.social_weight.fill_(-0.2)
    assert own_share(graph, against) > 0.95


def test_as_if_without_events_is_without_events(trained):
    """What friends alone say of a user with events is what they say once these are gone."""
    graph, model = trained("homophilous")
    scorer = model.scorer(graph)
    alone = friends_alone(scorer.model, scorer.inputs, scorer.moment)[7].numpy()
    bought = graph.behaviour["PURCHASED"]["src"].to_numpy()
    gone = model.scorer(graph, seen=Seen(exclude={"PURCHASED": bought == 7})).encoded.user[7]
    assert gone / np.linalg.norm(gone) == pytest.approx(alone, abs=0.02)


def test_evidence_carries_the_length(trained):
    """The parts of a newcomer's edges still add up to the newcomer's vector."""
    graph, model = trained("homophilous")
    encoded = model.encode(graph)
    total = np.zeros_like(encoded.user)
    for hop in encoded.hops:
        np.add.at(total, hop.user, hop.coefficient[:, None] * hop.message[hop.other])
    assert total[N:] == pytest.approx(encoded.user[N:], abs=1e-5)
    length = float(model.model.length_alone.detach())
    assert np.linalg.norm(encoded.user[N:], axis=1) == pytest.approx(np.full(20, length), abs=1e-5)


def test_newcomers_have_a_ranking_where_the_encoder_has_no_weight(trained):
    """The other terms say nothing of them."""
    graph, model = trained("homophilous")
    linear = replace(model, fusion=Fusion(encoder=0, two_hop=1))
    assert own_share(graph, linear) > 0.95


def judged(graph, model):
    """The length for the users of a period that begins on day 50."""
    flat, until = events(graph), 50 * DAY
    before, later = flat.where(flat.at < until), flat.where(flat.at >= until)
    scorer = model.scorer(graph, seen=Seen(until))
    return choose_length(scorer, task(before, later, "new items"))


def test_few_newcomers_are_joined_by_others_as_if_they_were_new(trained):
    """The card says so."""
    graph, model = trained("homophilous")
    length, figures = judged(graph, model)
    assert figures["as_if"]
    assert figures["users"] > FEWEST
    assert set(figures["worth"]) == {str(x) for x in LENGTHS}
    assert figures["worth"][str(length)] == max(figures["worth"].values())


def test_enough_newcomers_are_judged_alone(trained):
    """Half of the users begin after the cut; whose friends have no events either say nothing."""
    graph, model = trained("homophilous")
    late = graph.behaviour["PURCHASED"]
    keep = (late["src"].to_numpy() % 4 > 1) | (late["at"].to_numpy() >= 50 * DAY)
    begun = replace(graph, behaviour={"PURCHASED": late.filter(pa.array(keep))})
    _, figures = judged(begun, model)
    flat = events(begun)
    started = np.unique(flat.user[flat.at < 50 * DAY])
    assert not figures["as_if"]
    new = np.setdiff1d(np.unique(flat.user), started)
    assert FEWEST < figures["users"] <= len(new)


def test_without_ties_there_is_nothing_to_trust():
    """And the card says nobody was asked."""
    graph = communities()
    model = train(graph, None, TrainConfig(dim=8, epochs=2, batch=16, rank=0), seed=0)
    assert model.metrics["without_events"] == {"users": 0}
    assert model.split is not None
    scorer = model.scorer(graph, None, model.split.before(Part.TEST))
    assert np.isfinite(scorer.fused(np.arange(120))).all()
