"""Epochs of training, and the weights that are served."""

import numpy as np
import torch

from tests.gnn.boards import communities
from tests.gnn.test_batches import fit_of


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
