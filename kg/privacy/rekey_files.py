"""Files that this project wrote → the same under one more key: audiences, arms, exports, results.

A pseudonym is known by its form wherever it stands. Plain ids are not: they are found in columns
named `userId` and in tables of the graph, and other files keep them, and are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from kg.errors import InputError
from kg.files import write_whole
from kg.graphml import lists_as_json
from kg.privacy.keys import LETTERS, Keyring
from kg.privacy.rekey import CITED, raised
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from kg.table_files import SUFFIXES

TEXTS = (".csv", ".json", ".jsonl", ".graphml")


@dataclass(frozen=True)
class Rekeyed:
    done: tuple[Path, ...]
    """Under the newest key, or without anybody's id."""
    left: tuple[Path, ...]
    """May hold users' ids as they were before."""


def rekey_files(paths: Iterable[Path], ring: Keyring) -> Rekeyed:
    """Each file exchanged whole; folders file by file. Those under the newest key already stay as
    they are. Raises InputError for a file that is not what its name says, ConfigError for one that
    cannot be written."""
    found = [
        file
        for path in paths
        for file in (sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path])
    ]
    done = {file: _readable(file, ring) for file in found}
    return Rekeyed(
        tuple(f for f, is_done in done.items() if is_done),
        tuple(f for f, is_done in done.items() if not is_done),
    )


def _readable(file: Path, ring: Keyring) -> bool:
    try:
        by_form = len(ring.keys) > 1 and not _is_table(file)
        return _by_form(file, ring) if by_form else _by_column(file, ring)
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError, ValueError) as e:
        raise InputError(f"cannot put {file} under the new key ({e}); mend or remove it") from e


def _is_table(file: Path) -> bool:
    """Of the graph, as an export writes it."""
    return file.suffix in SUFFIXES and (file.stem in NODE_BY_LABEL or file.stem in EDGE_TABLES)


def _by_column(file: Path, ring: Keyring) -> bool:
    """Ids that are known by the column they stand in."""
    if file.suffix not in SUFFIXES:
        return False
    rows = pq.read_table(file) if file.suffix == ".parquet" else _csv(file)
    if not _is_table(file) and "userId" not in rows.column_names:
        return False
    after = raised(file.stem if _is_table(file) else "User", rows, ring)
    if not after.equals(rows):
        write_whole(file, lambda beside: _write(after, beside, file.suffix))
    return True


def _write(rows: pa.Table, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pq.write_table(rows, path)
        return
    frame = cast(pl.DataFrame, pl.from_arrow(rows))
    frame.with_columns(lists_as_json(frame)).write_csv(path)


def _csv(file: Path) -> pa.Table:
    frame = pl.read_csv(file, infer_schema=False)
    if CITED in frame.columns:
        frame = frame.with_columns(pl.col(CITED).str.json_decode(pl.List(pl.String)))
    return frame.to_arrow()


def _by_form(file: Path, ring: Keyring) -> bool:
    """Pseudonyms under all keys but the newest, wherever they stand."""
    if file.suffix in TEXTS:
        text = file.read_bytes().decode()
        new = _raised(re.findall(_shape(ring), text), ring)
        after = re.sub(_shape(ring), lambda m: new[m[0]], text)
        if after != text:
            write_whole(file, lambda beside: beside.write_bytes(after.encode()))
        return True
    if file.suffix != ".parquet":
        return False
    rows = pq.read_table(file)
    frame = cast(pl.DataFrame, pl.from_arrow(rows)) if rows.num_columns else pl.DataFrame()
    changed = rows
    for column in frame:
        at = rows.schema.get_field_index(column.name)
        after_column = _column(column, ring)
        if after_column is not None:
            field = rows.schema.field(at)
            changed = changed.set_column(at, field, after_column.to_arrow().cast(field.type))
    if changed is not rows:
        write_whole(file, lambda beside: pq.write_table(changed, beside))
    return True


def _column(column: pl.Series, ring: Keyring) -> pl.Series | None:
    """None where it holds no pseudonym."""
    is_list = column.dtype == pl.List(pl.String)
    if column.dtype != pl.String and not is_list:
        return None
    cells = column.explode() if is_list else column
    tokens = cells.drop_nulls().str.extract_all(_shape(ring)).explode().drop_nulls().unique()
    if not len(tokens):
        return None
    new = _raised(tokens.to_list(), ring)
    cell = pl.element() if is_list else pl.col(column.name)
    after = cell.str.replace_many(list(new), list(new.values()))
    made = pl.col(column.name).list.eval(after) if is_list else after
    return column.to_frame().select(made.alias(column.name))[column.name]


def _shape(ring: Keyring) -> str:
    letters = "".join(LETTERS.values())
    return rf"\b[{letters}]{len(ring.keys) - 1}_[0-9a-f]{{32}}\b"


def _raised(tokens: Sequence[str], ring: Keyring) -> dict[str, str]:
    """Each under the newest key."""
    found: dict[str, str] = {}
    for kind, letter in LETTERS.items():
        mine = pl.Series(sorted({t for t in tokens if t.startswith(letter)}), dtype=pl.String)
        found |= dict(zip(mine, ring.raised(kind, mine), strict=True))
    return found
