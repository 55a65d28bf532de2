"""Tables of the graph → the same with another key on top of every pseudonym in them."""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa

from kg.privacy.keys import LETTERS, Keyring, depth_of
from kg.schema import BEHAVIOURS, DST, EDGE_TABLES, SOCIAL, SRC

_EVENT_IDS = ("eventId", "cancels")
CITED = "topEvidence"


def raised(table: str, rows: pa.Table, ring: Keyring) -> pa.Table:
    """Rows of a node or edge table (with whichever of its columns) under the newest key. Those that
    are already stay as they are, so that a run that was cut off can be done again."""
    frame = cast(pl.DataFrame, pl.from_arrow(rows))
    made = [_column(table, column, ring) for column in frame]
    changed = frame.with_columns([c for c in made if c is not None])
    edge = EDGE_TABLES.get(table)
    if edge is not None and edge.type.undirected and {SRC, DST} <= set(changed.columns):
        low, high = pl.min_horizontal(SRC, DST), pl.max_horizontal(SRC, DST)
        changed = changed.with_columns(low.alias(SRC), high.alias(DST))
    arrow = changed.to_arrow()
    return pa.table(
        [
            rows[f.name] if made[k] is None else arrow[f.name].cast(f.type)
            for k, f in enumerate(rows.schema)
        ],
        schema=rows.schema,
    )


def _column(table: str, column: pl.Series, ring: Keyring) -> pl.Series | None:
    """None where it holds no id of a user or event."""
    edge = EDGE_TABLES.get(table)
    name = column.name
    is_user = name == "userId" or (
        edge is not None and (name, "User") in ((SRC, edge.src), (DST, edge.dst))
    )
    if is_user:
        return ring.raised("user", column).alias(name)
    if table in BEHAVIOURS and name in _EVENT_IDS:
        return ring.raised("event", column).alias(name)
    if name == CITED:
        return cited(column, ring)
    if column.dtype == pl.String and (table == "User" or table in BEHAVIOURS):
        return _hashed_value(column, ring)
    return None


def _hashed_value(column: pl.Series, ring: Keyring) -> pl.Series | None:
    """An attribute that a policy hashes, known by its form."""
    under = depth_of(ring.id) - 1
    shape = rf"^{LETTERS['value']}{under}_[0-9a-f]{{32}}$"
    hashed = column.str.contains(shape).fill_null(False)
    if not under or not hashed.any():
        return None
    return column.zip_with(~hashed, ring.raised("value", column)).alias(column.name)


def cited(lists: pl.Series, ring: Keyring) -> pl.Series:
    """Evidence as `KIND:id`, by kind: ties name users, the rest names events."""
    flat = lists.to_frame("v").with_row_index("row").explode("v")
    kind, id_ = pl.col("v").str.extract(r"^([^:]*):"), pl.col("v").str.replace(r"^[^:]*:", "")
    parts = flat.select("row", "v", kind.alias("kind"), id_.alias("id"))
    new = parts["id"]
    for what, kinds in (("user", SOCIAL), ("event", BEHAVIOURS)):
        new = new.zip_with(
            ~parts["kind"].is_in(kinds).fill_null(False), ring.raised(what, parts["id"])
        )
    again = parts.with_columns((pl.col("kind") + ":" + new).alias("v"))
    grouped = again.group_by("row", maintain_order=True).agg("v")["v"]
    empty = lists.is_null() | (lists.list.len() == 0)
    return grouped.zip_with(~empty, lists).alias(lists.name)
