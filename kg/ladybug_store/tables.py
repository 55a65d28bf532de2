"""Whole tables through the engine: read, count, copy in, merge in; all as Arrow columns.

Rows are in stored form (`columns.stored`): key columns first. In statements the columns go by
number (`c0`, `c1`, …), so that no name from a source becomes text of a query unquoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from kg.errors import CountMismatch
from kg.ladybug_store.catalog import Target, columns, holder, quoted
from kg.ladybug_store.columns import identity_of, keys_of, with_nulls
from kg.schema import DST, NODE_BY_LABEL, SRC, EdgeTable, NodeType

COPY_ROWS = 200_000
"""A COPY of one large table is no faster than several of its pieces, and waits more."""
READ_ROWS = 50_000
"""Rows of a chunk that is read; long texts stay below the 2 GiB of an Arrow string array."""


def pattern(target: Target, edge_table: str | None = None) -> str:
    """`(n:User)` or `(a:User)-[e:RATED]->(b:Item)`; the edges may stand in another table."""
    if isinstance(target, NodeType):
        return f"(n:{target.label})"
    return f"(a:{target.src})-[e:{edge_table or target.type.name}]->(b:{target.dst})"


def property_of(target: Target, column: str) -> str:
    """Where a column is found in `pattern`."""
    if isinstance(target, NodeType):
        return f"n.{quoted(column)}"
    if column == SRC:
        return f"a.{NODE_BY_LABEL[target.src].key}"
    if column == DST:
        return f"b.{NODE_BY_LABEL[target.dst].key}"
    return f"e.{quoted(column)}"


def value(connection: Any, text: str, rows: pa.Table | None = None) -> Any:
    """The single value a statement returns."""
    return _run(connection, text, rows).get_next()[0]


def count(connection: Any, target: Target, edge_table: str | None = None) -> int:
    return int(value(connection, f"MATCH {pattern(target, edge_table)} RETURN count(*)"))


def read(connection: Any, text: str) -> pa.Table:
    """All rows of a MATCH … RETURN. (`query_as_arrow` takes half the time, and 0.22 says of every
    column it gives that it has no nulls.)"""
    with connection.execute(text) as result:
        return result.get_as_arrow(READ_ROWS)


def scan(connection: Any, target: Target, names: Sequence[str], where: str = "") -> pa.Table:
    """Columns of a whole table in stored form, under their names."""
    wanted = ", ".join(property_of(target, n) for n in names)
    found = read(connection, f"MATCH {pattern(target)} {where} RETURN {wanted}")
    return found.rename_columns(list(names))


def keys(connection: Any, label: str) -> pa.ChunkedArray:
    node = NODE_BY_LABEL[label]
    return scan(connection, node, [node.key])[node.key]


def copy(connection: Any, target: Target, rows: pa.Table, edge_table: str | None = None) -> None:
    """Append; node keys must be new and both ends of an edge must be there."""
    into = edge_table or holder(target)
    given = list(rows.column_names)
    options = ""
    if isinstance(target, EdgeTable):
        options = f" (from='{target.src}', to='{target.dst}')"
        given = given[2:]
        if not given:  # without a list of columns the engine expects all of them
            there = columns(connection, holder(target))
            given = list(there)[:1]
            rows = with_nulls(rows, given, there, on_edge=True)
    names = f"({', '.join(map(quoted, given))})" if given else ""
    text = f"COPY {into}{names} FROM $rows{options}"
    for at in range(0, rows.num_rows, COPY_ROWS):
        _run(connection, text, rows.slice(at, COPY_ROWS))


def merge(connection: Any, target: Target, rows: pa.Table) -> tuple[int, int]:
    """Create or change, row by row in the engine. Returns how many rows found their ends, and how
    many of them say other than what was there."""
    names = rows.column_names
    numbers = {name: f"c{k}" for k, name in enumerate(names)}
    if isinstance(target, NodeType):
        entity, text = "n", f"MERGE (n:{target.label} {{{target.key}: c0}})"
    else:
        a, b = NODE_BY_LABEL[target.src], NODE_BY_LABEL[target.dst]
        key = target.type.key
        edge = f"{target.type.name} {{{key}: {numbers[key]}}}" if key else target.type.name
        entity = "e"
        text = (
            f"MATCH (a:{a.label} {{{a.key}: c0}}) MATCH (b:{b.label} {{{b.key}: c1}}) "
            f"MERGE (a)-[e:{edge}]->(b)"
        )
    own = {property_of(target, n): numbers[n] for n in names if n not in keys_of(target)}
    if not own:
        return int(value(connection, f"LOAD FROM $rows {text} RETURN count(*)", rows)), 0
    known = ", ".join([entity, *own.values()])
    differs = " OR ".join(f"({p} IS NULL) <> ({c} IS NULL) OR {p} <> {c}" for p, c in own.items())
    found = _run(
        connection,
        f"LOAD FROM $rows {text} "
        f"WITH {known}, CASE WHEN {differs} THEN 1 ELSE 0 END AS other "
        f"SET {', '.join(f'{p} = {c}' for p, c in own.items())} "
        "RETURN count(*), CAST(sum(other) AS INT64)",
        rows,
    ).get_next()
    return int(found[0]), int(found[1] or 0)


def change(connection: Any, node: NodeType, rows: pa.Table) -> int:
    """SET the columns on nodes that are there. Returns how many were found."""
    changes = ", ".join(f"n.{quoted(name)} = c{k}" for k, name in enumerate(rows.column_names) if k)
    return int(
        value(
            connection,
            f"LOAD FROM $rows MATCH (n:{node.label} {{{node.key}: c0}}) SET {changes} "
            "RETURN count(*)",
            rows,
        )
    )


def _run(connection: Any, text: str, rows: pa.Table | None) -> Any:
    if rows is None:
        return connection.execute(text)
    # a new table object each time: given the same one twice, the engine loads nothing and says so
    numbered = rows.rename_columns([f"c{k}" for k in range(rows.num_columns)])
    return connection.execute(text, {"rows": numbered})


class Ends:
    """The nodes an edge table may join."""

    def __init__(
        self, connection: Any, target: EdgeTable, without: pa.ChunkedArray | None = None
    ) -> None:
        """`without` are target nodes that are about to go."""
        self._target = target
        self._keys = {
            label: frame_of(pa.table({"key": keys(connection, label)}))
            for label in {target.src, target.dst}
        }
        if without is not None and len(without):
            going = frame_of(pa.table({"key": without}))
            self._keys[target.dst] = self._keys[target.dst].join(going, on="key", how="anti")

    def check(self, rows: pa.Table, of: int | None = None) -> None:
        """Raises `CountMismatch` with how many rows (`of` so many) miss an end, and one such
        key."""
        frame = frame_of(rows.select([SRC, DST]))
        strangers = {
            end: self._strangers(frame[end], label)
            for end, label in ((SRC, self._target.src), (DST, self._target.dst))
        }
        if not any(len(s) for s in strangers.values()):
            return
        missing = frame.filter(pl.any_horizontal(pl.col(e).is_in(s) for e, s in strangers.items()))
        end = SRC if len(strangers[SRC]) else DST
        label = self._target.src if end == SRC else self._target.dst
        raise CountMismatch(
            f"{self._target.name}: {missing.height} of {of or frame.height} rows have an end that "
            f"is not in the store, such as {label} {short(strangers[end][0])}; load it first. "
            f"No {self._target.name} was written"
        )

    def _strangers(self, ends: pl.Series, label: str) -> list[str]:
        asked, known = ends.unique().to_frame("key"), self._keys[label]
        if known.join(asked, on="key", how="semi").height == asked.height:
            return []
        return asked.join(known, on="key", how="anti")["key"].sort().to_list()


def last_of_each(target: Target, rows: pa.Table) -> pa.Table:
    """Of rows with one identity the last."""
    identity = list(identity_of(target))
    frame = frame_of(rows.select(identity)).with_row_index("_row")
    kept = frame.unique(subset=identity, keep="last", maintain_order=True)["_row"]
    return rows if len(kept) == rows.num_rows else rows.take(kept.to_arrow())


def frame_of(rows: pa.Table) -> pl.DataFrame:
    made = pl.from_arrow(rows)
    assert isinstance(made, pl.DataFrame)
    return made


def short(key: str) -> str:
    return repr(key if len(key) <= 80 else key[:77] + "…")
