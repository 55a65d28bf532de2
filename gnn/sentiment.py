"""Review vectors and the stars given with them → a probability that a review is favourable.

A logistic regression on the encoder's vectors, and on VADER's score of the text where that helps,
taught by the data's own stars: four and five of five are favourable, one and two are not,
three teaches nothing. Classes are balanced, so .5 lies between the two tones and not at the set's
usual praise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FAVOURABLE, UNFAVOURABLE = 0.6, 0.4
"""Weights (an opinion's place on its scale, 0 to 1) from and up to which a review teaches."""
FEWEST = 20
"""Reviews of each class below which nothing can be learned."""
MOST = 20_000
"""Reviews looked at; more change the third decimal."""
LEXICON = 0.3
"""Spread of the lexicon's score beside vectors of length 1, whose numbers are far smaller."""
STRENGTHS = (0.3, 3.0, 30.0)
"""Inverse regularisation, chosen by cross-validation: unit vectors of 384 numbers want it high."""


@dataclass(frozen=True)
class SentimentModel:
    """P(favourable) = 1 / (1 + exp(−(vector · coefficient + lexicon · score + intercept)))."""

    coefficient: Floats
    """[t]"""
    intercept: float
    auc: float | None
    """On the reviews with stars outside the training mask; None where they are of one class."""
    held_out: int
    """Reviews `auc` stands on."""
    trained_on: int
    lexicon: float = 0.0
    """Weight of VADER's score (−1 to 1); 0 where the source is not in English, or it does not
    help."""

    def predict(self, vectors: Floats, score: Doubles | None = None) -> Floats:
        """[R] probability that a review is favourable; NaN for a review without text (zeros).
        `score` [R] counts where `lexicon` does."""
        logit = vectors @ self.coefficient + np.float32(self.intercept)
        if score is not None:
            logit = logit + np.float32(self.lexicon) * score.astype(np.float32)
        probability = 1 / (1 + np.exp(-np.clip(logit, -60, 60)))
        return np.where(vectors.any(axis=1), probability, np.nan).astype(np.float32)


def fit_sentiment(
    vectors: Floats,
    weight: Doubles,
    train_mask: Mask,
    seed: int,
    score_of: Callable[[Ints], Doubles] | None = None,
) -> SentimentModel | None:
    """Learn the tone of a review from its stars.

    Args:
        vectors: [R, t] review vectors; a row of zeros is a review without text.
        weight: [R] place of the review's stars on their scale, 0 worst to 1 best; NaN for none.
        train_mask: [R] the reviews that may be learned from: of training users, before the cut.
        seed: for the sample and the folds.
        score_of: rows → VADER's scores; whether they count is decided by cross-validation.

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
    plain, y = vectors[train], favourable[train]
    x, strength, worth = plain, *_strength(plain, y, seed)
    if score_of is not None:
        both = np.column_stack([plain, LEXICON * score_of(train)]).astype(np.float32)
        other, better = _strength(both, y, seed)
        x, strength = (both, other) if better > worth else (plain, strength)
    probe = _probe(strength).fit(x, y)
    width = vectors.shape[1]
    model = SentimentModel(
        coefficient=probe.coef_[0, :width].astype(np.float32),
        intercept=float(probe.intercept_[0]),
        auc=None,
        held_out=0,
        trained_on=len(train),
        lexicon=LEXICON * float(probe.coef_[0, width:].sum()),
    )
    held_out = np.flatnonzero(taught & ~train_mask)
    if len(held_out) > MOST:
        held_out = np.sort(rng.permutation(held_out)[:MOST])
    score = score_of(held_out) if score_of is not None and model.lexicon else None
    return _judged(model, vectors[held_out], favourable[held_out], score)


def _sample(rng: np.random.Generator, train: NDArray[np.int64], good: Mask) -> NDArray[np.int64]:
    """At most MOST rows, with the rarer class kept as far as half of them goes."""
    rare, common = sorted((train[good], train[~good]), key=len)
    rare = rng.permutation(rare)[: MOST // 2]
    return np.sort(np.concatenate([rare, rng.permutation(common)[: MOST - len(rare)]]))


def _probe(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=1_000)


def _strength(x: Floats, y: Mask, seed: int) -> tuple[float, float]:
    """The best of STRENGTHS, and its AUC."""
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    auc = [cross_val_score(_probe(c), x, y, scoring="roc_auc", cv=folds).mean() for c in STRENGTHS]
    return STRENGTHS[int(np.argmax(auc))], float(max(auc))


def _judged(
    model: SentimentModel, vectors: Floats, y: Mask, score: Doubles | None
) -> SentimentModel:
    if not len(y) or y.all() or not y.any():
        return model
    auc = roc_auc_score(y, model.predict(vectors, score))
    return replace(model, auc=float(auc), held_out=len(y))
