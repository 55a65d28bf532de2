"""Features and what came true → a probability, and figures that say how far it can be trusted."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

ENOUGH_TO_FIT = 10
"""Positives, and negatives, below which no probability is claimed."""
ENOUGH_FOR_ISOTONIC = 1000
"""Positives from which a monotone curve is fitted on top of the logistic."""
POSITIVES_A_BIN = 25


class Calibration(BaseModel):
    """A logistic regression on named features, then a monotone curve where one was fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficient: tuple[float, ...]
    """Per standard deviation of the feature."""
    intercept: float
    curve_from: tuple[float, ...] = ()
    """Knots of the monotone curve, in logits: from ..."""
    curve_to: tuple[float, ...] = ()
    """... to; straight between knots, parallel to the diagonal outside them."""

    def weight(self, feature: str) -> float:
        """Logits per unit of a feature."""
        n = self.features.index(feature)
        return self.coefficient[n] / self.scale[n]

    def over(self, names: tuple[str, ...]) -> Calibration:
        """The same for rows with more features, of which the others count nothing."""
        known = {name: n for n, name in enumerate(self.features)}

        def spread(values: tuple[float, ...], other: float) -> tuple[float, ...]:
            return tuple(values[known[n]] if n in known else other for n in names)

        return self.model_copy(
            update={
                "features": names,
                "mean": spread(self.mean, 0.0),
                "scale": spread(self.scale, 1.0),
                "coefficient": spread(self.coefficient, 0.0),
            }
        )

    def logit(self, x: Floats) -> Floats:
        """[..., F] features → [...] logits."""
        weight = np.asarray(self.coefficient) / np.asarray(self.scale)
        offset = self.intercept - float(weight @ np.asarray(self.mean))
        return np.asarray(x @ weight.astype(np.float32) + np.float32(offset), np.float32)

    def probability(self, x: Floats) -> Floats:
        """[..., F] features → [...] probabilities."""
        logit = self.logit(x)
        if self.curve_from:
            ends = np.clip(logit, self.curve_from[0], self.curve_from[-1])
            logit = np.interp(ends, self.curve_from, self.curve_to) + (logit - ends)
        return (1 / (1 + np.exp(-logit))).astype(np.float32)


def fit_calibration(
    x: Floats,
    y: Bools,
    features: tuple[str, ...],
    weight: Floats | None = None,
    *,
    rising: Set[str] = frozenset(),
) -> Calibration | None:
    """Fit on [N, F] features and [N] outcomes, each row standing for `weight` rows. More of a
    `rising` feature never lowers the chance.

    None where fewer than ENOUGH_TO_FIT came true or did not. The monotone curve is the centred
    isotonic regression of Oron and Flournoy (2017): isotonic over bins of POSITIVES_A_BIN, each
    flat step drawn together to its centre, so that it rises strictly and keeps the logits' order.
    """
    if min(int(y.sum()), int((~y).sum())) < ENOUGH_TO_FIT:
        return None
    weight = np.ones(len(y), np.float32) if weight is None else weight
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    scale[scale < 1e-6] = 1
    least = [0.0 if name in rising else -np.inf for name in features]
    coefficient, intercept = _logistic((x - mean) / scale, y, weight, least)
    logistic = Calibration(
        features=features,
        mean=_floats(mean),
        scale=_floats(scale),
        coefficient=_floats(coefficient),
        intercept=intercept,
    )
    if y.sum() < ENOUGH_FOR_ISOTONIC:
        return logistic
    knots, values = _centred_isotonic(logistic.logit(x), y, weight)
    curve = {"curve_from": _floats(knots), "curve_to": _floats(values)}
    return logistic.model_copy(update=curve)


def _logistic(
    x: NDArray[Any], y: Bools, weight: Floats, least: list[float]
) -> tuple[NDArray[np.float64], float]:
    """Logistic regression with an L2 penalty of 1 (as scikit-learn's C=1) and lower bounds, which
    scikit-learn's does not have."""

    def loss(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = x @ beta[:-1] + beta[-1]
        off = weight * (expit(logit) - y)
        value = weight @ (np.logaddexp(0, logit) - y * logit) + beta[:-1] @ beta[:-1] / 2
        return float(value), np.append(x.T @ off + beta[:-1], off.sum())

    rate = float(np.average(y, weights=weight))
    start = np.append(np.zeros(x.shape[1]), np.log(rate / (1 - rate)))
    bounds = [(low, np.inf) for low in (*least, -np.inf)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x[:-1], float(found.x[-1])


def _floats(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _centred_isotonic(
    logit: Floats, y: Bools, weight: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(logit, kind="stable")
    bin_of = np.empty(len(y), np.int64)
    bin_of[order] = (np.cumsum(y[order]) - y[order]) // POSITIVES_A_BIN
    mass, centre, rate = _per_group(bin_of, weight, logit, y)
    level = IsotonicRegression().fit_transform(np.arange(len(mass)), rate, sample_weight=mass)
    _, step = np.unique(level, return_inverse=True)
    mass, centre, rate = _per_group(step, mass, centre, rate)
    rate = np.clip(rate, 0.5 / mass.sum(), 1 - 0.5 / POSITIVES_A_BIN)
    return centre, np.log(rate / (1 - rate))


def _per_group(
    group: NDArray[np.int64], weight: NDArray[Any], x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mass, mean x and mean y of each group."""
    mass = np.bincount(group, weight).astype(np.float64)
    return mass, np.bincount(group, weight * x) / mass, np.bincount(group, weight * y) / mass


def judge(
    probability: Floats, y: Bools, weight: Floats | None = None, *, bins: int = 15
) -> dict[str, float | int | None]:
    """Calibration error, Brier score and ranking of probabilities against what came true.

    `ece` is over `bins` bins of equal mass (Naeini et al. 2015; equal mass as in Nixon et al.
    2019); `ece_by_chance` is what it would be were the probabilities right: on little data it is
    not 0. `auc` is None where all or none came true.
    """
    if len(y) == 0:
        unknown = dict.fromkeys(("base_rate", "ece", "ece_by_chance", "brier", "auc"))
        return {"n": 0, "positives": 0, **unknown}
    weight = np.ones(len(y), np.float32) if weight is None else weight
    total = float(weight.sum())
    return {
        "n": len(y),
        "positives": int(y.sum()),
        "base_rate": float((weight * y).sum() / total),
        **_ece(probability, y, weight, bins),
        "brier": float((weight * (probability - y) ** 2).sum() / total),
        "auc": auc(probability, y, weight),
    }


def auc(score: Floats, y: Bools, weight: Floats | None = None) -> float | None:
    """Chance that a row that came true scores above one that did not."""
    if y.all() or not y.any():
        return None
    return float(roc_auc_score(y, score, sample_weight=weight))


def _ece(probability: Floats, y: Bools, weight: Floats, bins: int) -> dict[str, float]:
    order = np.argsort(probability, kind="stable")
    mass = np.cumsum(weight[order], dtype=np.float64)
    bin_of = np.minimum((mass - weight[order] / 2) / mass[-1] * bins, bins - 1).astype(np.int64)
    p, w = probability[order].astype(np.float64), weight[order].astype(np.float64)
    gap = np.bincount(bin_of, w * (p - y[order]), minlength=bins)
    variance = np.bincount(bin_of, w**2 * p * (1 - p), minlength=bins)
    by_chance = np.sqrt(2 / np.pi * variance)  # mean of |normal|
    return {
        "ece": float(np.abs(gap).sum() / mass[-1]),
        "ece_by_chance": float(by_chance.sum() / mass[-1]),
    }
