"""The profile: every property a release writes on a node, declared once.

Stores add these columns to the schema, `kg publish` writes them, `kg profile` shows them, and the
README's table is made from them. A property that a data set cannot give stays null.
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.errors import StoreError
from kg.schema import Property, Type

S, I, D, V = Type.STRING, Type.INT64, Type.DOUBLE, Type.VECTOR  # noqa: E741


GROUPS = ("activity", "money", "taste", "mood", "risk", "social", "guess", "stands on")
"""How `kg profile` orders what it shows."""


@dataclass(frozen=True)
class ProfileProperty(Property):
    method: str = ""
    needs: str = ""
    """What the data must have; without it the property is null."""
    group: str = ""
    """One of GROUPS; empty for what is not shown as an attribute."""


def _p(
    name: str, type_: Type, meaning: str, unit: str, method: str, needs: str, group: str = ""
) -> ProfileProperty:
    return ProfileProperty(name, type_, meaning, unit, method=method, needs=needs, group=group)


USER_PROFILE: tuple[ProfileProperty, ...] = (
    _p("embedding", V, "taste as a unit vector; similar users are near by cosine", "",
       "heterogeneous GraphSAGE over events, friends and review text", "any event, friend or text"),
    _p("modelVersion", S, "release that last changed this profile; the live release says what is "
       "live (ProfileRelease)", "", "", ""),
    _p("profileAsOf", I, "nothing after this moment was used; a later moment is a change of the "
       "profile, though its figures stay", "epoch s", "", ""),
    _p("recencyDays", D, "time since the last event", "days", "asOf − last event", "times",
       "activity"),
    _p("frequency", I, "distinct days (where there are times) or events of activity", "count",
       "count", "events", "activity"),
    _p("tenureDays", D, "time since the first event", "days", "asOf − first event", "times",
       "activity"),
    _p("trend", D, "activity of the last 90 days against the 90 before: 0 even, 1 doubled, "
       "−1 halved", "log2 ratio", "log2 of events + 1 over events + 1", "180 days of data",
       "activity"),
    _p("activityHours", S, "the six hours of the day in a row that hold most activity", "UTC",
       "largest sum over the clock, from 5 moments", "times finer than days", "activity"),
    _p("weekendShare", D, "share of activity on Saturdays and Sundays", "share",
       "of distinct moments, UTC", "times", "activity"),
    _p("seasonality", S, "the three months in a row that hold half of a year's activity or more, "
       "else even", "", "of distinct moments of the user's whole years, from 8", "a year of data",
       "activity"),
    _p("monetary", D, "money spent, cancelled pieces taken out", "source currency",
       "Σ price × (quantity − cancelledQuantity)", "prices", "money"),
    _p("expectedValue", D, "money of the 365 days after profileAsOf", "source currency",
       "BG/NBD and Gamma-Gamma (Fader, Hardie and Lee 2005), corrected by a log-linear regression "
       "on them and last year's spend", "prices, times", "money"),
    _p("basketValue", D, "mean money of an order", "source currency",
       "over orders by orderId, else by day, cancelled pieces taken out", "prices", "money"),
    _p("basketSize", D, "mean number of different items in an order", "items",
       "over orders by orderId, else by day, cancelled items taken out", "purchases", "money"),
    _p("returnRate", D, "share of the pieces bought that came back", "share",
       "pieces returned or cancelled, by item, over pieces bought", "returns", "money"),
    _p("rfmScore", S, "fifth of recency, frequency and money among all users, 5 the best: 545", "",
       "quintiles; two digits where there are no prices", "times", "money"),
    _p("valueTier", S, "champion | loyal | potential | new | at risk | lost", "",
       "grid over quintiles of recency, frequency and monetary", "times", "money"),
    _p("segment", S, "group of users of like taste, named by its leading categories", "",
       "k-means over embeddings; by setting Ward's clustering, or HDBSCAN, which puts those of a "
       "taste of their own in `no group`", "any event", "taste"),
    _p("nextCategory", S, "narrowest category in which the next choice is likeliest", "",
       "the highest calibrated interest among categories that items are in themselves",
       "categories", "taste"),
    _p("explorer", D, "effective number of categories taken up", "categories",
       "exp of the entropy of positive events (Hill 1973)", "categories", "taste"),
    _p("interestDrift", D, "change of the category mix from the older to the newer half of "
       "events: 0 none, 1 nothing in common", "", "1 − Morisita's overlap (1959), from 8 events",
       "categories, times", "taste"),
    _p("priceBand", S, "low | middle | high: third of its category in which the price of the "
       "user's middle choice stands", "", "median place, from 3 items", "prices, categories",
       "taste"),
    _p("brandAffinity", S, "up to three brands chosen more often than by others", "",
       "n log(own share / everyone's), from 2 events", "brands", "taste"),
    _p("sentiment", D, "mean tone of the user's reviews, 0 bad to 1 good", "",
       "logistic probe on review vectors and, in English, VADER's score, trained on the data's own "
       "stars", "review text", "mood"),
    _p("sentimentTrend", D, "tone of the newer half of the reviews less that of the older",
       "−1 to 1",
       "difference of means, from 4 dated reviews", "review text, times", "mood"),
    _p("likes", S, "up to three categories that the user's reviews praise", "",
       "mean tone .6 or more, drawn to neither by one review; from 2 reviews",
       "review text, categories", "mood"),
    _p("dislikes", S, "up to three categories that the user's reviews run down", "",
       "mean tone .4 or less, drawn to neither by one review; from 2 reviews",
       "review text, categories", "mood"),
    _p("interestTags", S, "up to six words that tell the user's good choices from others'", "",
       "c-TF-IDF (Grootendorst 2022) over item titles and own reviews; in 2 choices or more",
       "titles or review text", "mood"),
    _p("aversionTags", S, "the same of choices spoken against or sent back", "",
       "c-TF-IDF over item titles and own reviews; in 2 choices or more",
       "titles or review text", "mood"),
    _p("churnRisk", D, "chance of no event in the horizon after profileAsOf", "probability",
       "logistic on recency, frequency, tenure, rhythm, late activity and money, fitted on the "
       "validation period",
       "times", "risk"),
    _p("expectedDays", D, "days to the next purchase (where nothing is bought, the next event): as "
       "likely sooner as later; null where none is expected within two years", "days",
       "median of BG/NBD (Fader, Hardie and Lee 2005)", "times", "risk"),
    _p("community", I, "social community", "id", "Louvain", "social ties", "social"),
    _p("influence", D, "place in the social graph, mean 1", "", "PageRank × users", "social ties",
       "social"),
    _p("predictedAttribute", S, "what predictedValue is a guess of; null, as the next two, for "
       "users who declare it, and in a release that was not told to write guesses", "",
       "`kg train --predict ATTRIBUTE --write`", "an attribute that some users declare", "guess"),
    _p("predictedValue", S, "likeliest value of it, as text: a guess, not the user's word", "",
       "logistic regression on embeddings of users who declare it; written where it beats chance, "
       "the most frequent value and a logistic regression on items, for users it did not see",
       "an attribute that some users declare", "guess"),
    _p("predictedChance", D, "chance that predictedValue is right", "probability",
       "vector scaling (Guo et al. 2017), fitted on chances of users it did not see",
       "an attribute that some users declare", "guess"),
    _p("coldStart", S, "what stands behind the profile: events | friends | text | nothing", "",
       "count of evidence", "", "stands on"),
    _p("evidenceCount", I, "events, friends and reviews behind the profile", "count", "count", "",
       "stands on"),
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

EMBEDDING = "embedding"
GUESS = ("predictedAttribute", "predictedValue", "predictedChance")
"""What `kg train --predict ATTRIBUTE --write` adds; never there without."""


def embedded(label: str) -> str:
    """The label, where its nodes have an embedding; raises StoreError for others."""
    if label not in PROFILE_OF:
        raise StoreError(f"{label!r} has no embedding; {', '.join(PROFILE_OF)} have one")
    return label
