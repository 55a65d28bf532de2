"""Yelp Open Dataset (businesses, reviews, users, tips; all known layouts) → graph tables.

Friends and categories come as a list or as comma text, votes and compliments nested or flat. Users'
names are not read. A tip is a REVIEWED edge without stars. Counts and averages that users and
businesses carry were taken when the data were published: they are attributes for people to read,
not facts a model of an earlier day may know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from kg.errors import ConfigError
from kg.schema import Type
from loaders import nested
from loaders.cells import boolean, composite, first_of, integer, moment, number, text
from loaders.documents import Kind, open_documents
from loaders.interface import Progress
from loaders.plan import EdgeRows, FilePlan, NodeRows, PathRows, Rows, Value

_COMPLIMENTS = ("hot", "more", "profile", "cute", "list", "note", "plain", "cool", "funny",
                "writer", "photos")  # fmt: skip
_REVIEW = ("review_id", "user_id", "business_id", "stars", "text", "date", "useful", "votes")
_BUSINESS = ("business_id", "name", "city", "state", "categories", "stars", "review_count",
             "is_open", "open")  # fmt: skip
_USER = ("user_id", "yelping_since", "review_count", "average_stars", "fans", "useful", "votes",
         "friends", "compliments", *(f"compliment_{c}" for c in _COMPLIMENTS))  # fmt: skip
_TIP = ("user_id", "business_id", "text", "date", "likes", "compliment_count")
_IDS = ("review_id", "user_id", "business_id")
_WITH_COMMA = ("Beer, Wine & Spirits", "Books, Mags, Music & Video", "Used, Vintage & Consignment")
"""Categories whose names hold the comma that separates them in the later layout."""
_HELD = "\x1f"


def plan_files(
    source: str, paths: Sequence[Path], options: Mapping[str, str], progress: Progress | None
) -> tuple[list[FilePlan], list[str]]:
    """A plan per file of a known kind. Raises InputError where there is none."""
    if options:
        raise ConfigError(f"source {source!r} has no option {next(iter(options))!r}")
    return open_documents(paths, KINDS, "Yelp businesses, reviews, users or tips", progress)


def _votes(name: str) -> pl.Expr:
    return first_of([pl.col(name), pl.col("votes").str.extract(rf'"{name}":\s*(-?\d+)')])


def _reviews(keys: set[str]) -> Rows:
    user, business = pl.col("user_id"), pl.col("business_id")
    has_text = pl.col("text").str.contains(r"\S").fill_null(False)
    rated = {
        "at": moment(pl.col("date")),
        "rating": number(pl.col("stars")),
        "helpful": integer(_votes("useful")),
    }
    reviewed = rated | {"text": text(pl.col("text"))}
    key = pl.col("review_id")
    return Rows(
        edges=(
            EdgeRows("REVIEWED", user, business, reviewed, key, scale=(1, 5), when=has_text),
            EdgeRows("RATED", user, business, rated, key, scale=(1, 5), when=~has_text),
        )
    )


def _tips(keys: set[str]) -> Rows:
    user, business, date = pl.col("user_id"), pl.col("business_id"), pl.col("date")
    values = {
        "at": moment(date),
        "text": text(pl.col("text")),
        "helpful": integer(first_of([pl.col("compliment_count"), pl.col("likes")])),
    }
    key = composite([pl.lit("tip"), user, business, date])
    return Rows(edges=(EdgeRows("REVIEWED", user, business, values, key),))


def _businesses(keys: set[str]) -> Rows:
    business = pl.col("business_id")
    categories = pl.col("categories").str.replace_many(
        {name: name.replace(", ", _HELD) for name in _WITH_COMMA}
    )
    names = nested.split(categories, ",")
    whole = pl.element().str.replace_all(_HELD, ", ", literal=True)
    as_paths = names.list.eval(pl.concat_list(whole))
    return Rows(
        nodes=(
            NodeRows("Item", business, {
                "title": text(pl.col("name")),
                "city": text(pl.col("city")),
                "state": text(pl.col("state")),
                "averageStars": number(pl.col("stars")),
                "reviewCount": integer(pl.col("review_count")),
                "isOpen": boolean(first_of([pl.col("is_open"), pl.col("open")])),
            }),
        ),
        paths=(PathRows(business, as_paths),),
    )  # fmt: skip


def _users(keys: set[str]) -> Rows:
    user = pl.col("user_id")
    numbers = pl.element().cast(pl.Int64, strict=False)
    compliments = pl.col("compliments").str.extract_all(r"\d+").list.eval(numbers).list.sum()
    flat = pl.sum_horizontal(
        [pl.col(f"compliment_{c}").cast(pl.Int64, strict=False) for c in _COMPLIMENTS]
    )
    has_flat = pl.any_horizontal([pl.col(f"compliment_{c}").is_not_null() for c in _COMPLIMENTS])
    total = pl.coalesce(compliments, pl.when(has_flat).then(flat))
    friends = nested.split(pl.when(pl.col("friends") != "None").then(pl.col("friends")), ",")
    return Rows(
        nodes=(
            NodeRows("User", user, {
                "createdAt": moment(pl.col("yelping_since")),
                "reviewCount": integer(pl.col("review_count")),
                "averageStars": number(pl.col("average_stars")),
                "fans": integer(pl.col("fans")),
                "usefulVotes": integer(_votes("useful")),
                "compliments": Value(total.cast(pl.String), total, Type.INT64),
            }),
        ),
        edges=(EdgeRows("FRIEND_OF", user, friends, many=True),),
    )  # fmt: skip


def _has(*needed: str) -> frozenset[str]:
    return frozenset(needed)


KINDS = (
    Kind("reviews", _REVIEW, _has("review_id", "user_id", "business_id").issubset, _reviews, _IDS),
    Kind("users", _USER, _has("user_id", "yelping_since").issubset, _users, _IDS),
    Kind("tips", _TIP, _has("user_id", "business_id", "text", "date").issubset, _tips, _IDS),
    Kind(
        "businesses",
        _BUSINESS,
        lambda keys: {"business_id", "name"} <= keys and "user_id" not in keys,
        _businesses,
        _IDS,
    ),
)
