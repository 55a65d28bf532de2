"""The seam of tracking: each epoch's figures, out to whoever draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class Tracker(Protocol):
    def begin(self, stage: str, epoch: int) -> None:
        """`epoch` (from 1) is the first that follows. What was said of it and of later ones, by a
        process that was killed, counts no more."""

    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        """Means over all users and learned weights by name: nothing of any one user."""


def weights_by_name(readable: Mapping[str, Any]) -> dict[str, float]:
    """`Encoder.readable()` → "type_weight/VIEWED": 0.8; a half-life without end is infinite."""
    return dict(_flat("", readable))


def _flat(prefix: str, said: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}/", value)
        else:
            yield f"{prefix}{name}", math.inf if value is None else float(value)
