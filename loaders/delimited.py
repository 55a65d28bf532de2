"""CSV, TSV and the like → batches of string cells, each row with the line its record starts on."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from kg.errors import InputError
from loaders.interface import Progress
from loaders.lines import LONGEST, MARK, NOT_TEXT, cut, line_starts, raw_records, utf8_lines
from loaders.plan import BROKEN, LINE, SPAN, Batch, free_names

_INNER = "\x1f"
"""Stands in for a delimiter of several characters or of none of ASCII, which the parser does not
take."""
_LONGEST_HEADER = 100_000
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_OPEN = "a quote is left open: several lines are taken for one row"


@dataclass
class Delimited:
    """A delimited file. `names` are the columns of a file without a header. Raises InputError for
    an empty file, for a header that names a column twice, and where a quoted cell never ends."""

    path: Path
    delimiter: str = ","
    quote: str | None = '"'
    names: Sequence[str] | None = None
    encoding: str = "utf-8"
    missing: Sequence[str] = ()
    """Cells that say nothing, beside the empty one."""
    also: Sequence[str] = ()
    """Columns that the file may lack; then they are null."""
    progress: Progress | None = None
    columns: tuple[str, ...] = field(init=False)
    head: int = field(init=False)
    """Lines before the first row"""

    def __post_init__(self) -> None:
        if self.names:
            self.columns, self.head = tuple(self.names), 0
        else:
            lines = self._first_lines()
            line = next(lines, "")
            self.head = 2 if self._is_separator(line) else 1
            self.columns = self._header(next(lines, "") if self.head == 2 else line)
        free_names(self.path, self.columns)

    def _first_lines(self) -> Iterator[str]:
        for chunk in utf8_lines(self.path, self.encoding):
            data = chunk.data
            while data:
                line, _, data = data.partition(b"\n")
                yield line.decode()

    def _is_separator(self, line: str) -> bool:
        """Whether it is Excel's "sep=;", and says what the mapping says."""
        found = _SEPARATOR.fullmatch(line.rstrip("\r"))
        if found is None:
            return False
        if found[1] != self.delimiter:
            raise InputError(
                f"{self.path}: line 1 says that {found[1]!r} separates the cells, the mapping that "
                f"{self.delimiter!r} does"
            )
        return True

    def _header(self, line: str) -> tuple[str, ...]:
        at = f"{self.path}: line {self.head}"
        if not line.strip():
            raise InputError(f"{at} is empty; it should name the columns")
        if MARK in line:
            raise InputError(f"{at} is {NOT_TEXT}")
        if len(line) > _LONGEST_HEADER:
            raise InputError(f"{at} has {len(line):,} characters; it should name the columns")
        line = line.rstrip("\r").replace(self.delimiter, self._inner)
        cells = self._names(line) if self.quote else line.split(self._inner)
        names = [c.strip() or f"column {i}" for i, c in enumerate(cells, 1)]
        twice = sorted(n for n, count in Counter(names).items() if count > 1)
        if twice:
            raise InputError(f"{at} names the column {twice[0]!r} twice")
        return tuple(names)

    def _names(self, line: str) -> list[str]:
        how = {"delimiter": self._inner, "quotechar": self.quote}
        try:
            next(csv.reader([line], **how, strict=True))  # type: ignore[arg-type]  # both are str
        except csv.Error as e:
            if "unexpected end" in str(e):
                raise InputError(f"{self.path}: line {self.head} leaves a quote open") from e
        return next(csv.reader([line], **how))  # type: ignore[arg-type]  # both are str

    @property
    def _inner(self) -> str:
        plain = len(self.delimiter) == 1 and self.delimiter.isascii()
        return self.delimiter if plain else _INNER

    @property
    def _well_formed(self) -> str:
        """A record as RFC 4180 has it: a quoted cell ends where its quote ends."""
        quote, end = (rf"\x{{{ord(c):x}}}" for c in (self.quote or "", self._inner))
        cell = rf"(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{quote}{end}\n][^{end}\n]*|)"
        return rf"\A{cell}(?:{end}{cell})*\z"

    def batches(self) -> Iterator[Batch]:
        line, held, head = 1, b"", self.head
        damaged = False
        for chunk in utf8_lines(self.path, self.encoding, self.progress):
            data, damaged = held + chunk.data, damaged or chunk.damaged
            while head and data:
                data, line, head = data.partition(b"\n")[2], line + 1, head - 1
            # the last record may go on in the next chunk, and blank lines may end the file
            kept = data.rstrip(b"\r\n")
            records = self._parse(kept, line)
            if records.count > 1:
                yield self._batch(records.but_last(), damaged)
                held = data[records.starts[records.lines_before_last] :]
                line += records.lines_before_last
            else:
                held = data
            if len(held) > LONGEST:
                raise InputError(
                    f"{self.path}: the record that starts at line {line} does not end within "
                    f"{LONGEST >> 20} MiB; a quote may be left open there"
                )
        if rest := held.rstrip(b"\r\n"):
            yield self._batch(self._parse(rest, line), damaged)

    def _parse(self, data: bytes, line: int) -> _Records:
        broken: list[tuple[int, int, str]] = []

        def invalid(row: pa_csv.InvalidRow) -> str:
            reason = f"{row.actual_columns} cells, not {row.expected_columns}"
            if self.quote and "\n" in row.text and row.text.count(self.quote) % 2:
                reason = _OPEN
            reason = NOT_TEXT if MARK in row.text else reason
            broken.append((row.number - 1, row.text.count("\n"), reason))
            return "skip"

        starts = line_starts(data)
        if self._inner != self.delimiter:
            data = data.replace(self.delimiter.encode(), _INNER.encode())
        if data.startswith(codecs.BOM_UTF8):  # the reader would take one off, here inside a file
            data = codecs.BOM_UTF8 + data
        schema = pa.schema([(c, pa.large_string()) for c in self.columns])
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, block_size=len(data) + 1, column_names=list(self.columns)
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._inner,
                    quote_char=self.quote or False,
                    newlines_in_values=self.quote is not None,
                    ignore_empty_lines=False,
                    invalid_row_handler=invalid,
                ),
                convert_options=pa_csv.ConvertOptions(
                    check_utf8=False,  # utf8_lines saw to it
                    column_types=schema,
                    strings_can_be_null=True,
                    null_values=["", *self.missing],
                ),
            )
        except pa.ArrowInvalid as e:
            if "Empty CSV file" not in str(e):
                raise InputError(f"{self.path}: line {line} or after: {e}") from e
            table = schema.empty_table()
        inside = len(starts) - 1 > len(table) + len(broken)
        records = _Records(table, broken, line, starts, _newlines(table) if inside else None)
        return self._without_swallowed(records, data) if inside and self.quote else records

    def _without_swallowed(self, records: _Records, data: bytes) -> _Records:
        """Records of several lines are broken where a quoted cell does not end with its quote: a
        quote was left open, and took the rows behind it."""
        first, stop, places = records.several_lines()
        if not len(first):
            return records
        raw = cut(data, line_starts(data), first, stop, "utf-8")
        swallowed = places[~raw.str.contains(self._well_formed).to_numpy()]
        return records.break_(swallowed, _OPEN) if len(swallowed) else records

    def _batch(self, records: _Records, damaged: bool) -> Batch:
        line, span, broken = records.placed()
        cells = {c: pl.Series(c, records.table[c]) for c in self.columns}
        frame = pl.DataFrame(cells, schema=dict.fromkeys(self.columns, pl.String))
        absent = [pl.lit(None, pl.String).alias(c) for c in self.also if c not in self.columns]
        if self._inner != self.delimiter and self.quote:
            # inside a quoted cell it was no delimiter
            frame = frame.with_columns(
                pl.all().str.replace_all(_INNER, self.delimiter, literal=True)
            )
        frame = frame.with_columns(*absent, line, span)
        if damaged:
            bad = pl.any_horizontal(pl.col(self.columns).str.contains(MARK, literal=True))
            bad = bad.fill_null(False)
            reason = pl.lit(NOT_TEXT).alias("reason")
            broken = pl.concat([broken, frame.filter(bad).select(LINE, SPAN, reason)])
            frame = frame.filter(~bad)
        return Batch(frame, broken)

    def raw(self, records: pl.DataFrame) -> Iterator[pl.Series]:
        return raw_records(self.path, records, self.encoding)


def _newlines(table: pa.Table) -> np.ndarray:
    counts = np.zeros(len(table), np.int64)
    for column in table.columns:
        counts += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
    return counts


@dataclass(frozen=True)
class _Records:
    """What the parser made of a chunk: good rows, and broken ones as (place, newlines inside,
    reason) where the place counts good and broken rows together."""

    table: pa.Table
    broken: list[tuple[int, int, str]]
    line: int
    """Of the first record."""
    starts: np.ndarray
    """Offset of each line in the chunk."""
    newlines: np.ndarray | None
    """Inside each good row; None where there are none."""

    @property
    def count(self) -> int:
        return len(self.table) + len(self.broken)

    @property
    def _good(self) -> np.ndarray:
        good = np.ones(self.count, bool)
        good[[place for place, _, _ in self.broken]] = False
        return good

    @property
    def _spans(self) -> np.ndarray:
        spans = np.ones(self.count, np.int64)
        if self.newlines is not None:
            spans[self._good] += self.newlines
        for place, newlines, _ in self.broken:
            spans[place] += newlines
        return spans

    @property
    def lines_before_last(self) -> int:
        return int(self._spans[:-1].sum())

    def several_lines(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First line and line behind (from 0, of the chunk) of the good records that have more
        than one, and their places in the table."""
        spans, good = self._spans, self._good
        after = np.cumsum(spans)
        places = np.flatnonzero(spans[good] > 1)
        return (after - spans)[good][places], after[good][places], places

    def break_(self, places: np.ndarray, reason: str) -> _Records:
        """Some good records (by place in the table) become broken ones."""
        assert self.newlines is not None
        among_all = np.flatnonzero(self._good)[places].tolist()
        broken = [(p, int(self.newlines[at]), reason)
                  for p, at in zip(among_all, places.tolist(), strict=True)]  # fmt: skip
        kept = np.ones(len(self.table), bool)
        kept[places] = False
        return replace(
            self,
            table=self.table.filter(pa.array(kept)),
            broken=sorted([*self.broken, *broken]),
            newlines=self.newlines[kept],
        )

    def but_last(self) -> _Records:
        if self.broken and self.broken[-1][0] == self.count - 1:
            return replace(self, broken=self.broken[:-1])
        newlines = None if self.newlines is None else self.newlines[:-1]
        return replace(self, table=self.table.slice(0, len(self.table) - 1), newlines=newlines)

    def placed(self) -> tuple[pl.Series, pl.Series, pl.DataFrame]:
        """Line and span of the good rows, and the broken ones with theirs."""
        spans, good = self._spans, self._good
        line = self.line + np.cumsum(spans) - spans
        broken = {LINE: line[~good], SPAN: spans[~good], "reason": [r for _, _, r in self.broken]}
        return (
            pl.Series(LINE, line[good]),
            pl.Series(SPAN, spans[good]),
            pl.DataFrame(broken, schema=BROKEN),
        )
