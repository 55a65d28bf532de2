"""Staged tables → a store: nodes before edges, the fastest door for a table that is empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from kg.errors import ConfigError, CountMismatch
from kg.guesses import take_back
from kg.privacy.consent import enforce
from kg.privacy.state import admit
from kg.profile import PROFILE_OF
from kg.schema import EDGE_TABLES, load_order, table_schema
from kg.stale import Watch, has_profiles
from kg.store import GraphStore, WriteCount

if TYPE_CHECKING:
    from loaders.interface import Progress, Staged

_BATCH = 200_000


def ingest(
    staged: Staged,
    store: GraphStore,
    *,
    now: int | None = None,
    progress: Progress | None = None,
) -> dict[str, WriteCount]:
    """Write what was staged; the same again changes nothing. A table's rows with fewer columns (a
    node that was only named) leave the other columns of a known row as they are. Where a release is
    live, the users whose edges come or change are marked stale as of `now` (epoch s; default: the
    clock's), for `kg refresh`.

    Raises ConfigError for an attribute that has a profile property's name and for ids of another
    kind than the store's (pseudonyms of one key, or plain), CountMismatch where the
    store did not take as many rows as were staged.
    """
    refuse_profile_names(staged)
    store.ensure_schema(staged.attributes)
    admit(store, staged.report.key_id, staged.report.tombstones, now=now)
    there = store.counts()
    written: dict[str, WriteCount] = {}
    watch = Watch.of(store, staged.tables, now)
    for table in load_order(tuple(staged.tables)):
        if table in EDGE_TABLES:
            watch.before()
        parts = [p for p in staged.tables[table] if pq.read_metadata(p).num_rows]
        total = sum(pq.read_metadata(p).num_rows for p in parts)
        count = WriteCount()
        if total and not there.get(table):
            batches = read_parts(parts, _all_columns(table, parts))
            count = store.bulk_load(table, _counted(batches, table, total, 0, progress))
        elif total:
            done = 0
            for alike in _by_columns(parts):
                batches = read_parts(alike, pq.read_schema(alike[0]))
                count += store.upsert(table, _counted(batches, table, total, done, progress))
                done += sum(pq.read_metadata(p).num_rows for p in alike)
        answered = count.created + count.updated + count.unchanged
        if answered != total:
            raise CountMismatch(f"{table}: {total} rows were staged, the store answers {answered}")
        written[table] = count
    watch.after(written)
    said = {name for part in staged.tables.get("User", ()) for name in pq.read_schema(part).names}
    if "profiling" in said:
        enforce(store, now=watch.at)
    if staged.attributes.get("User") and has_profiles(store):
        take_back(store, said)
    return written


def refuse_profile_names(staged: Staged) -> None:
    """Raises ConfigError for an attribute that has a profile property's name."""
    for table, added in staged.attributes.items():
        ours = {p.name for p in PROFILE_OF.get(table, ())} & set(added.names)
        if ours:
            name = min(ours)
            raise ConfigError(
                f"{table}.{name} is written by every publish; give the source's {name!r} another "
                f"name in its mapping (source{name[0].upper()}{name[1:]}, say)"
            )


def _all_columns(table: str, parts: Sequence[Path]) -> pa.Schema:
    """The declared columns, and what the parts have beside them."""
    return pa.unify_schemas([table_schema(table), named_columns(parts)])


def named_columns(parts: Sequence[Path]) -> pa.Schema:
    """The columns that any of the parts has."""
    return pa.unify_schemas([pq.read_schema(p).remove_metadata() for p in parts])


def _by_columns(parts: Sequence[Path]) -> list[list[Path]]:
    alike: dict[tuple[str, ...], list[Path]] = {}
    for part in parts:
        alike.setdefault(tuple(pq.read_schema(part).names), []).append(part)
    return list(alike.values())


def read_parts(parts: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Batches of all parts with the columns of `schema`; what a part lacks is null."""
    for part in parts:
        with pq.ParquetFile(part) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                table = pa.Table.from_batches([batch])
                yield pa.table(
                    [
                        table[f.name]
                        if f.name in table.column_names
                        else pa.nulls(table.num_rows, f.type)
                        for f in schema
                    ],
                    schema=schema.remove_metadata(),
                )


def _counted(
    batches: Iterator[pa.Table], table: str, total: int, done: int, progress: Progress | None
) -> Iterator[pa.Table]:
    for batch in batches:
        if progress:
            progress(f"load {table}", done, total)
        yield batch
        done += batch.num_rows
    if progress:
        progress(f"load {table}", done, total)
