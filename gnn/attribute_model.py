"""Users who declare an attribute, and everybody's vectors → the likeliest value of each user who
does not, with a calibrated chance; and whether that is worth saying at all.

The likeliest value is that of the calibrated chances, so that no value is said beside a chance that
another one exceeds. Everything is judged on users whose value the model did not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

from gnn.calibration import judge
from gnn.errors import ModelError
from gnn.predict import Judged, folds, logistic

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]

FILE = "attribute.json"
SURE = 2.0
"""Standard errors by which a guess must be better than none."""
DRAWN_BACK = 1e-3
"""Weight of the calibration's squares: it exists where a value is always foretold right, too."""


class AttributeModel(BaseModel):
    """A logistic regression on vectors; its log chances are scaled by `slope` and moved by `offset`
    (vector scaling, Guo et al. 2017), which also undoes that rare values counted like frequent
    ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: str
    values: tuple[str, ...]
    """[V]"""
    coefficient: tuple[tuple[float, ...], ...]
    """[V, d]"""
    intercept: tuple[float, ...]
    """[V]"""
    slope: float
    offset: tuple[float, ...]
    """[V]"""

    def chances(self, vectors: Floats) -> Doubles:
        """[N, d] → [N, V], rows summing to 1."""
        logit = vectors.astype(np.float64) @ np.asarray(self.coefficient).T + self.intercept
        said = log_softmax(logit, axis=1)
        return np.asarray(softmax(self.slope * said + self.offset, axis=1))

    def guesses(self, vectors: Floats, declared: Bools) -> dict[str, Array]:
        """The properties [N] of `kg.profile`; None and NaN for users who declare a value, and for
        those without a vector."""
        silent = np.flatnonzero(vectors.any(axis=1) & ~declared)
        chance = self.chances(vectors[silent])
        named, said = (np.full(len(vectors), None, object) for _ in range(2))
        how_sure = np.full(len(vectors), np.nan)
        named[silent] = self.attribute
        said[silent] = np.array(self.values, object)[chance.argmax(axis=1)]
        how_sure[silent] = chance.max(axis=1)
        return {
            "predictedAttribute": named, "predictedValue": said, "predictedChance": how_sure,
        }  # fmt: skip


@dataclass(frozen=True)
class Guessing:
    """A model, and what its guesses are worth."""

    model: AttributeModel
    row: dict[str, Any]
    """How often the likeliest value is right beside the most frequent one, and calibration error,
    of users whom neither the weights nor the calibration saw"""
    not_worth: str | None
    """Why the guesses should not be written; None where they should: the profile foretells better
    than chance and than both plain methods, and the likeliest value is right oftener than the most
    frequent one"""


def fit_attribute(attribute: str, found: Judged, vectors: Floats, seed: int) -> Guessing:
    """From those who declare it. `vectors` [U, d]."""
    x, label = vectors[found.rows], found.label
    best = logistic(seed).fit(x, label).best_estimator_
    # of one strength throughout: the chances of the folds and of the model have one scale
    unseen = cross_val_predict(clone(best), x, label, cv=folds(seed), method="predict_proba")
    said = np.log(np.maximum(unseen, 1e-12))
    coefficient, intercept = best.coef_, best.intercept_
    if len(coefficient) == 1:  # of the second of two values against the first
        coefficient = np.concatenate([np.zeros_like(coefficient), coefficient])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    slope, offset = _scaling(said, label)
    model = AttributeModel(
        attribute=attribute,
        values=found.values,
        coefficient=tuple(map(tuple, coefficient.tolist())),
        intercept=tuple(intercept.tolist()),
        slope=slope,
        offset=tuple(offset.tolist()),
    )
    return Guessing(model, *_judged(found, said, seed))


def _judged(found: Judged, said: Doubles, seed: int) -> tuple[dict[str, Any], str | None]:
    label, chance = found.label, np.zeros(said.shape)
    for seen, unseen in folds(seed).split(said, label):
        slope, offset = _scaling(said[seen], label[seen])
        chance[unseen] = softmax(slope * said[unseen] + offset, axis=1)
    guess = chance.argmax(axis=1)
    right, plain = guess == label, label == np.bincount(label).argmax()
    figures = judge(chance.max(axis=1).astype(np.float32), right)
    row = {
        "users": len(label),
        "right": float(right.mean()),
        "most_frequent": float(plain.mean()),
        "macro_f1": float(f1_score(label, guess, average="macro")),
        "ece": figures["ece"],
        "ece_by_chance": figures["ece_by_chance"],
    }
    return row, _not_worth(found, right, plain)


def _not_worth(found: Judged, right: Bools, plain: Bools) -> str | None:
    by = {row["model"]: row for row in found.table}
    profile = by.pop("profile")
    if profile["auc"] < 0.5 + SURE * _chance(found.label):
        return f"AUC {profile['auc']:.2f} on {profile['users']} users is not above chance"
    for name, row in by.items():
        if profile["macro_f1"] <= row["macro_f1"]:
            return f"macro-F1 {profile['macro_f1']:.3f} is not above {row['macro_f1']:.3f} ({name})"
    gained, lost = int((right & ~plain).sum()), int((plain & ~right).sum())
    if gained - lost <= SURE * (gained + lost) ** 0.5:  # McNemar 1947
        return (
            f"the likeliest value is right for {right.mean():.1%} of users, the most frequent one "
            f"for {plain.mean():.1%}"
        )
    return None


def _chance(label: Ints) -> float:
    """Standard error of the AUC of a model that knows nothing (Mann and Whitney's U), averaged
    over the values."""
    count = np.bincount(label).astype(np.float64)
    return float(np.sqrt((len(label) + 1) / (12 * count * (len(label) - count))).mean())


def _scaling(said: Doubles, label: Ints) -> tuple[float, Doubles]:
    """Slope and offsets [V] under which log chances [N, V] are likeliest to have been right."""
    n, v = said.shape
    truth = np.eye(v)[label]

    def loss(x: Doubles) -> tuple[float, Doubles]:
        logit = x[0] * said + x[1:]
        gap = softmax(logit, axis=1) - truth
        pull = x - np.concatenate([[1.0], np.zeros(v)])
        value = -(truth * log_softmax(logit, axis=1)).sum() / n + DRAWN_BACK * (pull**2).sum()
        slope = np.concatenate([[(gap * said).sum() / n], gap.mean(axis=0)])
        return float(value), slope + 2 * DRAWN_BACK * pull

    start = np.concatenate([[1.0], np.zeros(v)])
    bounds = [(0.0, None), *[(None, None)] * v]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), found[1:]


def save_attribute(model: AttributeModel, folder: Path) -> None:
    (folder / FILE).write_text(model.model_dump_json(), encoding="utf-8")


def load_attribute(folder: Path) -> AttributeModel | None:
    """None where the release has none. Raises ModelError."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return AttributeModel.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as e:
        raise ModelError(f"{path}: not what was written; train a new release") from e
