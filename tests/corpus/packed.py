"""Packed files: cut, damaged, of another kind than their name says; and what is no text at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable

import pyarrow as pa

from tests.corpus.case import HEAD, ROW, SECOND, Case, fails, loads

_TEXT = HEAD + ROW + SECOND
_LONG = HEAD + ROW * 5000
_GZ = gzip.compress(_LONG, mtime=0)
_GZ_REVIEWS = gzip.compress(b'{"reviewerID": "u", "asin": "i", "overall": 5}\n' * 9000)
_GZ_USERS = gzip.compress(b'{"user_id": "u", "yelping_since": "2012"}\n' * 9000)
_CUT = "damaged or cut short"


def _zstd(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, "zstd", asbytes=True)
    return packed


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("ratings.csv", _TEXT)
    return sink.getvalue()


def _gz(name: str, data: bytes, error: str) -> Case:
    return fails(name, data, error, file="ratings.csv.gz")


def _zst(name: str, data: bytes, error: str) -> Case:
    return fails(name, data, error, file="ratings.csv.zst")


def _both(name: str, pack: Callable[[bytes], bytes], suffix: str) -> tuple[Case, ...]:
    """Named as what it is, and not."""
    return (
        loads(f"{name}", b"", 2, head=pack(_TEXT), file=f"ratings.csv{suffix}"),
        loads(f"{name} without its name", b"", 2, head=pack(_TEXT), file="ratings.csv"),
    )


CASES: tuple[Case, ...] = (
    *_both("gzip", gzip.compress, ".gz"),
    *_both("Zstandard", _zstd, ".zst"),
    loads("gzip in two members", b"", 2, head=gzip.compress(HEAD + ROW) + gzip.compress(SECOND),
          file="ratings.csv.gz"),
    *(_gz(f"gzip cut by {n}", _GZ[:-n], _CUT) for n in (1, 4, 8, 9, 50)),
    _gz("gzip cut after its header", _GZ[:10], _CUT),
    _gz("gzip cut in its header", _GZ[:5], _CUT),
    _gz("gzip cut in its magic", _GZ[:1], "does not hold gzip"),
    _gz("gzip, empty", b"", "does not hold gzip"),
    _gz("gzip of nothing", gzip.compress(b""), "line 1 is empty"),
    _gz("gzip, another checksum", _flipped(_GZ, -6), _CUT),
    _gz("gzip, another length", _flipped(_GZ, -2), _CUT),
    _gz("gzip, a flipped bit", _flipped(_GZ, len(_GZ) // 2), _CUT),
    _gz("gzip and garbage", _GZ + b"garbage", _CUT),
    _gz("gzip twice", gzip.compress(gzip.compress(_TEXT)), "line 1 is not text"),
    _gz("text called .gz", _TEXT, r"is named \.gz but"),
    _gz("Zstandard cut, called .gz", _zstd(_LONG)[:-4], _CUT),
    *(_zst(f"Zstandard cut by {n}", _zstd(_LONG)[:-n], _CUT) for n in (1, 4, 10)),
    _zst("Zstandard and garbage", _zstd(_TEXT) + b"xx", _CUT),
    _zst("text called .zst", _TEXT, r"is named \.zst but"),
    fails("a zip archive", _zip(), "zip archive or a spreadsheet"),
    fails("bzip2", bz2.compress(_TEXT), "bunzip2"),
    fails("xz", lzma.compress(_TEXT), "unxz"),
    fails("an old spreadsheet", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "spreadsheet"),
    fails("a PDF", b"%PDF-1.7\n" + bytes(50), "is a PDF"),
    fails("Parquet called .csv", b"PAR1" + bytes(50), "is Parquet"),
    fails("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1 is not text"),
    fails("a program", b"\x7fELF" + bytes(range(256)), "line 1 is not text"),
    fails("random bytes", bytes((n * 7919 + n * n) % 256 for n in range(5000)), "line 1"),
    Case("JSON lines, gzip cut", "amazon",
         {"r.json.gz": _GZ_REVIEWS[:-9]},
         error=_CUT),
    Case("Yelp, gzip cut", "yelp",
         {"r.json.gz": _GZ_USERS[:-9]},
         error=_CUT),
)  # fmt: skip
