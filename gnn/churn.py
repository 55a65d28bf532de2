"""Activity up to a moment → the chance that a user does nothing within the horizon after it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.attributes import LATELY, Activity, activity_of
from gnn.calibration import Calibration, fit_calibration, judge
from gnn.features import own_acts
from gnn.orders import known_left, lines_of
from gnn.tables import GraphTables
from gnn.windows import Window

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

NAMES = (
    "recency", "frequency", "tenure", "rhythm", "one_day", "silence",
    *(f"acts_{days}" for days in LATELY), "money",
)  # fmt: skip
"""log days since the last event; log active days; log days since the first; log of recency over the
user's own mean gap between active days; 1 for users of one active day, who have no gap; and log of
active days x log(tenure / span of activity), which is how surprising the silence is for a user who
acts at a steady rate (the core of P(alive) in Fader, Hardie and Lee 2005); log events of late, by
age; and log money spent, 0 where the source has no prices. What the embedding adds to these was
measured, as vectors, as neighbours' silence and as strength of interest: nothing."""
MODELS = {
    "recency": NAMES[:1],
    "RFM": ("recency", "frequency", "money"),
    "profile": NAMES,
}
"""What is judged side by side."""


def churn_features(activity: Activity, money: Doubles | None) -> Floats:
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
        *np.log1p(activity.lately).T,
        np.zeros(len(days)) if money is None else np.log1p(money),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def fit_churn(
    graph: GraphTables, earlier: Window, later: Window
) -> tuple[Calibration | None, list[dict[str, Any]]]:
    """Fitted on who fell silent after the earlier window's moment, judged on the later one's,
    beside logistic regressions on recency alone and on recency, frequency and money. None where too
    few did, or did not."""
    x, y = _examples(graph, earlier)
    held_x, held_y = _examples(graph, later)
    fitted = {
        model: fit_calibration(x[:, [NAMES.index(n) for n in names]], y, names)
        for model, names in MODELS.items()
    }
    rows = [
        {"model": model, **judge(c.over(NAMES).probability(held_x), held_y)}
        for model, c in fitted.items()
        if c is not None
    ]
    return fitted["profile"], rows


def _examples(graph: GraphTables, window: Window) -> tuple[Floats, Bools]:
    """Users with a dated event before the window's moment: features, and whether they fell
    silent."""
    activity = activity_of(window.before, graph, window.at)
    x = churn_features(activity, _money(graph, window.at))
    known = np.isfinite(x).all(axis=1)
    after = window.after.user[own_acts(window.after, graph)]
    silent = np.bincount(after, minlength=len(x)) == 0
    return x[known], silent[known]


def _money(graph: GraphTables, at: int | None) -> Doubles | None:
    """What is known of it at the moment."""
    lines = lines_of(graph, at)
    if lines is None or at is None:
        return None
    spent = np.nan_to_num(lines.price) * known_left(graph, lines, at)
    return np.bincount(lines.user, spent, graph.users.num_rows).astype(np.float64)


def churn_risk(calibration: Calibration, activity: Activity, money: Doubles | None) -> Doubles:
    """[U] probability; NaN for users without a dated event."""
    x = churn_features(activity, money)
    known = np.isfinite(x).all(axis=1)
    risk = np.full(len(x), np.nan)
    risk[known] = calibration.probability(x[known])
    return risk
