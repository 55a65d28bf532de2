"""Events → which of them are for training, for choosing and for judging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnn.config import TrainConfig
from gnn.errors import GraphError
from gnn.graph import UNDATED, Events, events
from gnn.graph import Seen as Seen
from gnn.tables import GraphTables

DATED = 0.9
"""`auto` splits by time where at least this share of the positives has one."""


class Part(IntEnum):
    TRAIN = 0
    VALIDATION = 1
    TEST = 2
    UNDATED = 3
    """Rows without a time under a temporal split: nothing proves that they came before a cut."""


@dataclass(frozen=True)
class Split:
    """A temporal split has times; a random one (8:1:1 of each user's items, seeded) has None."""

    kind: Literal["temporal", "random"]
    train_until: int | None
    """Training sees `at < train_until`; validation is `train_until <= at < val_until`."""
    val_until: int | None
    """The test is `at >= val_until`."""
    part: Mapping[str, NDArray[np.int8]]
    """By behaviour type: the `Part` of each row of its table."""

    def before(self, part: Part) -> Seen:
        """What may be seen when `part` is predicted: all earlier parts."""
        until = {Part.VALIDATION: self.train_until, Part.TEST: self.val_until}[part]
        return Seen(until, {kind: p >= part for kind, p in self.part.items()})


def split(graph: GraphTables, config: TrainConfig, *, seed: int) -> Split:
    """Temporal where the positives have times, else random by pair of user and item.

    Raises GraphError where there are too few positives to hold any out.
    """
    e = events(graph)
    dated = e.at[e.positive] != UNDATED
    temporal = config.split == "temporal" or (
        config.split == "auto" and len(dated) > 0 and dated.mean() >= DATED
    )
    train_until = val_until = None
    if temporal:
        part, (train_until, val_until) = _by_time(e, config)
    else:
        part = _by_pair(e, config, seed)
    counts = np.bincount(part[e.positive], minlength=4)
    if min(counts[:3]) == 0:
        raise GraphError(
            f"{int(e.positive.sum())} positive events cannot be split into training, validation "
            f"and test ({counts[0]}, {counts[1]}, {counts[2]}): load more data"
        )
    by_type = {k: np.zeros(t.num_rows, np.int8) for k, t in graph.behaviour.items()}
    for r, (kind, _) in enumerate(e.relations):
        rows = e.relation == r
        by_type[kind][e.edge[rows]] = part[rows]
    return Split("temporal" if temporal else "random", train_until, val_until, by_type)


def _by_time(e: Events, config: TrainConfig) -> tuple[NDArray[np.int8], tuple[int, int]]:
    at = np.sort(e.at[e.positive & (e.at != UNDATED)])
    if len(at) < 3:
        raise GraphError(f"a split by time needs positive events with times; there are {len(at)}")
    places = [1 - config.validation - config.test, 1 - config.test]
    first, second = (int(at[min(int(p * len(at)), len(at) - 1)]) for p in places)
    part = (e.at >= first).astype(np.int8) + (e.at >= second).astype(np.int8)
    part[e.at == UNDATED] = Part.UNDATED
    return part, (first, second)


def _by_pair(e: Events, config: TrainConfig, seed: int) -> NDArray[np.int8]:
    """All rows of a pair go to one part, or a view would give the purchase away. Each user's pairs
    lie in random order on [0, 1) with a random start; the first of them is always for training."""
    rng = np.random.default_rng(seed)
    pairs = np.unique(e.pair[e.positive])
    user = pairs // max(e.n_items, 1)
    order = np.lexsort((rng.random(len(pairs)), user))
    start = np.searchsorted(user, user)
    count = np.bincount(user, minlength=e.n_users)[user]
    rank = np.arange(len(pairs)) - start
    place = (rank + rng.random(e.n_users)[user]) / count
    side = (place >= 1 - config.validation - config.test).astype(np.int8)
    side += place >= 1 - config.test
    side[rank == 0] = Part.TRAIN
    part_of_pair = np.empty(len(pairs), np.int8)
    part_of_pair[order] = side
    at = np.searchsorted(pairs, e.pair)
    at = np.minimum(at, max(len(pairs) - 1, 0))
    known = pairs[at] == e.pair if len(pairs) else np.zeros(len(e), bool)
    return np.where(known, part_of_pair[at] if len(pairs) else Part.TRAIN, Part.TRAIN).astype(
        np.int8
    )
