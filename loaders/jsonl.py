"""JSON Lines → batches of string columns (nested values as JSON text), each row with its line.

Files whose lines are Python literals (`{'asin': '0001', …}`, as the 2014 Amazon files are) are read
too. That is the one place where a row becomes a Python object: the format leaves no other way.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kg.errors import InputError
from loaders.interface import Progress
from loaders.lines import MARK, NOT_TEXT, line_starts, raw_records, utf8_lines
from loaders.plan import BROKEN, LINE, SPAN, Batch, free_names

_SAMPLE = 200
"""Lines looked at to learn a file's keys."""
_SAMPLE_SIZE = 1 << 24
"""Characters of them at most."""
_NOT_JSON = "not a JSON object"
_NUL = "\0"


@dataclass(frozen=True)
class Sample:
    """What the first lines of a file hold."""

    keys: dict[str, None]
    literals: bool
    """They are Python literals, not JSON."""


def sample(path: Path) -> Sample:
    """Raises InputError where the first lines hold no object."""
    lines = _first_lines(path)
    if not lines:
        raise InputError(f"{path}: there is nothing in this file")
    if lines[0].startswith("["):
        raise InputError(
            f"{path}: is one JSON array; one object a line is needed (jq -c '.[]' makes that)"
        )
    objects = [o for line in lines if (o := _tried(json.loads, line)) is not None]
    literals = not any(objects)
    if literals:
        found = [o for line in lines if (o := _tried(ast.literal_eval, line)) is not None]
        literals, objects = any(found), found or objects
    if not objects:
        raise InputError(f"{path}: line 1 is {_NOT_JSON}; one object a line is needed")
    return Sample({str(key): None for found in objects for key in found}, literals)


def _first_lines(path: Path) -> list[str]:
    lines: list[str] = []
    size = 0
    for line in islice(_inked_lines(path), _SAMPLE):
        lines.append(line)
        size += len(line)
        if size > _SAMPLE_SIZE:
            break
    return lines


def _inked_lines(path: Path) -> Iterator[str]:
    for chunk in utf8_lines(path):
        if chunk.data.isspace():
            continue
        yield from (line.strip() for line in chunk.data.decode().split("\n") if line.strip())


def _tried(parse: Callable[[str], Any], line: str) -> dict[str, Any] | None:
    try:
        with warnings.catch_warnings():  # the line is data: how it is spelt is nobody's mistake
            warnings.simplefilter("ignore", SyntaxWarning)
            found = parse(line.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@dataclass
class JsonLines:
    """A file of one JSON object a line; a key that a row lacks is null. Raises InputError for a
    file that holds none."""

    path: Path
    names: Iterable[str] | None = None
    """The keys to read; None is all that the first lines have."""
    also: Sequence[str] = ()
    """Keys to read although the first lines may lack them."""
    missing: Sequence[str] = ()
    """Values that say nothing, beside the empty text."""
    flat: Collection[str] = ()
    """Keys whose values cannot be lists or objects, for they name something."""
    progress: Progress | None = None
    columns: tuple[str, ...] = field(init=False)
    _literals: bool = field(init=False)

    def __post_init__(self) -> None:
        found = sample(self.path)
        seen = self.names if self.names is not None else found.keys
        self.columns = tuple(dict.fromkeys([*seen, *self.also]))
        free_names(self.path, self.columns)
        self._literals = found.literals

    def batches(self) -> Iterator[Batch]:
        line = 1
        for chunk in utf8_lines(self.path, progress=self.progress):
            starts = line_starts(chunk.data)
            damaged = self._damaged(chunk.data, starts) if chunk.damaged else None
            yield self._batch(chunk.data, starts, line, damaged)
            line += len(starts) - 1

    @staticmethod
    def _damaged(data: bytes, starts: np.ndarray) -> np.ndarray:
        """Lines with a MARK, by number in the chunk."""
        lines = pl.Series(data.decode().split("\n"))[: len(starts) - 1]
        return lines.str.contains(MARK, literal=True).arg_true().to_numpy()

    def _batch(
        self, data: bytes, starts: np.ndarray, line: int, damaged: np.ndarray | None
    ) -> Batch:
        bad: dict[int, str] = {}
        if self._literals:
            data, bad = _literals_to_json(data)
            starts = line_starts(data)
        if damaged is not None:
            bad |= dict.fromkeys(damaged.tolist(), NOT_TEXT)
        frame, at = self._parse(data, starts, bad)
        frame, at = self._without_nested(frame, at, data, starts, bad)
        number = pl.Series(LINE, at + line, dtype=pl.Int64)
        frame = frame.with_columns(number, pl.lit(1, pl.Int64).alias(SPAN))
        places = sorted(bad)
        broken = {LINE: [p + line for p in places], SPAN: [1] * len(places),
                  "reason": [bad[p] for p in places]}  # fmt: skip
        return Batch(frame, pl.DataFrame(broken, schema=BROKEN))

    def _parse(
        self, data: bytes, starts: np.ndarray, bad: dict[int, str]
    ) -> tuple[pl.DataFrame, np.ndarray]:
        """Objects of the lines that are neither blank nor bad, and which lines those are. Lines
        that are no objects are added to `bad`."""
        good, first = _not_blank(data, starts)
        bad |= {n: _NOT_JSON for n in good[first != ord("{")].tolist() if n not in bad}
        if bad:
            good = np.setdiff1d(good, np.fromiter(bad, np.int64))
        whole = len(good) == len(starts) - 1
        frame = self._read(data) if whole else self._read_lines(data, starts, good)
        if frame is None or len(frame) != len(good):
            for place in _bad_lines(self._read, data, starts, good):
                bad[int(place)] = _NOT_JSON
            good = np.setdiff1d(good, np.fromiter(bad, np.int64))
            frame = self._read_lines(data, starts, good)
        if frame is None or len(frame) != len(good):
            raise InputError(f"{self.path}: its lines cannot be told apart; is it JSON Lines?")
        if b"\\u0000" in data or b"\\ud" in data or b"\\uD" in data:
            # half a surrogate pair is read as NUL
            frame = frame.with_columns(pl.all().str.replace_all(_NUL, "\ufffd", literal=True))
        says = ~pl.all().is_in(["", *self.missing])
        return frame.select(pl.when(says).then(pl.all())), good

    def _without_nested(
        self,
        frame: pl.DataFrame,
        at: np.ndarray,
        data: bytes,
        starts: np.ndarray,
        bad: dict[int, str],
    ) -> tuple[pl.DataFrame, np.ndarray]:
        """Without rows that have a list or an object for a flat key, which are added to `bad`. Only
        lines with a value that looks like one are read again."""
        flat = [name for name in self.flat if name in self.columns]
        if not flat or not len(frame):
            return frame, at
        looks = pl.any_horizontal(pl.col(flat).str.contains(r"^[\[{]")).fill_null(False)
        nested = np.zeros(len(frame), bool)
        for row in frame.select(looks.alias("looks"))["looks"].arg_true().to_list():
            line = int(at[row])
            found = _tried(json.loads, data[starts[line] : starts[line + 1]].decode()) or {}
            name = next((n for n in flat if isinstance(found.get(n), (list, dict))), None)
            if name is not None:
                nested[row], bad[line] = True, f"{name} is a list or an object"
        return frame.filter(pl.Series(~nested)), at[~nested]

    def _read(self, data: bytes) -> pl.DataFrame | None:
        schema = dict.fromkeys(self.columns, pl.String)
        if not data.strip():
            return pl.DataFrame(schema=schema)
        try:
            return pl.read_ndjson(data, schema=schema, ignore_errors=True)
        except pl.exceptions.ComputeError:
            return None

    def _read_lines(
        self, data: bytes, starts: np.ndarray, lines: np.ndarray
    ) -> pl.DataFrame | None:
        return self._read(_lines(data, starts, lines))

    def raw(self, records: pl.DataFrame) -> Iterator[pl.Series]:
        return raw_records(self.path, records, "utf-8")


def _not_blank(data: bytes, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines with something other than white space on them, and the first byte of that."""
    letters = np.frombuffer(data, np.uint8)
    if len(starts) > 1 and (letters[starts[:-1]] > ord(" ")).all():
        return np.arange(len(starts) - 1), letters[starts[:-1]]
    ink = np.flatnonzero(letters > ord(" "))
    if not len(ink):
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    after = np.searchsorted(ink, starts[:-1])
    seen = ink[np.minimum(after, len(ink) - 1)]
    lines = np.flatnonzero((after < len(ink)) & (seen < starts[1:]))
    return lines, letters[seen[lines]]


def _lines(data: bytes, starts: np.ndarray, lines: np.ndarray) -> bytes:
    return b"\n".join(data[starts[n] : starts[n + 1]] for n in lines.tolist())


def _bad_lines(
    read: Callable[[bytes], pl.DataFrame | None],
    data: bytes,
    starts: np.ndarray,
    lines: np.ndarray,
) -> Iterator[int]:
    """The lines that are no objects, by halving: a chunk with one bad line of n costs 2 log n
    reads, not n."""
    frame = read(_lines(data, starts, lines))
    if frame is not None and len(frame) == len(lines):
        return
    if len(lines) <= 1:
        yield from lines.tolist()
        return
    middle = len(lines) // 2
    yield from _bad_lines(read, data, starts, lines[:middle])
    yield from _bad_lines(read, data, starts, lines[middle:])


def _literals_to_json(data: bytes) -> tuple[bytes, dict[int, str]]:
    """Python literals as JSON, line by line; a line that is none becomes blank and is named."""
    bad: dict[int, str] = {}
    out = []
    for place, line in enumerate(data.decode().split("\n")):
        as_json = _literal_to_json(line) if line.strip() else ""
        if as_json is None:
            bad[place] = _NOT_JSON
        out.append(as_json or "")
    return "\n".join(out).encode(), bad


def _literal_to_json(line: str) -> str | None:
    found = _tried(ast.literal_eval, line)
    try:
        return None if found is None else json.dumps(found, default=str)
    except (TypeError, ValueError):  # a key that is no text, a number of too many digits
        return None
