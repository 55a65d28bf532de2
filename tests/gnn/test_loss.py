"""The sampled softmax against the full one, and the loss of pairs."""

import numpy as np
import pytest
import torch

from gnn.loss import bpr, inclusion, sampled_softmax

LOGITS = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))


def cells(*pairs):
    rows, columns = zip(*pairs, strict=True)
    return torch.tensor(rows), torch.tensor(columns)


def test_with_all_items_it_is_the_softmax():
    """One target a user, no other own item."""
    target = cells((0, 1), (1, 5), (2, 7))
    full = torch.nn.functional.cross_entropy(LOGITS, target[1])
    assert sampled_softmax(LOGITS, None, target, target) == pytest.approx(float(full), abs=1e-6)


def test_own_items_are_no_negatives():
    """A user's other items may score as high as they like."""
    target, own = cells((0, 1)), cells((0, 1), (0, 2))
    high = LOGITS.clone()
    high[0, 2] = 100
    assert sampled_softmax(high, None, target, own) == pytest.approx(
        float(sampled_softmax(LOGITS, None, target, own)), abs=1e-6
    )


def test_several_targets_of_a_user_do_not_compete():
    """Each is told from the items the user never touched."""
    both = cells((0, 1), (0, 2))
    apart = [sampled_softmax(LOGITS, None, cells((0, k)), both) for k in (1, 2)]
    got = sampled_softmax(LOGITS, None, both, both)
    assert got == pytest.approx(float(torch.stack(apart).mean()), abs=1e-6)


def test_a_sampled_item_stands_for_those_left_out():
    """Summed over draws, exp(logit) / chance is the full denominator."""
    rng = np.random.default_rng(0)
    n, drawn = 400, 40
    frequency = torch.from_numpy(rng.dirichlet(np.ones(n)).astype(np.float32))
    score = torch.from_numpy(rng.normal(size=n))
    chance = inclusion(frequency, 30, drawn, n).double()
    total = 0.0
    for _ in range(400):
        targets = rng.choice(n, 30, p=frequency.double().numpy() / frequency.double().sum().item())
        rows = np.unique(np.concatenate([targets, rng.integers(0, n, drawn)]))
        total += float((score[rows].exp() / chance[rows]).sum()) / 400
    assert total == pytest.approx(float(score.exp().sum()), rel=0.03)


def dice():
    return torch.Generator().manual_seed(0)


def test_of_a_pair_only_the_difference_counts():
    """-log sigmoid of it, where all others score alike."""
    logits = torch.zeros(1, 9)
    logits[0, 3] = 2
    got = bpr(logits, None, cells((0, 3)), cells((0, 3), (0, 4)), dice())
    assert got == pytest.approx(float(np.log1p(np.exp(-2))), abs=1e-6)


def test_a_users_own_item_is_no_other():
    """The pair is left out: these score too high for any loss but 0."""
    logits = torch.zeros(1, 4)
    logits[0, 0], logits[0, 1:3] = 50, 100
    own = cells((0, 0), (0, 1), (0, 2))
    losses = [float(bpr(logits, None, cells((0, 0)), own, dice())) for _ in range(20)]
    assert losses == pytest.approx([0] * 20, abs=1e-6)


def test_the_other_item_of_a_pair_is_any_item():
    """Items that are there as others' targets are drawn no more often."""
    chance = torch.tensor([1.0, 1.0, 0.1, 0.1])
    logits = torch.tensor([[0.0, 100.0, 0.0, 0.0]])
    target = torch.zeros(20_000, dtype=torch.long), torch.zeros(20_000, dtype=torch.long)
    loss = bpr(logits, chance.log(), target, cells((0, 0)), dice())
    rows = np.array([1.0, 10.0, 10.0])
    share = rows / rows.sum()
    expected = share[0] * 100 + (1 - share[0]) * np.log(2)
    assert loss == pytest.approx(expected, rel=0.12)
