"""Review vectors and the stars given with them → a probability that a review is favourable.

A logistic regression on the encoder's vectors, taught by the data's own stars: four and five of
five are favourable, one and two are not, three teaches nothing. Classes are balanced, so .5 lies
between the two tones and not at the set's usual praise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAVOURABLE, UNFAVOURABLE = 0.6, 0.4
"""Weights (an opinion's place on its scale, 0 to 1) from and up to which a review teaches."""
FEWEST = 20
"""Reviews of each class below which nothing can be learned."""
MOST = 20_000
"""Reviews looked at; more change the third decimal."""
STRENGTHS = (0.3, 3.0, 30.0)
"""Inverse regularisation, chosen by cross-validation: unit vectors of 384 numbers want it high."""


@dataclass(frozen=True)
class SentimentModel:
    """P(favourable) = 1 / (1 + exp(−(vector · coefficient + intercept)))."""

    coefficient: Floats
    """[t]"""
    intercept: float
    auc: float | None
    """On the reviews with stars outside the training mask; None where they are of one class."""
    held_out: int
    """Reviews `auc` stands on."""
    trained_on: int

    def predict(self, vectors: Floats) -> Floats:
        """[R] probability that a review is favourable; NaN for a review without text (zeros)."""
        logit = vectors @ self.coefficient + np.float32(self.intercept)
        probability = 1 / (1 + np.exp(-np.clip(logit, -60, 60)))
        return np.where(vectors.any(axis=1), probability, np.nan).astype(np.float32)


def fit_sentiment(
    vectors: Floats, weight: NDArray[np.float64], train_mask: Mask, seed: int
) -> SentimentModel | None:
    """Learn the tone of a review from its stars.

    Args:
        vectors: [R, t] review vectors; a row of zeros is a review without text.
        weight: [R] place of the review's stars on their scale, 0 worst to 1 best; NaN for none.
        train_mask: [R] the reviews that may be learned from: of training users, before the cut.
        seed: for the sample and the folds.

    Returns:
        None where the training reviews have fewer than 20 of either class: the sentiment of such a
        set is not known, and stays null.
    """
    favourable = weight >= FAVOURABLE
    taught = vectors.any(axis=1) & (favourable | (weight <= UNFAVOURABLE))
    train = np.flatnonzero(taught & train_mask)
    good = favourable[train]
    if min(good.sum(), (~good).sum()) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    if len(train) > MOST:
        train = _sample(rng, train, good)
    x, y = vectors[train], favourable[train]
    probe = _probe(_strength(x, y, seed)).fit(x, y)
    model = SentimentModel(
        coefficient=probe.coef_[0].astype(np.float32),
        intercept=float(probe.intercept_[0]),
        auc=None,
        held_out=0,
        trained_on=len(train),
    )
    return _judged(model, vectors, favourable, np.flatnonzero(taught & ~train_mask))


def _sample(rng: np.random.Generator, train: NDArray[np.int64], good: Mask) -> NDArray[np.int64]:
    """At most MOST rows, with the rarer class kept as far as half of them goes."""
    rare, common = sorted((train[good], train[~good]), key=len)
    rare = rng.permutation(rare)[: MOST // 2]
    return np.sort(np.concatenate([rare, rng.permutation(common)[: MOST - len(rare)]]))


def _probe(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=1_000)


def _strength(x: Floats, y: Mask, seed: int) -> float:
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    auc = [cross_val_score(_probe(c), x, y, scoring="roc_auc", cv=folds).mean() for c in STRENGTHS]
    return STRENGTHS[int(np.argmax(auc))]


def _judged(
    model: SentimentModel, vectors: Floats, favourable: Mask, held_out: NDArray[np.int64]
) -> SentimentModel:
    y = favourable[held_out]
    if not len(y) or y.all() or not y.any():
        return model
    auc = roc_auc_score(y, model.predict(vectors[held_out]))
    return SentimentModel(model.coefficient, model.intercept, float(auc), len(y), model.trained_on)
