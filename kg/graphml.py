"""Node and edge tables → one GraphML file, written in columns.

Node ids are "Label:key". Vectors are left out, lists are JSON texts, null has no <data>, and
characters XML 1.0 has no place for become U+FFFD. https://graphml.graphdrawing.org/specification.html
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from xml.sax.saxutils import quoteattr

import polars as pl
import pyarrow as pa

from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, Type

ROWS = 50_000
"""Rows turned into text at a time."""

_NO_XML = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]"
_ESCAPES = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;",
    "\n": "&#10;", "\r": "&#13;", "\t": "&#9;",
}  # fmt: skip

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""


class _Keys:
    """The <key> declarations, made as columns turn up."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, str, str], str] = {}

    def id(self, of: str, name: str, type_: str) -> str:
        return self.ids.setdefault((of, name, type_), f"d{len(self.ids)}")

    def __str__(self) -> str:
        return "".join(
            f'<key id="{id_}" for="{of}" attr.name={quoteattr(name)} attr.type="{type_}"/>\n'
            for (of, name, type_), id_ in self.ids.items()
        )


def write_graphml(tables: Iterable[tuple[str, pa.Table]], path: Path) -> None:
    """`tables` by name, edges with the keys of their ends as `src` and `dst`."""
    keys = _Keys()
    with tempfile.TemporaryFile() as body:
        for name, table in tables:
            for start in range(0, table.num_rows, ROWS):
                _write_rows(name, table.slice(start, ROWS), keys, body)
        body.seek(0)
        with path.open("wb") as out:
            out.write((_HEAD + str(keys) + '<graph edgedefault="directed">\n').encode())
            shutil.copyfileobj(body, out)
            out.write(b"</graph>\n</graphml>\n")


def _write_rows(name: str, table: pa.Table, keys: _Keys, out: IO[bytes]) -> None:
    frame = pl.DataFrame(pl.from_arrow(_without_vectors(table)))
    frame = frame.with_columns(lists_as_json(frame))
    text = _node(name, frame, keys) if name in NODE_BY_LABEL else _edge(name, frame, keys)
    frame.select(text).write_csv(out, include_header=False, quote_style="never")


def _without_vectors(table: pa.Table) -> pa.Table:
    return table.drop_columns([f.name for f in table.schema if Type.of(f.type) is Type.VECTOR])


def _node(label: str, frame: pl.DataFrame, keys: _Keys) -> pl.Expr:
    key = NODE_BY_LABEL[label].key
    return pl.concat_str(
        pl.lit(f'<node id="{label}:'),
        _escaped(key),
        pl.lit(f'"><data key="{keys.id("node", "label", "string")}">{label}</data>'),
        *_data("node", frame, keys, frame.columns),
        pl.lit("</node>"),
    )


def _edge(name: str, frame: pl.DataFrame, keys: _Keys) -> pl.Expr:
    table = EDGE_TABLES[name]
    kind = keys.id("edge", "kind", "string")
    return pl.concat_str(
        pl.lit(f'<edge source="{table.src}:'),
        _escaped(SRC),
        pl.lit(f'" target="{table.dst}:'),
        _escaped(DST),
        pl.lit(f'"><data key="{kind}">{table.type.name}</data>'),
        *_data("edge", frame, keys, [c for c in frame.columns if c not in (SRC, DST)]),
        pl.lit("</edge>"),
    )


def _data(of: str, frame: pl.DataFrame, keys: _Keys, columns: list[str]) -> list[pl.Expr]:
    elements = []
    for name in columns:
        id_ = keys.id(of, name, _graphml_type(frame.schema[name]))
        element = pl.concat_str(pl.lit(f'<data key="{id_}">'), _escaped(name), pl.lit("</data>"))
        elements.append(pl.when(pl.col(name).is_not_null()).then(element).otherwise(pl.lit("")))
    return elements


def _graphml_type(type_: pl.DataType) -> str:
    if type_ == pl.Boolean:
        return "boolean"
    if type_.is_integer():
        return "long"
    return "double" if type_.is_float() else "string"


def _escaped(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    escaped = text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
    return escaped.str.replace_all(_NO_XML, "\N{REPLACEMENT CHARACTER}")


def lists_as_json(frame: pl.DataFrame) -> list[pl.Expr]:
    """List columns as JSON texts; null stays null."""
    return [
        pl.when(pl.col(name).is_not_null()).then(
            pl.struct(name).struct.json_encode()
            .str.slice(len(json.dumps(name, ensure_ascii=False)) + 2)
            .str.head(-1)
        ).alias(name)
        for name, type_ in frame.schema.items()
        if isinstance(type_, (pl.List, pl.Array))
    ]  # fmt: skip
