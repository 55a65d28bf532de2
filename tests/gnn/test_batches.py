"""Training steps: what a user is made of always comes before what is predicted."""

import numpy as np
import pytest
import torch

from gnn.encode import snapshot
from gnn.fit import start
from gnn.graph import Seen
from gnn.inputs import Vocabulary, inputs
from gnn.model import Encoder
from tests.gnn.boards import QUICK, communities, rich

CPU = torch.device("cpu")


def fit_of(graph, text=None, *, timed=True, repeats=False, **changes):
    known = Vocabulary.of(graph, text)
    given = inputs(graph, text, Seen(), known, CPU)
    config = QUICK.model_copy(update=changes)
    return start(
        Encoder(known, config.dim, config.temperature), given, config,
        half_life=None, repeats=repeats, timed=timed,
    )  # fmt: skip


@pytest.fixture(scope="module")
def timed():
    """A fit and three epochs of its steps."""
    fit = fit_of(*rich())
    rng = np.random.default_rng(0)
    steps = [b for _ in range(3) for b in fit.batches.epoch(fit.users, rng)]
    assert sum(len(b.target) for b in steps) > 1000
    return fit, steps


def test_events_read_come_before_the_moment(timed):
    """Strictly: those of the same second are targets."""
    fit, steps = timed
    assert all((fit.inputs.at[b.event] < b.now[b.owner]).all() for b in steps)


def test_targets_come_at_or_after_the_moment(timed):
    """No target was there before, at any time."""
    fit, steps = timed
    flat = fit.inputs.flat
    for b in steps:
        user, item, now = (t.numpy() for t in (b.user[b.target_owner], b.target, b.now))
        now = now[b.target_owner.numpy()]
        order = np.lexsort((flat.at, flat.pair))
        first = np.searchsorted(flat.pair[order], user * flat.n_items + item)
        assert (flat.at[order][first] >= now).all()


def test_the_world_is_known_as_of_a_moment_before(timed):
    """Popularity, friends and reviews of items are those of a snapshot no later than the targets:
    at first there is one of an empty world."""
    fit, steps = timed
    assert all(fit.snapshots[b.snapshot].until <= int(b.now.min()) for b in steps)
    assert not fit.snapshots[0].users_of_item.any()


def test_a_snapshot_counts_what_came_before_it(timed):
    """Users of an item, and the mean of its reviews."""
    fit, _ = timed
    given, flat = fit.inputs, fit.inputs.flat
    middle = fit.snapshots[len(fit.snapshots) // 2]
    before = flat.where(flat.at < middle.until)
    users = np.asarray(before.matrix().sum(0)).ravel()
    assert np.array_equal(middle.users_of_item.numpy(), users)
    item = 3
    rows = given.review[(given.review >= 0) & (given.at < middle.until) & (given.item == item)]
    mean = given.review_text[rows].mean(0)
    assert torch.allclose(middle.reviews[item], mean, atol=1e-6)


def test_known_items_hold_all_that_was_read_or_is_to_come(timed):
    """None of them is a negative."""
    fit, steps = timed
    for b in steps:
        own = {*zip(b.known_owner.tolist(), b.known.tolist(), strict=True)}
        read = zip(b.owner.tolist(), fit.inputs.item[b.event].tolist(), strict=True)
        later = zip(b.target_owner.tolist(), b.target.tolist(), strict=True)
        assert own >= {*read, *later}


def test_each_user_is_met_once_an_epoch(timed):
    """At most: a user whose moment leaves nothing new to predict may be passed over."""
    fit, _ = timed
    users = np.concatenate(
        [b.user.numpy() for b in fit.batches.epoch(fit.users, np.random.default_rng(1))]
    )
    assert len(np.unique(users)) == len(users)
    assert len(users) > 0.9 * len(fit.users)


def test_long_histories_are_read_from_their_end():
    """The latest two events before the moment."""
    fit = fit_of(communities(), history=2)
    for b in fit.batches.epoch(fit.users, np.random.default_rng(0)):
        assert torch.bincount(b.owner, minlength=1).max() <= 2
        later = fit.inputs.indptr[b.user] + torch.bincount(b.owner, minlength=len(b.user))
        assert (later <= fit.inputs.indptr[b.user + 1]).all()


def test_without_times_all_is_read_and_predicted():
    """Each user's items, once."""
    graph = communities(at=False)
    fit = fit_of(graph, timed=False)
    (step,) = fit_of(graph, timed=False, batch=1000).batches.epoch(
        fit.users, np.random.default_rng(0)
    )
    assert len(step.event) == len(step.target) == graph.behaviour["PURCHASED"].num_rows
    assert step.now is None


def test_the_present_is_the_last_snapshot():
    """What serving looks at is what training ended with."""
    fit = fit_of(communities())
    present = snapshot(fit.inputs, None, None)
    assert torch.equal(fit.snapshots[-1].prior, present.prior)
