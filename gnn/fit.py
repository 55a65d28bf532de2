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
from gnn.encode import Snapshot, first_level, friend_sums, item_states, snapshot, takers_of, tied
from gnn.inputs import Inputs
from gnn.loss import bpr, inclusion, sampled_softmax
from gnn.model import Encoder

MOST_FEW = 64.0
SNAPSHOT_CELLS = 200_000_000
"""Most numbers kept for snapshots (800 MB)."""


@dataclass(frozen=True)
class Around:
    """What a snapshot's users and items stand beside; fixed within an epoch."""

    friends: tuple[Tensor, ...]
    """By social type [U, d]: sums of users' friends"""
    takers: Tensor | None
    """[I, d]"""


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
    taken: Tensor
    """[J] rows of items that somebody took up, in order. The others are no negatives and have no
    ID vector: all they could teach is that nobody wants them, and they may be new."""
    adam: torch.optim.Adam

    def epochs(self, rng: np.random.Generator, dice: torch.Generator) -> Iterator[float]:
        """Train on and on; yields each epoch's mean loss."""
        while True:
            self.model.train()
            around = self._around()
            losses = [
                self.step(batch, around[batch.snapshot], dice)
                for batch in self.batches.epoch(self.users, rng)
            ]
            self.averaged.update_parameters(self.model)
            yield float(torch.stack(losses).mean()) if losses else float("nan")

    def step(self, batch: Batch, around: Around, dice: torch.Generator) -> Tensor:
        """One move of the weights; its loss."""
        self.adam.zero_grad(set_to_none=True)
        loss = self._loss(batch, around, dice)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self.adam.step()
        return loss.detach()

    @property
    def served(self) -> Encoder:
        """The averaged model."""
        assert isinstance(self.averaged.module, Encoder)
        return self.averaged.module

    def _around(self) -> list[Around]:
        """By snapshot, as the epoch starts."""
        found, states = [], None
        for moment in self.snapshots:
            takers = takers_of(self.model, self.inputs, moment)
            sums: tuple[Tensor, ...] = ()
            if self.inputs.friends:
                if states is None or moment.reviews is not None or takers is not None:
                    states = item_states(self.model, self.inputs, moment)  # else all are the same
                first = first_level(self.model, self.inputs, moment, states)
                sums = friend_sums(self.model, self.inputs, moment, first)
            found.append(Around(sums, takers))
        return found

    def _loss(self, batch: Batch, around: Around, dice: torch.Generator) -> Tensor:
        moment, n = self.snapshots[batch.snapshot], len(batch.user)
        candidate, log_inclusion = self._candidates(batch, dice)
        event, owner = self._read(batch, dice)
        read = self.inputs.item[event]
        needed, row = torch.unique(torch.cat([candidate, read]), return_inverse=True)
        shown = self._shown(needed, dice)
        states = self.model.items(needed, self.inputs, moment.reviews, shown, around.takers)
        users = self.model.first_level(
            self.inputs, event, owner, n, batch.now, moment.users_of_item,
            states, row[len(candidate) :],
        )  # fmt: skip
        told = torch.bincount(owner, minlength=n)
        sums = tuple(total[batch.user] for total in around.friends)
        for f, total in zip(self.inputs.friends, sums, strict=True):
            users = users + self.model.friend_weight(f, told)[:, None] * total
        items = self.model.scale * states[row[: len(candidate)]]
        users = self.model.length(told, tied(sums, told))[:, None] * F.normalize(users, dim=1)
        logits = users @ items.T + moment.prior[candidate]
        target = batch.target_owner, torch.searchsorted(candidate, batch.target)
        own = _found(candidate, batch.known_owner, batch.known)
        if self.config.loss == "bpr":
            return bpr(logits, log_inclusion, target, own, dice)
        return sampled_softmax(logits, log_inclusion, target, own)

    def _read(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, Tensor]:
        """Event rows and their owners, some left out."""
        p, few = self.config.event_dropout, self.config.few_told
        kept = torch.ones(len(batch.event), dtype=torch.bool, device=self.inputs.device)
        if p:
            kept = torch.rand(len(batch.event), generator=dice, device=self.inputs.device) >= p
        if few and batch.now is None and self.inputs.friends:
            kept &= self._few(batch, few, dice)
        return batch.event[kept], batch.owner[kept]

    def _few(self, batch: Batch, share: float, dice: torch.Generator) -> Tensor:
        """[E] of a share of the users a few events at random, of the others all."""
        n, device = len(batch.user), self.inputs.device
        whole = torch.rand(n, generator=dice, device=device) >= share
        told = (MOST_FEW ** torch.rand(n, generator=dice, device=device)).floor().sub_(1)
        count = torch.bincount(batch.owner, minlength=n)
        chance = told / count.clamp(min=1)
        drawn = torch.rand(len(batch.owner), generator=dice, device=device)
        return whole[batch.owner] | (drawn < chance[batch.owner])

    def _candidates(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """[C] sorted item rows, the targets among them, and the log chance of each to be there."""
        n, drawn = len(self.taken), self.config.negatives
        if n <= 2 * drawn:
            return self.taken, None
        random = torch.randint(n, (drawn,), generator=dice, device=self.inputs.device)
        rows = torch.unique(torch.cat([batch.target, self.taken[random]]))
        return rows, inclusion(self.frequency[rows], len(batch.target), drawn, n).log()

    def _shown(self, items: Tensor, dice: torch.Generator) -> Tensor:
        """[n] 1 where the ID vector is shown"""
        shown = self.frequency[items] > 0
        p = self.config.id_dropout
        if p and self.model.has_side_information:
            shown &= torch.rand(len(items), generator=dice, device=items.device) >= p
        return shown.float()


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
    _forget_ids(model, inputs, count == 0)
    averaged = AveragedModel(model, multi_avg_fn=_mean_of(config.averaging))
    averaged.eval()
    named = dict(model.named_parameters())
    parameters = [p for name, p in named.items() if name != "decay" or timed]
    adam = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
    return Fit(
        model, averaged, inputs, config, snapshots, batches, batches.eligible(), frequency,
        torch.nonzero(count).ravel(), adam,
    )  # fmt: skip


@torch.no_grad()
def _forget_ids(model: Encoder, inputs: Inputs, untaken: Tensor) -> None:
    """Items that nobody took up are what their text and categories say, and nothing else."""
    rows = inputs.id_row[untaken]
    model.item_id[rows[rows >= 0]] = 0


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
