"""The graph → files: Parquet or CSV, a file a table, or one GraphML file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from kg.files import whole_file, whole_folder
from kg.graphml import lists_as_json, write_graphml
from kg.privacy.consent import objectors, without
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC
from kg.store import GraphStore

if TYPE_CHECKING:
    from loaders.interface import Progress


Format = Literal["parquet", "csv", "graphml"]


def export(
    store: GraphStore, path: Path, format_: Format, *, progress: Progress | None = None
) -> dict[str, int]:
    """Every node and edge table that has rows; returns how many. Edges carry the keys of their ends
    as `src` and `dst`. Users who object to being profiled stay out, with all that is theirs. All of
    it appears at once or nothing does. Raises `ConfigError` where `path` cannot be written or is a
    folder with something in it."""
    counts = store.counts()
    rows: dict[str, int] = {}

    def tables() -> Iterator[tuple[str, pa.Table]]:
        left_out = objectors(store)
        for name, whole in read_tables(store, [n for n in _ORDER if counts.get(n)]):
            table = without({name: whole}, left_out)[name]
            rows[name] = table.num_rows
            yield name, table
            if progress is not None:
                progress("export", len(rows), len(counts))

    if format_ == "graphml":
        with whole_file(path) as file:
            write_graphml(tables(), file)
    else:
        write = _write_parquet if format_ == "parquet" else _write_csv
        with whole_folder(path) as folder:
            for name, table in tables():
                write(table, folder / f"{name}.{format_}")
    return rows


_ORDER = (*NODE_BY_LABEL, *EDGE_TABLES)


def read_tables(store: GraphStore, names: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """Tables as `kg.schema` declares them, with profile and source columns, one at a time."""
    attributes = store.attributes()
    for name in names:
        added = list(attributes.get(name, ()))
        if (node := NODE_BY_LABEL.get(name)) is not None:
            declared = [p.name for p in (*node.properties, *PROFILE_OF.get(name, ()))]
            snapshot = store.export({name: [*declared, *(f.name for f in added)]}, {})
            yield name, snapshot.nodes[name]
            continue
        edge = EDGE_TABLES[name]
        declared = [p.name for p in edge.type.properties]
        snapshot = store.export(
            dict.fromkeys((edge.src, edge.dst), ()),
            {name: [*declared, *(f.name for f in added)]},
        )
        table = snapshot.edges[name]
        for end, label in ((SRC, edge.src), (DST, edge.dst)):
            keys = snapshot.nodes[label][NODE_BY_LABEL[label].key]
            at = table.schema.get_field_index(end)
            table = table.set_column(at, end, keys.take(table[end]))
        yield name, table


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)


def _write_csv(table: pa.Table, path: Path) -> None:
    """Lists as JSON; null is empty, empty text is quoted."""
    frame = pl.DataFrame(pl.from_arrow(table))
    frame.with_columns(lists_as_json(frame)).write_csv(path)
