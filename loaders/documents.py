"""Files of JSON Lines (or CSV with the same names) whose keys say what they hold → plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.errors import InputError
from loaders.delimited import Delimited
from loaders.files import estimated_size, find_files, plain_name
from loaders.interface import Progress
from loaders.jsonl import JsonLines, sample
from loaders.plan import FilePlan, Reader, Rows
from loaders.toml_lines import in_short


@dataclass(frozen=True)
class Kind:
    """What a file may hold: the keys that are read, how it is told by its keys, and its meaning."""

    holds: str
    keys: tuple[str, ...]
    recognised: Callable[[set[str]], bool]
    rows: Callable[[set[str]], Rows]
    """The meaning of rows that have these keys."""
    ids: tuple[str, ...] = ()
    """Keys that name something, and so cannot be lists."""


def open_documents(
    paths: Sequence[Path], kinds: Sequence[Kind], what: str, progress: Progress | None
) -> tuple[list[FilePlan], list[str]]:
    """Plans for the files that are of a known kind, and the others by name. Raises InputError
    for a file that was named and is of no kind, and where none is left."""
    plans, unread, strange = [], [], ""
    files, named = find_files(paths)
    for path in files:
        name = plain_name(path)
        is_csv = name.endswith(".csv")
        if path not in named and not (is_csv or name.endswith((".json", ".jsonl", ".ndjson"))):
            unread.append(str(path))
            continue
        keys = set(Delimited(path).columns if is_csv else sample(path).keys)
        kind = next((k for k in kinds if k.recognised(keys)), None)
        if kind is None and path in named:
            raise InputError(f"{path}: holds no {what}; its rows have {_listed(keys)}")
        if kind is None:
            unread.append(str(path))
            strange = strange or f"; the rows of {name} have {_listed(keys)}"
            continue
        reader: Reader = (
            Delimited(path, also=kind.keys, progress=progress)
            if is_csv
            else JsonLines(path, kind.keys, flat=kind.ids, progress=progress)
        )
        plans.append(FilePlan(str(path), kind.holds, reader, kind.rows(keys), estimated_size(path)))
    if not plans:
        raise InputError(f"{', '.join(map(str, paths)) or 'no path'}: holds no {what}{strange}")
    return plans, unread


def _listed(keys: set[str]) -> str:
    return in_short(", ".join(sorted(keys))) or "no keys"
