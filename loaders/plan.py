"""What a source says its rows mean: nodes, edges and checks as expressions over a batch of cells.

A row makes several statements: this user, this item, this purchase, this item's category. One of
them is the row's *own* (`Rows.own`): the row is written, merged or rejected as that statement is.
The others are judged by their own cells: a rating that is off the scale is rejected, and the item
it names is still an item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from kg.errors import InputError
from kg.schema import BEHAVIOURS, Type
from loaders.spill import ROW

LINE, SPAN = "__line", "__span"
"""Where a row's record starts (1-based, of the decompressed file) and how many lines it takes."""
BROKEN = {LINE: pl.Int64, SPAN: pl.Int64, "reason": pl.String}


def free_names(path: Path, columns: Iterable[str]) -> None:
    """Raises InputError where a file names a column as we do ours."""
    taken = next((c for c in columns if c in (LINE, SPAN, ROW)), None)
    if taken is not None:
        raise InputError(f"{path}: names a column {taken!r}, as we do one of ours; rename it")


@dataclass(frozen=True)
class Batch:
    """Rows of a file. `frame` has the columns of the reader as strings (nested JSON as JSON text),
    then LINE and SPAN; `broken` (schema BROKEN) has the rows that are no rows."""

    frame: pl.DataFrame
    broken: pl.DataFrame


class Reader(Protocol):
    """One file, opened as what it claims to be. Raises InputError where it is something else."""

    columns: tuple[str, ...]

    def batches(self) -> Iterator[Batch]: ...

    def raw(self, records: pl.DataFrame) -> Iterator[pl.Series]:
        """The original text of records (LINE ascending, SPAN), in their order, by a second read."""


@dataclass(frozen=True)
class Value:
    """A property of a node or an edge. Where `cell` says something that `parsed` cannot hold, the
    cell is wrong."""

    cell: pl.Expr
    parsed: pl.Expr
    type: Type


@dataclass(frozen=True)
class Check:
    reason: str
    fails: pl.Expr


@dataclass(frozen=True, eq=False)
class NodeRows:
    label: str
    key: pl.Expr
    values: Mapping[str, Value] = field(default_factory=dict)
    when: pl.Expr | None = None
    """Rows that say this; None is all."""


@dataclass(frozen=True, eq=False)
class EdgeRows:
    table: str
    src: pl.Expr
    dst: pl.Expr
    values: Mapping[str, Value] = field(default_factory=dict)
    event_id: pl.Expr | None = None
    scale: tuple[float, float] | None = None
    """Worst and best rating; makes `weight` an opinion's place between them."""
    when: pl.Expr | None = None
    """Rows that make this edge; None is all."""
    rejects: tuple[Check, ...] = ()
    count: str | None = None
    """The property that says how many rows stand behind the edge."""
    many: bool = False
    """`dst` is a list: an edge to each of its elements, whose id is `event_id|element`."""


@dataclass(frozen=True, eq=False)
class PathRows:
    """Categories of an item: `paths` is a list of paths, each a list of names from the top down.
    A path's key is its names joined by PATH; an item belongs to the last of each path."""

    item: pl.Expr
    paths: pl.Expr


PATH = " > "


@dataclass(frozen=True)
class Rows:
    rejects: tuple[Check, ...] = ()
    """Rows that say nothing at all, with the reason why."""
    nodes: tuple[NodeRows, ...] = ()
    edges: tuple[EdgeRows, ...] = ()
    paths: tuple[PathRows, ...] = ()

    @property
    def own(self) -> tuple[NodeRows | EdgeRows, ...]:
        """The row's own statement: its event; else the node it declares; else its edge. Of several
        events (or where it has one `when`) a row makes the first whose `when` holds."""
        single = tuple(e for e in self.edges if not e.many)
        events = tuple(e for e in single if e.table in BEHAVIOURS)
        return events or self.nodes[:1] or single[:1]


@dataclass(frozen=True)
class FilePlan:
    file: str
    holds: str
    reader: Reader
    rows: Rows
    size: int
    """Decompressed bytes, estimated."""
