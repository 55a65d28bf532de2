"""The profile: every property a release writes on a node, declared once.

Stores add these columns to the schema, `kg publish` writes them, `kg profile` shows them, and the
README's table is made from them. A property that a data set cannot give stays null.
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.schema import Property, Type

S, I, D, V = Type.STRING, Type.INT64, Type.DOUBLE, Type.VECTOR  # noqa: E741


@dataclass(frozen=True)
class ProfileProperty(Property):
    method: str = ""
    needs: str = ""
    """What the data must have; without it the property is null."""


def _p(name: str, type_: Type, meaning: str, unit: str, method: str, needs: str) -> ProfileProperty:
    return ProfileProperty(name, type_, meaning, unit, method=method, needs=needs)


USER_PROFILE: tuple[ProfileProperty, ...] = (
    _p("embedding", V, "taste as a unit vector; similar users are near by cosine", "",
       "heterogeneous GraphSAGE over events, friends and review text", "any event, friend or text"),
    _p("modelVersion", S, "release that last changed this profile", "", "", ""),
    _p("profileAsOf", I, "nothing after this moment was used", "epoch s", "", ""),
    _p("recencyDays", D, "time since the last event", "days", "asOf − last event", "times"),
    _p("frequency", I, "distinct days (where there are times) or events of activity", "count",
       "count", "events"),
    _p("monetary", D, "money spent, cancelled pieces taken out", "source currency",
       "Σ price × (quantity − cancelledQuantity)", "prices"),
    _p("tenureDays", D, "time since the first event", "days", "asOf − first event", "times"),
    _p("valueTier", S, "champion | loyal | potential | new | at risk | lost", "",
       "grid over quintiles of recency, frequency and monetary", "times"),
    _p("churnRisk", D, "chance of no event in the horizon after profileAsOf", "probability",
       "logistic on recency, frequency, tenure and rhythm, fitted on the validation period",
       "times"),
    _p("sentiment", D, "mean tone of the user's reviews, 0 bad to 1 good", "",
       "logistic probe on review vectors, trained on the data's own stars", "review text"),
    _p("segment", S, "group of users of like taste, named by its leading categories", "",
       "k-means over embeddings", "any event"),
    _p("community", I, "social community", "id", "Louvain", "social ties"),
    _p("influence", D, "place in the social graph, mean 1", "", "PageRank × users", "social ties"),
    _p("coldStart", S, "what stands behind the profile: events | friends | text | nothing", "",
       "count of evidence", ""),
    _p("evidenceCount", I, "events, friends and reviews behind the profile", "count", "count", ""),
    _p("staleSince", I, "edges changed after the profile was made; null while it is fresh",
       "epoch s", "marked by every load and erasure until `kg refresh` or a publish", ""),
)  # fmt: skip

ITEM_PROFILE: tuple[ProfileProperty, ...] = (
    _p("embedding", V, "the item's side of the score: user · item + scoreBias", "",
       "heterogeneous GraphSAGE over ids, text and categories", ""),
    _p("scoreBias", D, "popularity prior that stays when serving", "logit", "log degree", ""),
    _p("modelVersion", S, "release that last changed it", "", "", ""),
)  # fmt: skip

PROFILE_OF: dict[str, tuple[ProfileProperty, ...]] = {"User": USER_PROFILE, "Item": ITEM_PROFILE}
