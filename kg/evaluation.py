"""A release's card → one report of everything it was judged by, with who won: the profile or the
best plain method beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kg.releases import Card


@dataclass(frozen=True)
class _Judgement:
    """A table of the card's metrics."""

    name: str
    title: str
    reads: str
    """How to read it, in a sentence."""
    ours: str = "profile"
    by: str = "model"
    """Column that names the rows."""
    measure: str = ""
    """Column that decides; empty where nothing plain stands beside."""
    higher: bool = False


JUDGEMENTS = (
    _Judgement("quality", "Items", "held-out items ranked among all; users by amount of history",
               "fused", measure="ndcg@20", higher=True),
    _Judgement("quality_new_items", "New items", "the same among items new to the user",
               "fused", measure="ndcg@20", higher=True),
    _Judgement("interests", "Interests", "chances of an event in a category within the horizon; "
               "auc_new: categories new to the user", measure="brier"),
    _Judgement("interests_within", "Interests within a category", "which users take up a category, "
               "one category at a time: AUC over those that came true for 20 users; best_in: share "
               "of the categories in which no other is better", measure="mean_auc", higher=True),
    _Judgement("interests_by_band", "Interests by band", "the profile's chances by activity of the "
               "user, tenth of the categories (from the least popular to the most), and where the "
               "category is new to the user"),
    _Judgement("reliability", "Reliability", "chance said beside share that came true, in bins of "
               "equal mass; drawn in reliability.svg"),
    _Judgement("item_interests", "Item interests", "chances of taking up an offered item",
               measure="brier"),
    _Judgement("next_category", "Next category", "category of the first choice of the test period",
               measure="hit@1", higher=True),
    _Judgement("churn", "Churn", "chance of no event within the horizon", measure="brier"),
    _Judgement("next_time", "Next time", "days to the next purchase or event, cut off at the end "
               "of the last quarter of the data", measure="restricted_mae"),
    _Judgement("value", "Value", "money of the last quarter of the data, by what was known before "
               "it", measure="mae"),
    _Judgement("sentiment", "Sentiment", "tone of later reviews in English beside the stars given "
               "with them", measure="auc", higher=True),
    _Judgement("segment_quality", "Segments", "bits an event by which a user's group foretells the "
               "categories of the next choices better than everyone's mix", by="grouping",
               measure="bits", higher=True),
    _Judgement("segments_tried", "Number of segments", "the highest silhouette times stability; "
               "of k-means beside, where another method makes them (those in no group count 0)"),
    _Judgement("foretold", "Attribute", "how well vectors foretell what some users declare; "
               "written by --write alone", measure="macro_f1", higher=True),
    _Judgement("foretold_written", "Attribute, guessed", "how often the likeliest value is right "
               "beside the most frequent one, for users not seen; ece is of its chance; written: "
               "users who declare none and have a guess"),
    _Judgement("faithfulness", "Evidence", "how far scores fall when the cited edges are taken "
               "away, beside as many other edges of the same users", "cited", by="removed",
               measure="fall", higher=True),
)  # fmt: skip
DETAILS = frozenset({"interests_by_band", "reliability", "segments_tried"})
"""Shown by `kg evaluate` alone."""


_CHOICES = (
    ("ranker", "share of another order of each ranking's head"),
    ("few_events", "events at which taste counts as much as popularity"),
    ("retrieval", "weight of the linear filter's band in one inner product"),
)
"""What validation users chose among, by the card's key; 0 leaves it out."""


class _Said(BaseModel):
    """JSON names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Verdict(_Said):
    """The profile beside the best plain method."""

    measure: str
    ours: float
    plain: float
    beside: str
    """Which plain method"""
    wins: bool

    def in_words(self) -> str:
        sides = f"{self.measure} {self.ours:.4g} beside {self.plain:.4g} ({self.beside})"
        return ("the profile wins: " if self.wins else "the plain method wins: ") + sides


class Section(_Said):
    name: str
    title: str
    reads: str
    verdict: Verdict | None
    """By the figure that decides; None where nothing plain stands beside."""
    rows: list[dict[str, Any]]


class Evaluation(_Said):
    version: str
    as_of: int | None
    horizon_days: int | None
    sections: list[Section]
    choices: list[dict[str, Any]]
    """What validation chose: users asked, value, and what it brings them: Recall@20 + NDCG@20"""
    tone: dict[str, Any] | None
    """Of the probe that reads sentiment: AUC on held-out reviews."""
    unavailable: dict[str, str]
    """Properties the data cannot give, with the reason."""


def evaluation(card: Card) -> Evaluation:
    metrics = card.metrics
    return Evaluation(
        version=card.version,
        as_of=card.as_of,
        horizon_days=card.horizon_days,
        sections=[
            Section(
                name=j.name,
                title=j.title,
                reads=j.reads,
                verdict=_verdict(j, metrics[j.name]),
                rows=metrics[j.name],
            )
            for j in JUDGEMENTS
            if metrics.get(j.name)
        ],
        choices=_choices(metrics),
        tone=metrics.get("tone"),
        unavailable=metrics.get("unavailable", {}),
    )


def _choices(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    chosen = {
        "ranker": metrics.get("ranker", {}).get("share"),
        "few_events": metrics.get("fusion", {}).get("half"),
        "retrieval": metrics.get("retrieval", {}).get("weight"),
    }
    return [
        {
            "choice": title,
            "users": metrics[name]["users"],
            "chosen": chosen[name],
            "worth without": metrics[name]["worth"]["0.0"],
            "worth with": metrics[name]["worth"][str(chosen[name])],
        }
        for name, title in _CHOICES
        if chosen[name] is not None and "worth" in metrics.get(name, {})
    ]


def _verdict(judgement: _Judgement, rows: list[dict[str, Any]]) -> Verdict | None:
    """Among the rows of all users, where there are others."""
    rows = [r for r in rows if r.get("users") in (None, "all") or not isinstance(r["users"], str)]
    figures = {
        row[judgement.by]: row[judgement.measure]
        for row in rows
        if judgement.measure and row.get(judgement.measure) is not None
    }
    ours = figures.pop(judgement.ours, None)
    if ours is None or not figures:
        return None
    best = (max if judgement.higher else min)(figures, key=lambda name: figures[name])
    plain = figures[best]
    won = ours > plain if judgement.higher else ours < plain
    return Verdict(measure=judgement.measure, ours=ours, plain=plain, beside=best, wins=won)
