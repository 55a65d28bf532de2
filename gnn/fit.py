"""Inputs and settings → a trained encoder, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from gnn.batches import Batch, Batches
from gnn.config import TrainConfig
from gnn.encode import Snapshot, first_level, friend_sums, item_states, snapshot
from gnn.inputs import Inputs
from gnn.loss import inclusion, sampled_softmax
from gnn.model import Encoder

SNAPSHOT_CELLS = 200_000_000
"""Most numbers kept for snapshots (800 MB)."""


@dataclass(frozen=True)
class Fit:
    """One training under way."""

    model: Encoder
    averaged: AveragedModel
    """Mean of the model's weights over the last epochs: what is judged and served"""
    inputs: Inputs
    config: TrainConfig
    snapshots: tuple[Snapshot, ...]
    """In order of time"""
    batches: Batches
    users: np.ndarray
    """Who has something to predict"""
    frequency: Tensor
    """[I] share of all targets"""
    adam: torch.optim.Adam

    def epochs(self, rng: np.random.Generator, dice: torch.Generator) -> Iterator[float]:
        """Train on and on; yields each epoch's mean loss."""
        while True:
            self.model.train()
            friends = self._friends()
            losses = [
                self.step(batch, friends[batch.snapshot], dice)
                for batch in self.batches.epoch(self.users, rng)
            ]
            self.averaged.update_parameters(self.model)
            yield float(torch.stack(losses).mean()) if losses else float("nan")

    def step(self, batch: Batch, friends: tuple[Tensor, ...], dice: torch.Generator) -> Tensor:
        """One move of the weights; its loss. `friends` are users' sums over friends by type."""
        self.adam.zero_grad(set_to_none=True)
        loss = self._loss(batch, friends, dice)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self.adam.step()
        return loss.detach()

    @property
    def served(self) -> Encoder:
        """The averaged model."""
        assert isinstance(self.averaged.module, Encoder)
        return self.averaged.module

    def _friends(self) -> list[tuple[Tensor, ...]]:
        """By snapshot and social type: friends' vectors as the epoch starts."""
        if not self.inputs.friends:
            return [()] * len(self.snapshots)
        sums, states = [], None
        for moment in self.snapshots:
            if states is None or moment.reviews is not None:  # else items are the same in all
                states = item_states(self.model, self.inputs, moment)
            first = first_level(self.model, self.inputs, moment, states)
            sums.append(friend_sums(self.model, self.inputs, moment, first))
        return sums

    def _loss(self, batch: Batch, friends: tuple[Tensor, ...], dice: torch.Generator) -> Tensor:
        moment, n = self.snapshots[batch.snapshot], len(batch.user)
        candidate, log_inclusion = self._candidates(batch, dice)
        event, owner = self._read(batch, dice)
        read = self.inputs.item[event]
        needed, row = torch.unique(torch.cat([candidate, read]), return_inverse=True)
        states = self.model.items(needed, self.inputs, moment.reviews, self._shown(needed, dice))
        users = self.model.first_level(
            self.inputs, event, owner, n, batch.now, moment.users_of_item,
            states, row[len(candidate) :],
        )  # fmt: skip
        alone = torch.bincount(owner, minlength=n) == 0
        for f, total in zip(self.inputs.friends, friends, strict=True):
            weight = self.model.friend_weight(f, alone)
            users = users + weight[:, None] * total[batch.user]
        items = self.model.scale * states[row[: len(candidate)]]
        users = self.model.length(alone)[:, None] * F.normalize(users, dim=1)
        logits = users @ items.T + moment.prior[candidate]
        target = batch.target_owner, torch.searchsorted(candidate, batch.target)
        own = _found(candidate, batch.known_owner, batch.known)
        return sampled_softmax(logits, log_inclusion, target, own)

    def _read(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, Tensor]:
        """Event rows and their owners, some left out."""
        p = self.config.event_dropout
        if not p:
            return batch.event, batch.owner
        kept = torch.rand(len(batch.event), generator=dice, device=self.inputs.device) >= p
        return batch.event[kept], batch.owner[kept]

    def _candidates(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """[C] sorted item rows, the targets among them, and the log chance of each to be there."""
        n, drawn = self.inputs.n_items, self.config.negatives
        device = self.inputs.device
        if n <= 2 * drawn:
            return torch.arange(n, device=device), None
        random = torch.randint(n, (drawn,), generator=dice, device=device)
        rows = torch.unique(torch.cat([batch.target, random]))
        return rows, inclusion(self.frequency[rows], len(batch.target), drawn, n).log()

    def _shown(self, items: Tensor, dice: torch.Generator) -> Tensor | None:
        p = self.config.id_dropout
        if not p or not self.model.has_side_information:
            return None
        return (torch.rand(len(items), generator=dice, device=items.device) >= p).float()


def _found(candidate: Tensor, owner: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
    """Cells [B, C] of those items that are candidates."""
    at = torch.searchsorted(candidate, item).clamp(max=len(candidate) - 1)
    there = candidate[at] == item
    return owner[there], at[there]


def start(
    model: Encoder,
    inputs: Inputs,
    config: TrainConfig,
    *,
    half_life: float | None,
    repeats: bool,
    timed: bool,
) -> Fit:
    """`half_life` is popularity's (days). With `timed`, all events must have a time."""
    untils = [*_moments(inputs, model, config), inputs.now] if timed else [None]
    snapshots = tuple(snapshot(inputs, until, half_life) for until in untils)
    batches = Batches(inputs, snapshots, repeats, config.batch, config.history, timed)
    count = torch.bincount(inputs.item[inputs.positive], minlength=inputs.n_items).float()
    frequency = count / count.sum().clamp(min=1)
    averaged = AveragedModel(model, multi_avg_fn=_mean_of(config.averaging))
    averaged.eval()
    named = dict(model.named_parameters())
    parameters = [p for name, p in named.items() if name != "decay" or timed]
    adam = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
    return Fit(
        model, averaged, inputs, config, snapshots, batches, batches.eligible(), frequency, adam
    )


Tensors = tuple[Tensor, ...] | list[Tensor]


def _mean_of(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """A running mean at first, an exponential one later."""

    @torch.no_grad()
    def update(mean: Tensors, latest: Tensors, n: Tensor | int) -> None:
        kept = min(decay, float(n / (n + 1)))
        torch._foreach_lerp_(mean, latest, 1 - kept)

    return update


def _moments(inputs: Inputs, model: Encoder, config: TrainConfig) -> list[int]:
    """The first event, before which nothing is known, and quantiles of the positives' times, the
    first after a twentieth of them; fewer where a snapshot is large."""
    at = np.sort(inputs.flat.at[inputs.flat.positive])
    users = inputs.n_users * model.dim * len(inputs.friends)
    cells = users + inputs.n_items * (2 + model.known.review_text)
    number = max(1, min(config.snapshots, SNAPSHOT_CELLS // max(cells, 1)))
    places = np.linspace(0.05, 1, number + 1)[:-1]
    return sorted({int(inputs.flat.at.min()), *(int(at[int(p * len(at))]) for p in places)})
