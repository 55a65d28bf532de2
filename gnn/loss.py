"""Users, their targets and some items → the softmax loss over all items, estimated from these, or
the loss of pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

HIDDEN = -1e9
"""Logit of a user's own items among the negatives."""


def inclusion(frequency: Tensor, targets: int, drawn: int, n_items: int) -> Tensor:
    """[C] chance that an item is among a step's items: as a target of the batch (`frequency` is its
    share of all targets) or among the `drawn` of all `n_items`."""
    as_target = 1 - torch.exp(-frequency * targets)
    return 1 - (1 - as_target) * (1 - drawn / n_items)


def sampled_softmax(
    logits: Tensor,
    log_inclusion: Tensor | None,
    target: tuple[Tensor, Tensor],
    own: tuple[Tensor, Tensor],
) -> Tensor:
    """Mean over targets of -log softmax. Each sampled item stands for 1 / its chance of being there
    (Horvitz-Thompson), and a user's own items are no negatives of the user.

    logits: [B, C] of B users and C items, the popularity prior included.
    log_inclusion: [C], None where all items are there.
    target: row and column [T] of what is predicted.
    own: row and column of all items of the users, the targets among them.
    """
    row, column = target
    others = logits if log_inclusion is None else logits - log_inclusion
    others = others.index_put(own, torch.tensor(HIDDEN, device=logits.device))
    rest = torch.logsumexp(others, 1)[row]
    chosen = logits[row, column]
    return (torch.logaddexp(chosen, rest) - chosen).mean()


def bpr(
    logits: Tensor,
    log_inclusion: Tensor | None,
    target: tuple[Tensor, Tensor],
    own: tuple[Tensor, Tensor],
    dice: torch.Generator,
) -> Tensor:
    """Mean over targets of -log sigmoid(target - another item), one other a target, any item as
    likely as any (Rendle et al. 2009). Arguments as of `sampled_softmax`; where the other is the
    user's own the pair is left out."""
    row, column = target
    n = logits.shape[1]
    rare = torch.ones(n, device=logits.device) if log_inclusion is None else (-log_inclusion).exp()
    other = torch.multinomial(rare, len(row), replacement=True, generator=dice)
    mine = torch.zeros_like(logits, dtype=torch.bool).index_put(own, torch.tensor(True))
    pair = F.logsigmoid(logits[row, column] - logits[row, other])
    counts = ~mine[row, other]
    return -(pair * counts).sum() / counts.sum().clamp(min=1)
