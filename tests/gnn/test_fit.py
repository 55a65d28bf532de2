"""Epochs of training, and the weights that are served."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch

from gnn.encode import vectors
from tests.gnn.boards import communities
from tests.gnn.test_batches import fit_of

ALL = 12
"""Events of each user"""


def weights_after(n, averaging):
    """[n] weights of items after each epoch, and those served after the last."""
    fit = fit_of(communities(), averaging=averaging)
    dice = torch.Generator().manual_seed(0)
    epochs = fit.epochs(np.random.default_rng(0), dice)
    each = []
    for _ in range(n):
        next(epochs)
        each.append(fit.model.item_id.detach().clone())
    return each, fit.served.item_id


def test_the_first_epochs_count_alike():
    """Three of them: their mean is served."""
    each, served = weights_after(3, 0.8)
    assert torch.allclose(served, torch.stack(each).mean(0), atol=1e-6)


def test_earlier_epochs_fade():
    """Each step keeps the share that is set."""
    each, served = weights_after(4, 0.5)
    mean = (each[0] + each[1]) / 2
    for later in each[2:]:
        mean = (mean + later) / 2
    assert torch.allclose(served, mean, atol=1e-6)


def test_without_averaging_the_last_weights_are_served():
    """Exactly."""
    each, served = weights_after(3, 0.0)
    assert torch.equal(served, each[-1])


def read_of(share, *, timed=False, ties="random"):
    """Events read of each user in some steps, beside those the steps offer."""
    graph = communities(ties=ties, n_users=600, at=timed)
    fit = fit_of(graph, timed=timed, few_told=share, event_dropout=0.0)
    dice, counts = torch.Generator().manual_seed(0), []
    for batch in fit.batches.epoch(fit.users, np.random.default_rng(0)):
        _, owner = fit._read(batch, dice)
        n = len(batch.user)
        offered = torch.bincount(batch.owner, minlength=n)
        counts.append(torch.stack([torch.bincount(owner, minlength=n), offered]))
    return torch.cat(counts, 1).numpy()


def test_a_share_of_the_users_is_read_by_few_events():
    """By none at all, too; the others by all."""
    read, offered = read_of(0.5)
    assert (offered == ALL).all()
    assert 0.5 < (read == offered).mean() < 0.85
    assert set(range(ALL)) <= set(read.tolist())


def test_where_there_are_times_users_are_read_as_they_began():
    """Their first steps are of few events anyway."""
    read, offered = read_of(0.5, timed=True)
    assert (read == offered).all()


def test_without_friends_all_events_are_read():
    """Nothing is to be learned of users with few."""
    read, offered = read_of(0.5, ties="none")
    assert (read == offered).all()


NEW = np.arange(30, 40)
"""Items, half of each kind, that nobody has taken up"""


def with_new_items():
    graph = communities(categories=True, at=False)
    old = graph.behaviour["PURCHASED"]
    kept = old.filter(pa.array(~np.isin(old["dst"].to_numpy(), NEW)))
    return replace(graph, behaviour={"PURCHASED": kept})


def trained_on(graph, **changes):
    fit = fit_of(graph, timed=False, **changes)
    epochs = fit.epochs(np.random.default_rng(0), torch.Generator().manual_seed(0))
    for _ in range(8):
        next(epochs)
    return fit


def test_items_nobody_took_up_are_ranked_by_what_is_known_of_them():
    """Each user's kind of new items first, all of them: what nobody wanted so far is no sign that
    nobody will."""
    fit = trained_on(with_new_items())
    assert (fit.served.item_id[NEW] == 0).all()
    assert (fit.served.item_id[: NEW[0]].abs().sum(1) > 0).all()
    found = vectors(fit.served, fit.inputs, fit.snapshots[0])
    score = (found.user @ found.item[NEW].T).numpy()
    own = score[np.arange(len(score))[:, None] % 2 == NEW % 2].reshape(len(score), -1)
    other = score[np.arange(len(score))[:, None] % 2 != NEW % 2].reshape(len(score), -1)
    assert (own.min(1) > other.max(1)).all()
    assert (own > 0).all()


def test_items_nobody_took_up_are_no_negatives():
    """Neither where all items are told apart, nor where some are drawn."""
    graph = with_new_items()
    for negatives in (100, 5):
        fit = trained_on(graph, negatives=negatives)
        dice = torch.Generator().manual_seed(0)
        for batch in fit.batches.epoch(fit.users, np.random.default_rng(0)):
            rows, log_inclusion = fit._candidates(batch, dice)
            assert not np.isin(rows.numpy(), NEW).any()
            assert torch.isin(batch.target, rows).all()
            assert log_inclusion is None or (log_inclusion <= 0).all()
