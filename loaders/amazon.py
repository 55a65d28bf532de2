"""Amazon reviews and item metadata (2014, 2018 and 2023 layouts) → users, items, reviews.

The layout is recognised by the keys of the first rows, whatever the file is called. A review with a
text is REVIEWED, one with stars alone is RATED. Reviews have no id of their own: user, item and
time make one. In the 2023 layout the item is `parent_asin`, which is what the metadata describe.
Averages and counts that the metadata carry are left out: they were taken after the last review.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from kg.errors import ConfigError
from loaders import nested
from loaders.cells import boolean, composite, first_of, integer, moment, number, text
from loaders.documents import Kind, open_documents
from loaders.interface import Progress
from loaders.plan import EdgeRows, FilePlan, NodeRows, PathRows, Rows, Value

_REVIEW = ("reviewerID", "user_id", "asin", "parent_asin", "overall", "rating", "reviewText",
           "text", "summary", "title", "unixReviewTime", "reviewTime", "timestamp",
           "sort_timestamp", "helpful", "vote", "helpful_vote", "helpful_votes", "verified",
           "verified_purchase")  # fmt: skip
_ITEM = ("asin", "parent_asin", "title", "description", "brand", "store", "price", "category",
         "categories", "main_cat", "main_category")  # fmt: skip
_IDS = ("reviewerID", "user_id", "asin", "parent_asin")
_PRICE = r"^\s*(?:from\s*)?(?:US)?\s*\$?\s*(-?[0-9][0-9,]*(?:\.[0-9]+)?)\s*(?:-\s*\$?[0-9.,]+)?\s*$"
_NO_PRICE = ("—", "-", "None")
_ENTITIES = {"&amp;": "&", "&#34;": '"', "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">",
             "&nbsp;": " ", "<br />": "\n", "<br/>": "\n", "<br>": "\n"}  # fmt: skip
_LONGEST_CATEGORY = 60
"""Characters; the 2018 metadata run on into features of the item after the last category."""


def plan_files(
    source: str, paths: Sequence[Path], options: Mapping[str, str], progress: Progress | None
) -> tuple[list[FilePlan], list[str]]:
    """A plan per file of reviews or items. Raises InputError where there is none."""
    if options:
        raise ConfigError(f"source {source!r} has no option {next(iter(options))!r}")
    return open_documents(paths, KINDS, "Amazon reviews or item metadata", progress)


def _is_review(keys: set[str]) -> bool:
    user, item = {"reviewerID", "user_id"} & keys, {"asin", "parent_asin"} & keys
    return bool(user and item and {"overall", "rating"} & keys)


def _is_item(keys: set[str]) -> bool:
    of_reviews = {"reviewerID", "user_id", "overall", "reviewText", "unixReviewTime"}
    return bool({"asin", "parent_asin"} & keys) and not of_reviews & keys


def _reviews(keys: set[str]) -> Rows:
    user = first_of([pl.col("reviewerID"), pl.col("user_id")])
    item = first_of([pl.col("parent_asin"), pl.col("asin")])
    when_ms = first_of([pl.col("timestamp"), pl.col("sort_timestamp")])
    when = first_of([pl.col("unixReviewTime"), pl.col("reviewTime"), when_ms])
    old = moment(first_of([pl.col("unixReviewTime"), pl.col("reviewTime")]), ("s", "%m %d, %Y"))
    body = first_of([pl.col("reviewText"), pl.col("text")])
    has_text = body.str.contains(r"\S").fill_null(False)
    votes = first_of([
        pl.col("helpful").str.extract(r"^\[\s*(\d+)"),
        pl.col("vote").str.replace_all(",", "", literal=True),
        pl.col("helpful_vote"),
        pl.col("helpful_votes"),
    ])  # fmt: skip
    rated: dict[str, Value] = {
        "at": Value(when, pl.coalesce(old.parsed, moment(when_ms, ("ms",)).parsed), old.type),
        "rating": number(first_of([pl.col("overall"), pl.col("rating")])),
        "helpful": integer(votes),
    }
    if {"verified", "verified_purchase"} & keys:
        verified = first_of([pl.col("verified"), pl.col("verified_purchase")])
        rated["verified"] = boolean(verified)
    reviewed = rated | {
        "title": text(_clean(first_of([pl.col("summary"), pl.col("title")]))),
        "text": text(_clean(body)),
    }
    key = composite([user, item, when])
    return Rows(
        edges=(
            EdgeRows("REVIEWED", user, item, reviewed, key, scale=(1, 5), when=has_text),
            EdgeRows("RATED", user, item, rated, key, scale=(1, 5), when=~has_text),
        )
    )


def _items(keys: set[str]) -> Rows:
    item = first_of([pl.col("parent_asin"), pl.col("asin")])
    described = pl.col("description")
    listed = nested.strings(described)
    joined = listed.list.join(" ", ignore_nulls=True)
    description = pl.when(described.str.starts_with("[")).then(joined)
    price = pl.col("price")
    priced = pl.when(~price.str.strip_chars().is_in([*_NO_PRICE, ""])).then(price)
    amount = priced.str.extract(_PRICE).str.replace_all(",", "", literal=True)
    brand = first_of([_said(pl.col("brand")), _said(pl.col("store"))])
    return Rows(
        nodes=(
            NodeRows("Item", item, {
                "title": text(_said(_clean(pl.col("title")))),
                "description": text(_said(_clean(description.fill_null(described)))),
                "brand": text(_clean(brand)),
                "price": Value(priced, number(amount).parsed, number(amount).type),
            }),
        ),
        paths=(PathRows(item, _categories()),),
    )  # fmt: skip


def _categories() -> pl.Expr:
    paths = nested.paths(first_of([_listed("category"), _listed("categories")]))
    main = _clean(first_of([_said(pl.col("main_cat")), _said(pl.col("main_category"))]))
    only_main = pl.concat_list(main).list.eval(pl.concat_list(pl.element()))
    name = pl.element()
    broken = name.str.contains("<", literal=True) | name.str.ends_with(".")
    broken |= name.str.len_chars() > _LONGEST_CATEGORY
    upto = broken.cast(pl.Int8).cum_max() == 0
    new = name.ne_missing(name.shift(1))
    sound = paths.list.eval(pl.element().list.eval(name.filter(upto & new)))
    usable = ~main.str.contains("<", literal=True)
    return pl.coalesce(sound, pl.when(usable).then(only_main))


def _listed(name: str) -> pl.Expr:
    """A list with something in it."""
    return pl.when(pl.col(name).str.contains(r"^\[+\s*[^\]\s]")).then(pl.col(name))


def _said(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"\S")).then(cell)


def _clean(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace_many(_ENTITIES).str.strip_chars()


KINDS = (
    Kind("reviews", _REVIEW, _is_review, _reviews, _IDS),
    Kind("items", _ITEM, _is_item, _items, _IDS),
)
