"""Activity up to a moment → the chance that a user does nothing within the horizon after it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.attributes import Activity, activity_of
from gnn.calibration import Calibration, fit_calibration, judge
from gnn.features import own_acts
from gnn.tables import GraphTables
from gnn.windows import Window

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

NAMES = ("recency", "frequency", "tenure", "rhythm", "one_day", "silence")
"""log days since the last event; log active days; log days since the first; log of recency over the
user's own mean gap between active days; 1 for users of one active day, who have no gap; and log of
active days x log(tenure / span of activity), which is how surprising the silence is for a user who
acts at a steady rate (the core of P(alive) in Fader, Hardie and Lee 2005)."""


def churn_features(activity: Activity) -> Floats:
    """[U, F]; rows of users without a dated event are not finite."""
    days, active, tenure = activity.recency_days, activity.frequency, activity.tenure_days
    span = tenure - days
    gap = np.divide(span, active - 1, out=np.ones_like(span), where=active > 1)
    columns = (
        np.log1p(days),
        np.log1p(active),
        np.log1p(tenure),
        np.where(active > 1, np.log((days + 1) / (gap + 1)), 0),
        active <= 1,
        np.log1p(active * np.log((tenure + 1) / (span + 1))),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def fit_churn(
    graph: GraphTables, earlier: Window, later: Window
) -> tuple[Calibration | None, list[dict[str, Any]]]:
    """Fitted on who fell silent after the earlier window's moment, judged on the later one's,
    beside a logistic regression on recency alone. None where too few did, or did not."""
    x, y = _examples(graph, earlier)
    held_x, held_y = _examples(graph, later)
    fitted = {
        "recency": fit_calibration(x[:, :1], y, NAMES[:1]),
        "profile": fit_calibration(x, y, NAMES),
    }
    rows = [
        {"model": model, **judge(c.probability(held_x[:, : len(c.features)]), held_y)}
        for model, c in fitted.items()
        if c is not None
    ]
    return fitted["profile"], rows


def _examples(graph: GraphTables, window: Window) -> tuple[Floats, Bools]:
    """Users with a dated event before the window's moment: features, and whether they fell
    silent."""
    x = churn_features(activity_of(window.before, graph, window.at))
    known = np.isfinite(x).all(axis=1)
    after = window.after.user[own_acts(window.after, graph)]
    silent = np.bincount(after, minlength=len(x)) == 0
    return x[known], silent[known]


def churn_risk(calibration: Calibration, activity: Activity) -> NDArray[np.float64]:
    """[U] probability; NaN for users without a dated event."""
    x = churn_features(activity)
    known = np.isfinite(x).all(axis=1)
    risk = np.full(len(x), np.nan)
    risk[known] = calibration.probability(x[known])
    return risk
