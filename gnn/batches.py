"""Users → training steps: for each user a moment, what came before it and what came after.

With times, a step predicts what its users took up from a random moment of theirs on, from what
came before: the model never sees the future of what it predicts. Without times, all of a user's
items are both read and predicted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gnn.encode import Snapshot
from gnn.inputs import Inputs
from gnn.model import spans


@dataclass(frozen=True)
class Batch:
    user: Tensor
    """[B] user rows"""
    now: Tensor | None
    """[B] each user's moment, epoch s"""
    snapshot: int
    owner: Tensor
    """[E] row of `user` of each event read"""
    event: Tensor
    """[E] row of the inputs"""
    target_owner: Tensor
    """[T] row of `user` of each item to predict, each once, in order"""
    target: Tensor
    """[T] item row"""
    known_owner: Tensor
    """[K] row of `user` of each item that is no negative"""
    known: Tensor
    """[K] item row"""


@dataclass(frozen=True)
class Batches:
    """All of one training's steps."""

    inputs: Inputs
    snapshots: tuple[Snapshot, ...]
    repeats: bool
    """Items read may be predicted again."""
    size: int
    history: int
    timed: bool

    def eligible(self) -> np.ndarray:
        """Users with something to predict and something to read for it."""
        flat = self.inputs.flat
        if not self.timed:
            return np.unique(flat.user[flat.positive])
        big = np.iinfo(np.int64)
        first = np.full(flat.n_users, big.max)
        last = np.full(flat.n_users, big.min)
        np.minimum.at(first, flat.user, flat.at)
        np.maximum.at(last, flat.user[flat.positive], flat.at[flat.positive])
        social = np.zeros(flat.n_users, bool)
        for f in self.inputs.friends:
            social[f.user.cpu().numpy()] = True
        return np.flatnonzero((last > first) | (social & (last > big.min)))

    def epoch(self, users: np.ndarray, rng: np.random.Generator) -> Iterator[Batch]:
        """Each user once, at a new moment, in steps of users of one snapshot."""
        users = rng.permutation(users)
        first = self._first_target(users, rng)
        snapshot = np.zeros(len(users), np.int64)
        if self.timed:
            untils = np.array([s.until for s in self.snapshots], np.int64)
            at = self.inputs.flat.at[first]
            snapshot = np.maximum(np.searchsorted(untils, at, side="right") - 1, 0)
        order = np.argsort(snapshot, kind="stable")
        edges = np.flatnonzero(np.diff(snapshot[order], prepend=-1, append=-1))
        steps = [
            order[start : min(start + self.size, end)]
            for low, end in pairwise(edges)
            for start in range(low, end, self.size)
        ]
        for k in rng.permutation(len(steps)):
            rows = steps[k]
            batch = self._batch(users[rows], first[rows], int(snapshot[rows[0]]))
            if len(batch.target):
                yield batch

    def _first_target(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[B] event row a user's targets start at: the first of a random event's moment."""
        start = np.searchsorted(self.inputs.flat.user, users)
        if not self.timed:
            return start
        end = np.searchsorted(self.inputs.flat.user, users, side="right")
        chosen = start + (rng.random(len(users)) * (end - start)).astype(np.int64)
        return np.asarray(self._first_of_moment[chosen])

    @cached_property
    def _first_of_moment(self) -> np.ndarray:
        """[E] row of the first event of the same user and time."""
        flat = self.inputs.flat
        new = np.ones(len(flat), bool)
        new[1:] = (np.diff(flat.user) != 0) | (np.diff(flat.at) != 0)
        return np.asarray(np.flatnonzero(new)[np.cumsum(new) - 1])

    def _batch(self, users: np.ndarray, first_target: np.ndarray, snapshot: int) -> Batch:
        inputs, n = self.inputs, self.inputs.n_items
        user = torch.from_numpy(users).to(inputs.device)
        first = torch.from_numpy(first_target).to(inputs.device)
        start, end = inputs.indptr[user], inputs.indptr[user + 1]
        read_to = first if self.timed else end  # No leakage.
        owner, event = spans(torch.maximum(start, read_to - self.history), read_to)
        later_owner, later = spans(first, end)
        good = inputs.positive[later]
        target = torch.unique(later_owner[good] * n + inputs.item[later[good]])
        known = target
        if not self.timed or not self.repeats:
            all_owner, earlier = spans(start, read_to)
            read = torch.unique(all_owner * n + inputs.item[earlier])
            known = torch.unique(torch.cat([target, read]))
            if self.timed:
                target = target[~torch.isin(target, read)]
        now = inputs.at[first] if self.timed else None
        return Batch(
            user, now, snapshot, owner, event, target // n, target % n, known // n, known % n
        )
