"""Exports, results and rejects on disk ↔ users' ids: how many rows name them; the rows taken out.

A row goes where one of its cells is a user's id; where a list only cites the user (as evidence),
the citation goes and the row stays. Each file is exchanged whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.files import write_whole
from kg.schema import SOCIAL


def cites(ids: Sequence[str]) -> list[str]:
    """How evidence names users."""
    return [f"{kind}:{id_}" for kind in SOCIAL for id_ in ids]


def clean(path: Path, ids: Sequence[str], *, remove: bool) -> int:
    """Rows of a file, or of all files in a folder, that name one of the users."""
    if path.is_dir():
        return sum(clean(p, ids, remove=remove) for p in sorted(path.iterdir()) if p.is_file())
    how = _BY_SUFFIX.get(path.suffix)
    return how(path, list(ids), remove) if how else 0


def without(table: pa.Table, ids: Sequence[str]) -> tuple[pa.Table, int]:
    """A table without its rows of these users and without citations of them; and how many rows
    that changed."""
    rows = pl.DataFrame(pl.from_arrow(table)) if table.num_rows else pl.DataFrame()
    if not len(rows):
        return table, 0
    names = pl.Series([*ids], dtype=pl.String)
    texts = [c for c, t in rows.schema.items() if t == pl.String]
    lists = [c for c, t in rows.schema.items() if t == pl.List(pl.String)]
    theirs = rows.select(
        pl.any_horizontal([pl.col(c).is_in(names.implode()) for c in texts] or [pl.lit(False)])
        .fill_null(False).alias("theirs")
    )["theirs"]  # fmt: skip
    theirs = theirs.new_from_index(0, len(rows)) if len(theirs) != len(rows) else theirs
    said = pl.Series([*ids, *cites(ids)], dtype=pl.String).to_list()
    cited = pl.Series([False]).new_from_index(0, len(rows))
    for column in lists:
        hit = rows.select(pl.col(column).list.eval(pl.element().is_in(said)).list.any())[column]
        cited = cited | hit.fill_null(False)
    count = int((theirs | cited).sum())
    if not count:
        return table, 0
    kept = table.filter(pa.array(~theirs))
    for column in lists:
        place = kept.schema.get_field_index(column)
        changed = rows.filter(~theirs).select(
            pl.col(column).list.eval(pl.element().filter(~pl.element().is_in(said)))
        )[column]
        field = kept.schema.field(place)
        kept = kept.set_column(place, field, changed.to_arrow().cast(field.type))
    return kept, count


def _parquet(path: Path, ids: list[str], remove: bool) -> int:
    table = pq.read_table(path)
    kept, count = without(table, ids)
    if count and remove:
        _thin_array(path.with_suffix(".npy"), table, ids)
        write_whole(path, lambda beside: pq.write_table(kept, beside))
    return count


def _thin_array(path: Path, table: pa.Table, ids: list[str]) -> None:
    """The array beside a table of vectors, a row a row; shorter where a run that was killed did it
    already."""
    if not path.exists() or "userId" not in table.column_names:
        return
    rows = np.load(path, allow_pickle=False)
    if len(rows) == table.num_rows:
        stay = pc.invert(pc.is_in(table["userId"], pa.array(ids, pa.string()))).to_numpy()
        write_whole(path, lambda beside: _save_array(beside, rows[stay]))


def _save_array(path: Path, rows: np.ndarray) -> None:
    with path.open("wb") as file:  # numpy would add a suffix to a name
        np.save(file, rows, allow_pickle=False)


def _marks(path: Path, ids: list[str], remove: bool) -> int:
    """A projector's users: a keyed hash a row, the row's vector and what is said of it beside."""
    marks = path.read_text(encoding="ascii").splitlines()
    gone = frozenset(ids)
    stay = [mark not in gone for mark in marks]
    count = stay.count(False)
    if count and remove:
        name = path.name.removesuffix(path.suffix)
        for other, head in ((f"{name}.tsv", 0), (f"{name}_metadata.tsv", 1), (path.name, 0)):
            _thin_lines(path.with_name(other), stay, head)
    return count


def _thin_lines(path: Path, stay: list[bool], head: int) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if len(lines) == head + len(stay):  # else a run that was killed did it already
        kept = lines[:head] + [line for line, s in zip(lines[head:], stay, strict=True) if s]
        write_whole(path, lambda beside: _write_lines(beside, kept))


def _csv(path: Path, ids: list[str], remove: bool) -> int:
    rows = pl.read_csv(path, infer_schema=False)
    if not rows.width:
        return 0
    theirs = rows.select(pl.any_horizontal(pl.all().is_in(ids)).fill_null(False).alias("x"))["x"]
    patterns = _quoted_cites(ids, '"')
    kept = rows.filter(~theirs)
    scrubbed = kept.with_columns(pl.all().str.replace_all(patterns, ""))
    changed = (kept.hash_rows() != scrubbed.hash_rows()).arg_true()
    count = len(rows) - len(kept) + len(changed)
    if count and remove:
        write_whole(path, lambda beside: scrubbed.write_csv(beside))
    return count


def _quoted_cites(ids: list[str], quote: str) -> str:
    any_ = "|".join(re.escape(c) for c in cites(ids))
    one = f"{quote}(?:{any_}){quote}"
    return f"{one}, ?|, ?{one}|{one}"


def _json(path: Path, ids: list[str], remove: bool) -> int:
    """A result of `kg query`, a list of objects; or of `kg export-user`, all of one user's."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(rows, dict) and rows.get("userId") in ids:
        if remove:
            path.unlink()
        return 1
    if not isinstance(rows, list):
        return 0
    gone = {*ids, *cites(ids)}
    kept = [_scrubbed(row, gone) for row in rows]
    count = sum(bool(after != row) for row, after in zip(rows, kept, strict=True))
    if count and remove:
        left = ",\n ".join(json.dumps(r, ensure_ascii=False) for r in kept if r is not None)
        write_whole(path, lambda beside: beside.write_text(f"[{left}]\n", encoding="utf-8"))
    return count


def _scrubbed(row: Any, gone: set[str]) -> Any:
    """None where the row is of one of these."""
    if not isinstance(row, dict):
        return row
    if any(isinstance(v, str) and v in gone for v in row.values()):
        return None
    return {
        k: [x for x in v if not (isinstance(x, str) and x in gone)] if isinstance(v, list) else v
        for k, v in row.items()
    }


def _lines(path: Path, change: Callable[[str], str | None], remove: bool) -> int:
    count = 0
    with path.open(encoding="utf-8", newline="") as file:
        kept = []
        for line in file:
            after = change(line)
            count += after != line
            if after is not None:
                kept.append(after)
    if count and remove:
        write_whole(path, lambda beside: _write_lines(beside, kept))
    return count


def _write_lines(path: Path, lines: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _graphml(path: Path, ids: list[str], remove: bool) -> int:
    """A node or an edge a line, as `kg.graphml` writes it."""
    quoted = [escape(i, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) for i in ids]
    ends = tuple(f'"User:{i}"' for i in quoted)
    citing = re.compile(_quoted_cites(quoted, "&quot;"))

    def change(line: str) -> str | None:
        return None if any(end in line for end in ends) else citing.sub("", line)

    return _lines(path, change, remove)


def _rejects(path: Path, ids: list[str], remove: bool) -> int:
    """Raw lines of a source: a user's id stands in them as a word."""
    words = re.compile("|".join(rf"(?<!\w){re.escape(i)}(?!\w)" for i in ids))

    def change(line: str) -> str | None:
        raw = json.loads(line).get("raw")
        return None if raw is not None and words.search(raw) else line

    return _lines(path, change, remove)


_BY_SUFFIX: dict[str, Callable[[Path, list[str], bool], int]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".json": _json,
    ".graphml": _graphml,
    ".jsonl": _rejects,
    ".marks": _marks,
}
