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
from loaders.files import CHANGED, chunks
from loaders.interface import Progress
from loaders.plan import LINE, SPAN

MARK = "\ufdd0"
"""A code point that Unicode promises never to use for a character."""
NOT_TEXT = "not text in this encoding"
MARKED = "loaders.marked"
"""The codec error handler that puts a MARK where bytes are not of the encoding."""
codecs.register_error(MARKED, lambda e: (MARK, e.end))  # type: ignore[attr-defined]  # it has one
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ASCII = bytes(range(128))
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
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
    reader would take it for a line's end and every number after it would be wrong. Raises
    InputError for a file in UTF-16 that is said to be in UTF-8, and for one without line ends."""
    decoder = codecs.getincrementaldecoder(encoding)(MARKED)
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "ascii")
    carry: list[bytes] = []
    first = True
    for piece in chunks(path, progress):
        data = piece if is_utf8 else _recoded(path, decoder, piece)
        end = data.rfind(b"\n") + 1
        if not end:
            carry.append(data)
            if sum(map(len, carry)) > LONGEST:
                raise InputError(f"{path}: a line of more than {LONGEST >> 20} MiB; is it text?")
            continue
        whole = b"".join((*carry, data[:end]))
        carry = [data[end:]]
        yield _chunk(_begun(path, whole) if first else whole)
        first = False
    rest = b"".join((*carry, b"" if is_utf8 else _recoded(path, decoder, b"")))
    if first and b"\r" in rest.rstrip():
        raise InputError(
            f"{path}: its lines end in a carriage return alone; a newline is needed: "
            f"tr '\\r' '\\n' < {path.name}"
        )
    if rest := rest.rstrip(b"\r"):  # half of the line's end
        yield _chunk(_begun(path, rest) if first else rest)


def _recoded(path: Path, decoder: codecs.IncrementalDecoder, piece: bytes) -> bytes:
    """In UTF-8; an empty piece is the end."""
    try:
        return _encode(decoder.decode(piece, final=not piece))
    except UnicodeError as e:  # not of some bytes, which are marked: of the whole file
        raise InputError(f"{path}: is not text in the encoding it is said to have ({e})") from e


def _begun(path: Path, data: bytes) -> bytes:
    """A file's first bytes, without the mark of UTF-8."""
    for mark, name in _WIDE.items():
        if data.startswith(mark):
            raise InputError(
                f"{path}: begins with the byte order mark of {name.upper()}; it is read as UTF-8: "
                f"convert it (iconv -f {name} -t utf-8), or say encoding in its mapping"
            )
    return data.removeprefix(codecs.BOM_UTF8)


def readable(encoding: str) -> bool:
    """Python knows it, and it turns bytes into characters one after another."""
    try:
        sample = "a\n".encode(encoding)
        codecs.getincrementaldecoder(encoding)(MARKED).decode(sample, final=True)
    except (LookupError, ValueError, TypeError):
        return False
    # these turn text that looks like code into characters, line ends among them
    return "unicode" not in codecs.lookup(encoding).name


def _like_ascii(encoding: str) -> bool:
    """Its newline is one byte, and that byte is nothing else."""
    return _ASCII.decode(encoding, "replace") == _ASCII.decode()


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
    if not _like_ascii(encoding):
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
            yield cut(data, starts, start[done:ready] - line, stop[done:ready] - line, encoding)
            done = ready
        keep = whole if done == len(start) else min(whole, int(start[done]) - line)
        carry, line = data[starts[max(keep, 0)] :], line + max(keep, 0)
    if done < len(start):
        starts = line_starts(carry)
        if start[-1] - line >= len(starts) - 1:
            raise InputError(f"{path}: {CHANGED}")
        ends = np.minimum(stop[done:] - line, len(starts) - 1)
        yield cut(carry, starts, start[done:] - line, ends, encoding)


def cut(
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
