"""Graph tables and text vectors → a trained model, judged beside its baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.config import TrainConfig
from gnn.encoded import Encoded
from gnn.split import Seen, Split
from gnn.tables import GraphTables, TextVectors

Progress = Callable[[str, int, int | None], None]
"""`progress(label, done, total)`; total is None where it is not known."""


@dataclass(frozen=True)
class Scorer:
    """A model looking at one graph at one moment."""

    encoded: Encoded

    def encoder(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """[B, I] user · item + bias."""
        raise NotImplementedError

    def fused(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """[B, I] encoder, linear item-item filter and own history, with the weights fitted on
        validation. Comparable within a user, not between users. Call in blocks."""
        raise NotImplementedError


@dataclass(frozen=True)
class Trained:
    """A model that needs no retraining for new users: it has no parameters of theirs."""

    config: TrainConfig
    seed: int
    split: Split | None
    """None after a refit and after loading from disk."""
    as_of: int | None
    """The model learned from nothing after this (epoch s; None without times)."""
    metrics: dict[str, Any]
    """JSON-able: "quality" (rows of the table), "fusion", "epochs", "split" …"""
    weights: dict[str, Any]
    """JSON-able: the learned weight of each edge type, its sign and its half-life."""

    def scorer(
        self, graph: GraphTables, text: TextVectors | None = None, seen: Seen | None = None
    ) -> Scorer:
        """Works for graphs with users, items and categories the training never saw.

        `trained.scorer(graph, text, split.before(Part.TEST))` looks as the test did.
        """
        raise NotImplementedError

    def encode(
        self, graph: GraphTables, text: TextVectors | None = None, seen: Seen | None = None
    ) -> Encoded:
        """The encoder's side alone, without the linear filter's preparation."""
        raise NotImplementedError


def train(
    graph: GraphTables,
    text: TextVectors | None,
    config: TrainConfig,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Trained:
    """Train on the events before the first cut, choose on validation, judge on the test.

    Raises ValueError where there is nothing to learn from (no positives, fewer than two items).
    """
    raise NotImplementedError


def refit(
    trained: Trained,
    graph: GraphTables,
    text: TextVectors | None,
    *,
    until: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The same settings, epochs and seed on all events before `until`, for serving."""
    raise NotImplementedError
