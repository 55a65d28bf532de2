"""A synthetic shop, from nothing to published profiles, and how much of the truth is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.parquet as pq

from kg.errors import ConfigError
from kg.files import staging_folder
from kg.ingest import ingest
from kg.publish import Published, publish
from kg.releases import Card, read_tables
from kg.schema import BEHAVIOURS
from kg.store import GraphStore
from kg.training import Training, train_release

if TYPE_CHECKING:
    from loaders.interface import LoadReport, Staged

Progress = Callable[[str, int, int | None], None]

TOP = 3


@dataclass(frozen=True)
class Demo:
    report: LoadReport
    card: Card
    published: Published
    found: list[dict[str, Any]]
    """The planted interests found: a row for the profile and for each plain guess."""
    agreement: list[dict[str, Any]]
    """The planted chance of silence and the planted spend beside what was foretold."""
    user: str
    """One to look at: with reviews, friends, and an interest that was inferred."""


def run_demo(
    store: GraphStore,
    releases: Path,
    training: Training,
    *,
    users: int,
    now: int,
    progress: Progress | None = None,
) -> Demo:
    """Make the shop, load, train, publish, compare with the truth. A second run loads nothing new
    and publishes another release. Raises ConfigError for a store with another shop in it."""
    from loaders import stage

    options = {"users": str(users), "seed": str(training.seed)}
    with staging_folder("kg-demo-") as into:
        staged = stage("synthetic", [], into, now=now, options=options, progress=progress)
        _refuse_another(staged, store)
        ingest(staged, store, progress=progress)
        card = train_release(store, releases, training, now=now, progress=progress)
        published = publish(store, releases, card.version, now=now)
        tables = read_tables(releases, card.version)
        interests = pl.from_arrow(tables["edges/INTERESTED_IN.Category"])
        profiles = pl.from_arrow(tables["users"])
        assert isinstance(interests, pl.DataFrame)
        assert isinstance(profiles, pl.DataFrame)
        return Demo(
            report=staged.report,
            card=card,
            published=published,
            found=found_of_planted(staged, interests),
            agreement=agreement_with_planted(staged, profiles),
            user=_worth_a_look(staged, interests),
        )


def _refuse_another(staged: Staged, store: GraphStore) -> None:
    """Two shops name their users and events alike."""
    there = store.counts()
    made = {t: sum(pq.read_metadata(p).num_rows for p in staged.tables[t])
            for t in staged.tables if t in BEHAVIOURS}  # fmt: skip
    if there.get("User") and not there.get("Tombstone"):
        other = next((t for t, n in made.items() if n != there.get(t, 0)), None)
        if other is not None:
            raise ConfigError(
                f"{store.url} holds another shop ({there.get(other, 0):,} {other}, not "
                f"{made[other]:,}); name a store of the demo's own: --store ladybug://other.lbug"
            )


def found_of_planted(staged: Staged, interests: pl.DataFrame) -> list[dict[str, Any]]:
    """Of the three leaf categories each user is planted to like best (those who have not left), the
    share among the three strongest by our profile, by the user's own past and by popularity; and
    how the order of our scores agrees with the planted chances (Spearman)."""
    from loaders.synthetic import read_truth

    truth = read_truth(staged.folder)
    people, planted = pl.from_arrow(truth.users), pl.from_arrow(truth.interests)
    assert isinstance(people, pl.DataFrame)
    assert isinstance(planted, pl.DataFrame)
    stay = people.filter(~pl.col("churned")).select("userId")
    leaves = planted.filter(pl.col("level") == 1).join(stay, on="userId", how="semi")
    best = _top(leaves, "probability")
    past = _past(staged).join(stay, on="userId", how="semi")
    popular = past.group_by("categoryId").agg(pl.col("events").sum()).top_k(TOP, by="events")
    ours = interests.rename({"src": "userId", "dst": "categoryId"})
    ours = ours.join(leaves, on=["userId", "categoryId"], how="inner")
    guesses = {
        "profile (INTERESTED_IN)": _top(ours, "score"),
        "own past": _top(past, "events"),
        "popularity": stay.join(popular.select("categoryId"), how="cross"),
    }
    share = "planted top 3 found"
    rows: list[dict[str, Any]] = [
        {"guess": name, share: best.join(g, on=["userId", "categoryId"], how="semi").height
         / max(1, best.height)}
        for name, g in guesses.items()
    ]  # fmt: skip
    agreement = ours.select(pl.corr("score", "eventProbability", method="spearman")).item()
    rows[0]["rank agreement with planted chances"] = agreement
    return rows


FORETOLD = (
    ("silence", "silenceProbability", "churnRisk", "recencyDays"),
    ("spend", "expectedSpend", "expectedValue", "monetary"),
)
"""What is planted, its column, the profile's property and the plain one beside it."""


def agreement_with_planted(staged: Staged, users: pl.DataFrame) -> list[dict[str, Any]]:
    """How the order of users by what was foretold agrees with the planted chance of no event, and
    the planted spend, of the 30 days to come (Spearman); of all users who have the property, and of
    those who have not left, whom no long silence gives away."""
    from loaders.synthetic import read_truth

    truth = pl.from_arrow(read_truth(staged.folder).users)
    assert isinstance(truth, pl.DataFrame)
    both = truth.join(users, on="userId", how="inner")
    rows = []
    for planted, column, *properties in FORETOLD:
        known = both.drop_nulls(properties)
        stay = known.filter(~pl.col("churned"))
        for name, by in zip(("profile", "plain"), properties, strict=True):
            rank = pl.corr(by, column, method="spearman")
            rows.append({
                "planted": planted, "by": f"{name} ({by})", "users": known.height,
                "rank agreement": known.select(rank).item(),
                "of those who stay": stay.select(rank).item(),
            })  # fmt: skip
    return rows


def _top(frame: pl.DataFrame, by: str) -> pl.DataFrame:
    ranked = frame.sort(by, "categoryId", descending=[True, False])
    return ranked.group_by("userId", maintain_order=True).head(TOP).select("userId", "categoryId")


def _past(staged: Staged) -> pl.DataFrame:
    """userId, categoryId (leaves), events."""
    members = _edges(staged, "IN_CATEGORY").rename({"src": "itemId", "dst": "categoryId"})
    events = pl.concat([_edges(staged, t) for t in BEHAVIOURS if t in staged.tables])
    pairs = events.rename({"src": "userId", "dst": "itemId"}).join(members, on="itemId")
    return pairs.group_by("userId", "categoryId").agg(pl.len().alias("events")).collect()


def _edges(staged: Staged, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(list(staged.tables[table])).select("src", "dst")


def _worth_a_look(staged: Staged, interests: pl.DataFrame) -> str:
    def users(table: str, end: str) -> pl.DataFrame:
        return _edges(staged, table).rename({end: "userId"}).select("userId").collect()

    reviewers = users("REVIEWED", "src").group_by("userId").len().filter(pl.col("len") >= 3)
    friends = pl.concat([users("FRIEND_OF", "src"), users("FRIEND_OF", "dst")])
    inferred = interests.filter(pl.col("basis") == "inferred").rename({"src": "userId"})
    good = reviewers.join(friends, on="userId", how="semi").join(inferred, on="userId", how="semi")
    anyone = interests.rename({"src": "userId"})
    return str((good if good.height else anyone)["userId"].sort()[0])
