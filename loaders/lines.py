"""Bytes in any encoding → chunks of whole lines in valid UTF-8, damage marked; and back: raw lines.

Everything behind this door may trust its text. What was no text (bytes that are not of the
encoding, NUL) is one MARK character, so that the row it stands in can be rejected by name.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from kg.errors import InputError
from loaders.files import chunks
from loaders.interface import Progress
from loaders.plan import LINE, SPAN

MARK = "\ufdd0"
"""A code point that Unicode promises never to use for a character."""
NOT_TEXT = "not text in this encoding"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LONE_CR = re.compile(rb"\r(?!\n)")
LONGEST = 1 << 26
"""Bytes of one line; a longer one is taken for a file that has no lines."""


@dataclass(frozen=True)
class Chunk:
    data: bytes
    """Whole lines; only the last chunk may lack the newline at its end."""
    damaged: bool
    """Some MARK is in it."""


def utf8_lines(
    path: Path, encoding: str = "utf-8", progress: Progress | None = None
) -> Iterator[Chunk]:
    """A byte order mark is dropped; a carriage return that ends no line becomes a space, for a
    reader would take it for a line's end and every number after it would be wrong."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "ascii")
    carry: list[bytes] = []
    first = True
    for piece in chunks(path, progress):
        data = piece if is_utf8 else _encode(decoder.decode(piece))
        if first and data:
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        end = data.rfind(b"\n") + 1
        if not end:
            carry.append(data)
            if sum(map(len, carry)) > LONGEST:
                raise InputError(f"{path}: a line of more than {LONGEST >> 20} MiB; is it text?")
            continue
        yield _chunk(b"".join((*carry, data[:end])))
        carry = [data[end:]]
    rest = b"".join((*carry, b"" if is_utf8 else _encode(decoder.decode(b"", final=True))))
    if rest:
        yield _chunk(rest)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub(MARK, text).encode()


def _chunk(data: bytes) -> Chunk:
    plain = data.isascii()
    if not plain:
        try:
            data.decode()
        except UnicodeDecodeError:
            data = _encode(data.decode(errors="surrogateescape"))
    if b"\0" in data:
        data, plain = data.replace(b"\0", MARK.encode()), False
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        data = _LONE_CR.sub(b" ", data)
    return Chunk(data, not plain and MARK.encode() in data)


def line_starts(data: bytes) -> np.ndarray:
    """Offset of each line's first byte, and the end of the data: n + 1 numbers for n lines."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    if not data or (len(ends) and ends[-1] == len(data)):
        return np.concatenate(([0], ends))
    return np.concatenate(([0], ends, [len(data)]))


def raw_records(path: Path, records: pl.DataFrame, encoding: str) -> Iterator[pl.Series]:
    """The text of records (LINE ascending, SPAN lines each) as it stands in the file."""
    start = records[LINE].to_numpy()
    stop = start + records[SPAN].to_numpy()
    source: Iterator[bytes]
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        source, encoding = (c.data for c in utf8_lines(path, encoding)), "utf-8"
    else:
        source = chunks(path)
    carry, line, done = b"", 1, 0
    for piece in source:
        if done == len(start):
            return
        data = carry + piece
        starts = line_starts(data)
        whole = len(starts) - 1 - (not data.endswith(b"\n"))
        ready = done + int(np.searchsorted(stop[done:], line + whole, side="right"))
        if ready > done:
            yield _cut(data, starts, start[done:ready] - line, stop[done:ready] - line, encoding)
            done = ready
        keep = whole if done == len(start) else min(whole, int(start[done]) - line)
        carry, line = data[starts[max(keep, 0)] :], line + max(keep, 0)
    if done < len(start):
        starts = line_starts(carry)
        ends = np.minimum(stop[done:] - line, len(starts) - 1)
        yield _cut(carry, starts, start[done:] - line, ends, encoding)


def _cut(
    data: bytes, starts: np.ndarray, first: np.ndarray, stop: np.ndarray, encoding: str
) -> pl.Series:
    """Bytes [starts[first], starts[stop]) of each record as text, without the last newline."""
    offsets = np.empty(2 * len(first), np.int64)
    offsets[::2], offsets[1::2] = starts[first], starts[stop]
    pieces = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    ).take(pa.array(np.arange(0, len(offsets), 2)))
    if codecs.lookup(encoding).name == "utf-8":
        try:
            return _stripped(pl.Series("raw", pieces.cast(pa.large_string())))
        except pa.ArrowInvalid:
            pass
    # only rejected rows come here, and of those the ones that are not UTF-8
    decoded = [b.decode(encoding, "backslashreplace") for b in pieces.to_pylist()]
    return _stripped(pl.Series("raw", decoded, dtype=pl.String))


def _stripped(lines: pl.Series) -> pl.Series:
    return lines.str.strip_chars_end("\r\n")
