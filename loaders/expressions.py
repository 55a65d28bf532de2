"""What a mapping says of a file's rows → a plan: its cells and conditions as expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kg.schema import EDGE_TABLES, NODE_BY_LABEL, Type
from loaders import nested
from loaders.cells import boolean, composite, integer, moment, number, text
from loaders.checks import TIMES
from loaders.mapping import Cell, Condition, Edge, Node, Reject, Source, property_type
from loaders.plan import Check, EdgeRows, NodeRows, PathRows, Reader, Rows, Value


@dataclass(frozen=True)
class Columns:
    """A file's columns under the names the mapping uses."""

    reader: Reader
    source: Source
    lookups: Mapping[str, tuple[list[str], list[str]]]

    def has(self, name: str) -> bool:
        return self._found(name) is not None

    def _found(self, name: str) -> pl.Expr | None:
        there = self.reader.columns
        if name in there:
            return pl.col(name)
        for other, ours in self.source.rename.items():
            if ours == name and other in there:
                return pl.col(other)
        top, _, inner = name.partition(".")
        if inner and top in there and _is_path(inner):
            return pl.col(top).str.json_path_match(f"$.{inner}")
        return None

    def column(self, name: str) -> pl.Expr:
        found = self._found(name)
        return pl.lit(None, pl.String) if found is None else found

    def cell(self, cell: Cell) -> pl.Expr:
        """The cell's text, null where it says nothing."""
        if cell.constant is not None:
            said = pl.lit(cell.constant)
        elif cell.columns is not None:
            said = pl.concat_str([self.column(c) for c in cell.columns], separator=cell.join)
        else:
            said = self.column(cell.column or "")
        if cell.remove is not None:
            said = said.str.replace_all(cell.remove, "")
        if cell.lookup is not None:
            keys, values = self.lookups[cell.lookup]
            said = said.replace_strict(keys, values, default=None, return_dtype=pl.String)
        if cell.prefix and cell.split is None:
            said = pl.lit(cell.prefix) + said
        return said

    def elements(self, cell: Cell) -> pl.Expr:
        """The several values of a cell."""
        parts = nested.split(self.cell(cell), cell.split or ",")
        return parts.list.eval(pl.lit(cell.prefix) + pl.element()) if cell.prefix else parts

    def value(self, name: str, cell: Cell, declared: dict[str, Type]) -> Value:
        kind = property_type(name, cell, declared)
        said = self.cell(cell)
        if cell.time is not None or name in TIMES:
            return moment(said, cell.time or ("iso",), cell.timezone)
        if kind == Type.STRINGS:
            parts = self.elements(cell)
            return Value(said, parts, kind)
        if kind == Type.BOOL:
            return boolean(said)
        if kind not in (Type.DOUBLE, Type.INT64):
            return text(said)
        if self.source.decimal == ",":
            said = said.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        read = number(said) if kind == Type.DOUBLE else integer(said)
        if cell.times is None:
            return read
        product = (number(said).parsed * cell.times).round(10)  # 1999 × 0.01 is 19.99
        scaled = pl.when(product.is_finite()).then(product)
        whole = scaled.round().cast(pl.Int64, strict=False)
        return Value(said, scaled if kind == Type.DOUBLE else whole, kind)

    def holds(self, condition: Condition) -> pl.Expr:
        cell = self.column(condition.column)
        amount = number(cell).parsed
        parts: list[pl.Expr] = []
        if condition.equals is not None:
            parts.append(cell == condition.equals)
        if condition.one_of is not None:
            parts.append(cell.is_in(condition.one_of))
        if condition.matches is not None:
            parts.append(cell.str.contains(condition.matches))
        if condition.unlike is not None:
            parts.append(~cell.str.contains(condition.unlike))
        if condition.above is not None:
            parts.append(amount > condition.above)
        if condition.below is not None:
            parts.append(amount < condition.below)
        if condition.missing is not None:
            parts.append(cell.is_null() if condition.missing else cell.is_not_null())
        return pl.all_horizontal(parts).fill_null(False)

    def check(self, reject: Reject) -> Check:
        return Check(reject.reason, self.holds(reject))


def _is_path(inner: str) -> bool:
    try:
        pl.Series(["{}"]).str.json_path_match(f"$.{inner}")
    except pl.exceptions.ComputeError:
        return False
    return True


def rows_of(source: Source, columns: Columns) -> Rows:
    return Rows(
        rejects=tuple(columns.check(r) for r in source.reject),
        nodes=tuple(_node(n, columns) for n in source.nodes),
        edges=tuple(_edge(e, columns) for e in source.edges if e.dst.path is None),
        paths=tuple(_path(e, columns) for e in source.edges if e.dst.path is not None),
    )


def _node(node: Node, columns: Columns) -> NodeRows:
    declared = {p.name: p.type for p in NODE_BY_LABEL[node.label].properties}
    values = {name: columns.value(name, cell, declared) for name, cell in node.set.items()}
    when = columns.holds(node.when) if node.when else None
    return NodeRows(node.label, columns.cell(node.key), values, when)


def _edge(edge: Edge, columns: Columns) -> EdgeRows:
    declared = {p.name: p.type for p in EDGE_TABLES[edge.type].type.properties}
    key = [columns.cell(c) for c in edge.key or ()]
    return EdgeRows(
        edge.type,
        columns.cell(edge.src),
        columns.elements(edge.dst) if edge.many else columns.cell(edge.dst),
        {name: columns.value(name, cell, declared) for name, cell in edge.set.items()},
        _event_id(key, edge) if key else None,
        edge.scale,
        columns.holds(edge.when) if edge.when else None,
        tuple(columns.check(r) for r in edge.reject),
        edge.count,
        edge.many,
    )


def _event_id(key: list[pl.Expr], edge: Edge) -> pl.Expr:
    """The source's own id as it is; where a row makes several events each adds its end to it."""
    return key[0] if len(key) == 1 and not edge.many else composite(key)


def _path(edge: Edge, columns: Columns) -> PathRows:
    level = edge.dst.path or ""
    cell = columns.cell(edge.dst)
    whole = nested.split(cell, edge.dst.split) if edge.dst.split else pl.concat_list(cell)
    return PathRows(columns.cell(edge.src), whole.list.eval(pl.element().str.split(level)))
