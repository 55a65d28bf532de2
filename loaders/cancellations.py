"""Returned pieces and the purchases they take back: which belongs to which.

A return is matched to a purchase of the same item by the same user, not later than it. Of those
that still have enough pieces the one of the same price wins, then the latest. A return that no
single purchase covers takes from several, latest first, and names the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kg.schema import DST, SRC

COLUMNS = (SRC, DST, "eventId", "at", "quantity", "price")


@dataclass(frozen=True)
class Matched:
    cancels: pl.DataFrame
    """eventId of a return, `cancels`."""
    cancelled: pl.DataFrame
    """eventId of a purchase, `cancelledQuantity`."""


def match(purchases: pl.DataFrame, returns: pl.DataFrame) -> Matched:
    """Both tables with COLUMNS; only pairs of user and item that occur in both matter."""
    open_ = returns.select(
        SRC, DST, "at", "price", pl.col("eventId").alias("return"), pl.col("quantity").alias("left")
    ).with_columns(pl.col("left").fill_null(1.0))
    stock = purchases.select(
        SRC,
        DST,
        pl.col("eventId").alias("purchase"),
        pl.col("at").alias("bought"),
        pl.col("price").alias("paid"),
        pl.col("quantity").fill_null(1.0).alias("stock"),
    )
    taken: list[pl.DataFrame] = []
    for whole in (True, False):
        while True:
            # each round settles at least one return or empties at least one purchase
            pairs = _best(open_, stock, whole=whole)
            if not len(pairs):
                break
            taken.append(pairs.select("return", "purchase", "pieces"))
            open_ = _less(open_, pairs, "return", "left")
            stock = _less(stock, pairs, "purchase", "stock")
    if not taken:
        return Matched(
            pl.DataFrame(schema={"eventId": pl.String, "cancels": pl.String}),
            pl.DataFrame(schema={"eventId": pl.String, "cancelledQuantity": pl.Float64}),
        )
    all_taken = pl.concat(taken)
    return Matched(
        all_taken.unique("return", keep="first", maintain_order=True).select(
            pl.col("return").alias("eventId"), pl.col("purchase").alias("cancels")
        ),
        all_taken.group_by(pl.col("purchase").alias("eventId")).agg(
            pl.col("pieces").sum().alias("cancelledQuantity")
        ),
    )


def _best(open_: pl.DataFrame, stock: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
    """The purchase each return would take from, and of the returns that want one the earliest."""
    pairs = open_.join(stock, on=[SRC, DST]).filter(
        (pl.col("stock") > 0) & (pl.col("bought").is_null() | ~(pl.col("bought") > pl.col("at")))
    )
    if whole:
        pairs = pairs.filter(pl.col("stock") >= pl.col("left"))
    other_price = (pl.col("paid") != pl.col("price")).fill_null(True)
    ranked = pairs.with_columns(other_price.alias("other")).sort(
        "other", "bought", "purchase", descending=[False, True, False], nulls_last=True
    )
    chosen = ranked.unique("return", keep="first", maintain_order=True)
    chosen = chosen.sort("at", "return").unique("purchase", keep="first", maintain_order=True)
    return chosen.with_columns(pl.min_horizontal("left", "stock").alias("pieces"))


def _less(rows: pl.DataFrame, pairs: pl.DataFrame, key: str, amount: str) -> pl.DataFrame:
    joined = rows.join(pairs.select(key, "pieces"), on=key, how="left")
    left = pl.col(amount) - pl.col("pieces").fill_null(0.0)
    return joined.with_columns(left.alias(amount)).drop("pieces").filter(pl.col(amount) > 0)
