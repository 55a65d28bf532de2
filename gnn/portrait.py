"""One look at a whole graph → interests with their evidence, attributes and segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnn.attributes import activity_of, cold_start, monetary, value_tier
from gnn.categories import Categories
from gnn.churn import churn_risk
from gnn.evidence import Sources, evidence_of
from gnn.features import Past
from gnn.fitted import Fitted, Scorer
from gnn.interests import Interests, drawn_users, known_users, mean_chance, top_interests
from gnn.item_interests import shelf_of, top_items
from gnn.profile_tables import Claim, interest_table
from gnn.segments import segments_of
from gnn.tables import GraphTables, TextVectors
from gnn.tone import reviews_with_text, user_tone
from gnn.windows import Window

Floats = NDArray[np.float32]
Array = NDArray[Any]


@dataclass(frozen=True)
class Look:
    """A graph as a model sees it at one moment."""

    graph: GraphTables
    text: TextVectors | None
    window: Window
    scorer: Scorer
    past: Past
    categories: Categories
    sources: Sources
    claim: Claim


def category_interests(look: Look, fitted: Fitted, *, seed: int) -> pa.Table:
    """INTERESTED_IN.Category; no rows where no chance could be calibrated."""
    found = Interests.none()
    if fitted.interest is not None:
        known = known_users(look.past, look.graph.users, look.window.at)
        average = mean_chance(
            look.past,
            fitted.interest,
            drawn_users(known, np.random.default_rng(seed)),
            look.categories,
        )
        everyone = np.arange(look.graph.users.num_rows)
        found = top_interests(
            look.past, fitted.interest, everyone, look.categories, average=average
        )
    return _claims(look, found, look.graph.categories["categoryId"], look.past.centre)


def item_interests(look: Look, fitted: Fitted) -> pa.Table:
    """INTERESTED_IN.Item; no rows where no chance could be calibrated."""
    found = Interests.none()
    encoded = look.scorer.encoded
    if fitted.item is not None:
        shelf = shelf_of(
            look.window,
            look.categories.private_items,
            repeats=fitted.repeats,
            half_life_days=fitted.half_life_days,
        )
        rows = np.flatnonzero(look.past.has_evidence)
        found = top_items(look.scorer, shelf, look.past, rows, fitted.item)
    popularity = np.exp(encoded.bias - encoded.bias.max())
    usual = popularity @ encoded.item / popularity.sum()
    return _claims(look, found, look.graph.items["itemId"], encoded.item - usual)


def _claims(look: Look, found: Interests, targets: pa.ChunkedArray, directions: Floats) -> pa.Table:
    evidence = evidence_of(look.sources, found.user, found.target, directions)
    users = look.graph.users["userId"]
    return interest_table(found, evidence, look.sources, users, targets, look.claim)


def attributes(
    look: Look, fitted: Fitted, *, seed: int
) -> tuple[dict[str, Array], dict[str, Any], dict[str, str]]:
    """Columns [U] of the profile by property; figures; and reasons for properties not given."""
    graph, seen, as_of = look.graph, look.window.before, look.claim.as_of
    activity = activity_of(seen, graph, as_of)
    money = monetary(graph, as_of)
    segments = segments_of(look.past.user, look.past.share, look.categories, seed)
    _, writers = reviews_with_text(graph, look.text, seen)
    wrote = np.bincount(writers, minlength=seen.n_users) > 0
    unknown = np.full(seen.n_users, np.nan)
    columns: dict[str, Array] = {
        "recencyDays": activity.recency_days,
        "frequency": activity.frequency,
        "monetary": unknown if money is None else money,
        "tenureDays": activity.tenure_days,
        "valueTier": value_tier(activity, money),
        "churnRisk": unknown if fitted.churn is None else churn_risk(fitted.churn, activity),
        "sentiment": unknown
        if fitted.tone is None or look.text is None
        else user_tone(fitted.tone, graph, look.text, seen),
        "segment": segments.of_user,
        "coldStart": cold_start(activity, wrote),
        "evidenceCount": activity.events + activity.ties,
    }
    reasons = {}
    if money is None:
        reasons["monetary"] = "no purchase has a price"
    if as_of is None:
        timed = ("recencyDays", "tenureDays", "valueTier")
        reasons |= dict.fromkeys(timed, "the source has no times")
    figures = {
        "segments": segments.table,
        "silhouette": {str(k): s for k, s in segments.silhouette.items()},
    }
    return columns, figures, reasons
