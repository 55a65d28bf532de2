"""Which events are for training, for choosing and for judging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnn.config import TrainConfig
from gnn.tables import GraphTables


class Part(IntEnum):
    TRAIN = 0
    VALIDATION = 1
    TEST = 2
    UNDATED = 3
    """Rows without a time under a temporal split: nothing proves that they came before a cut."""


@dataclass(frozen=True)
class Seen:
    """What a model may look at. The default is everything."""

    until: int | None = None
    """Epoch seconds: only rows with `at < until`, and ages are counted from it."""
    exclude: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """By behaviour type: rows of its table left out."""


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

    Raises ValueError where there are too few positives to hold any out.
    """
    raise NotImplementedError
