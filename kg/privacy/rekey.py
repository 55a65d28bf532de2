"""Tables of the graph → the same with another key on top of every pseudonym in them."""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

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
    column = lists.to_arrow().cast(pa.large_list(pa.large_string()))
    flat = pl.Series("v", column.flatten(), pl.String)
    parts = flat.to_frame().select(
        kind=pl.col("v").str.extract(r"^([^:]*):"), id=pl.col("v").str.replace(r"^[^:]*:", "")
    )
    ids = parts["id"]
    for what, kinds in (("user", SOCIAL), ("event", BEHAVIOURS)):
        other = ~parts["kind"].is_in(kinds).fill_null(False)
        ids = ids.zip_with(other, ring.raised(what, parts["id"]))
    again = parts.select(pl.concat_str("kind", pl.lit(":"), ids))["kind"]
    ends = pa.array([0], pa.int64())
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    ends = pa.concat_arrays([ends, pc.cumulative_sum(lengths)])
    made = pa.LargeListArray.from_arrays(ends, again.to_arrow(), mask=column.is_null())
    return pl.Series(lists.name, made, lists.dtype)
