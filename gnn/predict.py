"""An attribute that some users declare, and all users' vectors → how well the vectors foretell it,
beside a logistic regression on the user's items and the most frequent value.

A judgement: what is written of it, where that is asked for, is `gnn.attribute_model`'s. Each user's
value is foretold by models that did not see it (five folds); the vectors never see any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.preprocessing import MaxAbsScaler

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Values = NDArray[np.object_]

FEWEST = 20
"""Users of a value below which it is left out: nothing could be learned, and few could hide."""
MOST = 20_000
"""Users looked at; more change the third decimal."""
FOLDS = 5
STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Inverse regularisation, chosen within each fold."""


@dataclass(frozen=True)
class Judged:
    """Of n users who declare one of V values."""

    table: list[dict[str, Any]]
    """By model: macro-F1 and AUC (one value against the rest, averaged)"""
    rows: Ints
    """[n] the users"""
    values: tuple[str, ...]
    """[V]"""
    label: Ints
    """[n] which of them the user declares"""


def judge_attribute(
    vectors: Floats, items: sp.csr_matrix, values: Values, seed: int
) -> Judged | str:
    """How well vectors and plain methods foretell the values; or why that cannot be said.

    Args:
        vectors: [U, d] users' vectors.
        items: [U, I] what each user took up.
        values: [U] the value as text; None where the user declares none.
        seed: for the sample and the folds.
    """
    rows = np.flatnonzero(np.array([v is not None for v in values], np.bool_))
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    names, label, count = np.unique(
        values[rows].astype(str), return_inverse=True, return_counts=True
    )
    keep = count >= FEWEST
    if keep.sum() < 2:
        return f"fewer than two of its {len(names)} values have {FEWEST} users"
    rows, label = rows[keep[label]], (np.cumsum(keep) - 1)[label[keep[label]]]
    owned = MaxAbsScaler().fit_transform(sp.csr_matrix(items[rows]).log1p())
    models: dict[str, tuple[Any, Any]] = {
        "most frequent": (DummyClassifier(strategy="prior"), owned),
        "logistic on items": (logistic(seed), owned),
        "profile": (logistic(seed), vectors[rows]),
    }
    table: list[dict[str, Any]] = []
    for name, (model, x) in models.items():
        chance = cross_val_predict(model, x, label, cv=folds(seed), method="predict_proba")
        known = {"users": len(rows), "values": int(keep.sum())}
        table.append({"model": name, **known, **_figures(label, chance)})
    return Judged(table, rows, tuple(names[keep].tolist()), label)


def folds(seed: int) -> StratifiedKFold:
    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed)


def logistic(seed: int) -> GridSearchCV:
    """Values count alike, however rare."""
    inner = StratifiedKFold(3, shuffle=True, random_state=seed)
    model = LogisticRegression(max_iter=300, class_weight="balanced")
    return GridSearchCV(model, {"C": list(STRENGTHS)}, cv=inner, scoring="f1_macro")


def _figures(label: Ints, chance: Doubles) -> dict[str, float]:
    said = chance.argmax(axis=1)
    binary = chance.shape[1] == 2
    auc = roc_auc_score(
        label, chance[:, 1] if binary else chance, multi_class="raise" if binary else "ovr"
    )
    return {"macro_f1": float(f1_score(label, said, average="macro")), "auc": float(auc)}
