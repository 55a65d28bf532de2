"""Review vectors and the data's own stars → the mean tone of each user's reviews."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.graph import Events
from gnn.sentiment import SentimentModel, fit_sentiment
from gnn.split import Part, Split
from gnn.tables import GraphTables, TextVectors

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def fit_tone(
    graph: GraphTables, text: TextVectors | None, split: Split, seed: int
) -> tuple[SentimentModel | None, dict[str, Any] | str]:
    """The probe, fitted on reviews of the training part only, with its figures; or None with the
    reason."""
    has_text = has_review_text(graph, text)
    if text is None or text.reviews is None or not has_text.any():
        return None, "the source has no review text"
    weight = graph.behaviour["REVIEWED"]["weight"].to_numpy()
    in_training = has_text & (split.part["REVIEWED"] == Part.TRAIN) & np.isfinite(weight)
    model = fit_sentiment(text.reviews, weight, in_training, seed)
    if model is None:
        return None, "too few good or too few bad reviews to learn the tone from"
    return model, {
        "auc": model.auc,
        "held_out": model.held_out,
        "trained_on": model.trained_on,
    }


def has_review_text(graph: GraphTables, text: TextVectors | None) -> Bools:
    """[R] rows of REVIEWED with a text vector."""
    reviewed = graph.behaviour.get("REVIEWED")
    rows = 0 if reviewed is None else reviewed.num_rows
    if text is None or text.reviews is None:
        return np.zeros(rows, np.bool_)
    return np.asarray(text.reviews.any(axis=1), np.bool_)


def reviews_with_text(
    graph: GraphTables, text: TextVectors | None, seen: Events
) -> tuple[Ints, Ints]:
    """Rows of REVIEWED, and their users, among the `seen` events."""
    kinds = [r for r, (kind, _) in enumerate(seen.relations) if kind == "REVIEWED"]
    reviews = seen.where(np.isin(seen.relation, kinds))
    there = has_review_text(graph, text)[reviews.edge]
    return reviews.edge[there], reviews.user[there]


def user_tone(
    model: SentimentModel, graph: GraphTables, text: TextVectors, seen: Events
) -> Doubles:
    """[U] mean chance that a review is a good one; NaN for users without a review text."""
    if text.reviews is None:  # none of these users wrote anything
        return np.full(seen.n_users, np.nan)
    rows, user = reviews_with_text(graph, text, seen)
    tone = np.asarray(model.predict(text.reviews[rows]), np.float64)
    number = np.bincount(user, minlength=seen.n_users)
    total = np.bincount(user, tone, minlength=seen.n_users)
    mean = np.divide(total, number, out=np.full(seen.n_users, np.nan), where=number > 0)
    return np.asarray(mean, np.float64)
