"""A trained model and the events it has not seen → what turns vectors into claims, and how good the
claims are: calibrations fitted on the validation window and judged on the test window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn.bands import by_band, reliability, within_categories
from gnn.bg_nbd import BgNbd
from gnn.calibration import Calibration
from gnn.categories import Categories, categories_of
from gnn.churn import fit_churn
from gnn.clusters import Clusters, derive_clusters, with_clusters
from gnn.encoded import Encoded
from gnn.evaluate import REPEATS, repeat_share
from gnn.features import Past, past_of
from gnn.graph import Events, Seen, events
from gnn.grouping import Method
from gnn.interests import came_true, drawn_users, fit_interests, judge_interests, known_users
from gnn.item_interests import MOST_SCORES, came_true_of, fit_items, judge_items, shelf_of
from gnn.next_category import judge_next
from gnn.prospects import fit_prospects
from gnn.search import Progress, silent
from gnn.segment_choice import fit_number
from gnn.sentiment import SentimentModel
from gnn.split import Split
from gnn.tables import GraphTables, TextVectors
from gnn.tone import fit_tone, judge_tone
from gnn.value import ValueModel
from gnn.windows import HORIZON_DAYS, Window, Windows, windows_of

FEWEST_USERS = 2_000
"""Users that item interests are fitted on, however many items there are."""
HALF_LIFE_HORIZONS = 3
"""A user's own events count half after so many horizons."""


class Scorer(Protocol):
    """`gnn.train.Scorer`"""

    @property
    def encoded(self) -> Encoded: ...

    def fused(self, users: NDArray[np.int64]) -> Any: ...


class Model(Protocol):
    """`gnn.train.Trained`"""

    def scorer(self, graph: GraphTables, text: TextVectors | None, seen: Seen | None) -> Scorer: ...


@dataclass(frozen=True)
class Fitted:
    """Everything learned beside the model itself."""

    horizon_days: int | None
    interest: Calibration | None
    item: Calibration | None
    churn: Calibration | None
    tone: SentimentModel | None
    repeats: bool
    """Known items are offered again."""
    clusters: Clusters | None
    """Stand in for categories; None where the source has some, or too few items."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """JSON-able: "interests", "interests_within", "item_interests", "churn", "value", "next_time",
    "next_category", "segments_tried", "segment_quality", "sentiment" (rows), "tone", "derived",
    "unavailable" (reasons by property)."""
    waiting: BgNbd | None = None
    value: ValueModel | None = None
    segments: int = 1
    """How many"""
    grouping: Method = "kmeans"
    """What makes the segments"""

    @property
    def half_life_days(self) -> float:
        return HALF_LIFE_HORIZONS * (self.horizon_days or HORIZON_DAYS)


def fit_profiles(
    model: Model,
    graph: GraphTables,
    text: TextVectors | None,
    split: Split,
    *,
    sensitive: frozenset[str],
    seed: int,
    now: int | None = None,
    segments_before: int | None = None,
    grouping: Method = "kmeans",
    progress: Progress | None = None,
) -> Fitted:
    """`model` must have learned from nothing after the training part of `split`. What is known of
    single users before `now` (epoch s, default: all there is) teaches when they come again and what
    they spend. There are as many segments as the last release had (`segments_before`), unless
    another number is much better; `grouping` makes them."""
    tell = progress or silent
    tell("calibration", 0, 4)
    windows = windows_of(events(graph), split)
    looks = [model.scorer(graph, text, w.seen) for w in (windows.validation, windows.test)]
    clusters = _clusters(graph, windows.validation, looks[0].encoded, seed)
    placed = with_clusters(graph, clusters) if clusters else graph
    categories = categories_of(placed, sensitive)
    half_life = HALF_LIFE_HORIZONS * (windows.horizon_days or HORIZON_DAYS)
    pasts = [
        past_of(graph, window, look.encoded, categories, half_life_days=half_life)
        for window, look in zip((windows.validation, windows.test), looks, strict=True)
    ]
    tell("calibration", 1, 4)
    metrics: dict[str, Any] = {"unavailable": {}, "horizon_days": windows.horizon_days}
    interest = _interests(graph, windows, pasts, categories, metrics, seed)
    if interest is not None:
        metrics["next_category"] = _next(placed, windows, pasts[1], categories, interest, seed)
    tell("calibration", 2, 4)
    repeats = repeat_share(windows.validation.before, windows.validation.after) >= REPEATS
    item = _items(graph, windows, looks, pasts, categories, half_life, repeats, metrics, seed)
    segments, judged = fit_number(
        placed, windows.test, pasts[1], categories, seed, segments_before, grouping
    )
    metrics |= judged
    tell("calibration", 3, 4)
    churn = _churn(graph, windows, metrics)
    later = fit_prospects(graph, now=now, timed=split.kind == "temporal")
    metrics |= later.metrics
    metrics["unavailable"] |= later.unavailable
    tone, metrics["tone"] = fit_tone(graph, text, split, seed)
    if tone is None:
        metrics["unavailable"]["sentiment"] = metrics.pop("tone")
    elif text is not None:
        metrics["sentiment"] = judge_tone(tone, graph, text, split, seed)
    tell("calibration", 4, 4)
    if clusters:
        metrics["derived"] = {"categories": len(clusters), "by": clusters.by}
    if categories.unknown:
        metrics["unknown_sensitive"] = list(categories.unknown)
    known = Fitted(windows.horizon_days, interest, item, churn, tone, repeats, clusters, metrics)
    return replace(
        known, waiting=later.waiting, value=later.value, segments=segments, grouping=grouping
    )


def _clusters(graph: GraphTables, window: Window, encoded: Encoded, seed: int) -> Clusters | None:
    if graph.categories.num_rows:
        return None
    return derive_clusters(graph, window.before, encoded.item, seed)


def _interests(
    graph: GraphTables,
    windows: Windows,
    pasts: list[Past],
    categories: Categories,
    metrics: dict[str, Any],
    seed: int,
) -> Calibration | None:
    rng = np.random.default_rng(seed)
    rows = _rows(graph, windows, pasts, rng)
    came = [came_true(w.after, categories) for w in (windows.validation, windows.test)]
    fitted = fit_interests(pasts[0], came[0], rows[0], categories, rng)
    judged = judge_interests(pasts[1], came[1], rows[1], categories, fitted, rng)
    metrics["interests"] = [] if judged is None else judged.rows()
    metrics["interests_within"] = [] if judged is None else within_categories(judged.pairs)
    if judged is not None and "profile" in fitted:
        metrics["interests_by_band"] = by_band(judged.pairs, "profile")
        metrics["reliability"] = reliability(judged.pairs, "profile")
    if "profile" not in fitted:
        metrics["unavailable"]["INTERESTED_IN.Category"] = (
            "too few positive events in the validation period to calibrate a chance"
            if categories.allowed.any()
            else "no categories, and too few items to derive any"
        )
    return fitted.get("profile")


def _rows(
    graph: GraphTables, windows: Windows, pasts: list[Past], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    moments = (windows.validation.at, windows.test.at)
    return [
        drawn_users(known_users(past, graph.users, at), rng)
        for past, at in zip(pasts, moments, strict=True)
    ]


def _items(
    graph: GraphTables,
    windows: Windows,
    looks: list[Scorer],
    pasts: list[Past],
    categories: Categories,
    half_life: float,
    repeats: bool,
    metrics: dict[str, Any],
    seed: int,
) -> Calibration | None:
    rng = np.random.default_rng(seed)
    most = max(FEWEST_USERS, MOST_SCORES // max(1, graph.items.num_rows))
    rows = [drawn_users(r, rng, most) for r in _rows(graph, windows, pasts, rng)]
    validation, test = (
        (look, shelf_of(w, categories.private_items, repeats=repeats, half_life_days=half_life),
         past, came_true_of(w), r)
        for w, look, past, r in zip(
            (windows.validation, windows.test), looks, pasts, rows, strict=True)
    )  # fmt: skip
    fitted = fit_items(*validation, rng)
    metrics["item_interests"] = judge_items(*test, fitted)
    if "profile" not in fitted:
        metrics["unavailable"]["INTERESTED_IN.Item"] = (
            "too few offered items were taken up in the validation period to calibrate a chance"
        )
    return fitted.get("profile")


def _churn(graph: GraphTables, windows: Windows, metrics: dict[str, Any]) -> Calibration | None:
    if windows.horizon_days is None:
        metrics["churn"] = []
        metrics["unavailable"]["churnRisk"] = "the source has no times"
        return None
    churn, metrics["churn"] = fit_churn(graph, windows.validation, windows.test)
    if churn is None:
        metrics["unavailable"]["churnRisk"] = (
            "too few users fell silent, or too few did not, within the horizon"
        )
    return churn


def _next(
    graph: GraphTables,
    windows: Windows,
    past: Past,
    categories: Categories,
    interest: Calibration,
    seed: int,
) -> list[dict[str, Any]]:
    test = windows.test
    rows = drawn_users(known_users(past, graph.users, test.at), np.random.default_rng(seed))
    share = categories.share
    return judge_next(past, test.before, test.after, interest, rows, categories, share)


def final_window(flat: Events, as_of: int | None, horizon_days: int | None) -> Window:
    """The last look, from `as_of`: everything before it is seen, nothing is known of after."""
    seen = Seen() if as_of is None or horizon_days is None else Seen(until=as_of)
    none = flat.where(np.zeros(len(flat), np.bool_))
    return Window(seen, seen.until, flat.seen(seen), none)
