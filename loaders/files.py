"""Paths → the files under them; a file → its bytes, unpacked. What is damaged is an InputError."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from kg.errors import InputError
from loaders.interface import Progress

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_USUAL_RATIO = 5
"""Decompressed bytes a packed one gives, about; only the number of buckets depends on it."""

CHUNK = 1 << 22


def find_files(paths: Sequence[Path]) -> tuple[list[Path], set[Path]]:
    """All files under the paths, in a stable order, and those that were named themselves. Hidden
    ones are left out. Raises InputError for a path that is not there and for an empty folder."""
    found: dict[Path, None] = {}
    named: set[Path] = set()
    for path in paths:
        if path.is_file():
            found[path] = None
            named.add(path)
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
            if not inside:
                raise InputError(f"{path}: there is no file in this folder")
            found.update(dict.fromkeys(inside))
        else:
            raise InputError(f"{path}: there is no such file or folder")
    return list(found), named


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def plain_name(path: Path) -> str:
    """The name without `.gz` or `.zst`, in lower case."""
    return (path.stem if path.suffix.lower() in _PACKED else path.name).lower()


def estimated_size(path: Path) -> int:
    packed = path.suffix.lower() in _PACKED
    return path.stat().st_size * (_USUAL_RATIO if packed else 1)


class Unpacked:
    """A file's bytes, unpacked by what it holds rather than by its name. Raises InputError when
    the packed stream is broken or ends too early."""

    def __init__(self, path: Path, file: pa.NativeFile) -> None:
        self._path = path
        self._file = file
        head = file.read(4)
        file.seek(0)
        codec = next((c for magic, c in _MAGIC.items() if head.startswith(magic)), None)
        claimed = _PACKED.get(path.suffix.lower())
        if claimed and not codec:
            raise InputError(f"{path}: is named {path.suffix} but does not hold {claimed} data")
        self._stream = pa.CompressedInputStream(file, codec) if codec else file
        self.size = path.stat().st_size

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except OSError as e:
            raise InputError(f"{self._path}: damaged or cut short ({e})") from e
        return data

    @property
    def position(self) -> int:
        """Bytes of the file taken so far."""
        where: int = self._file.tell()
        return where


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    try:
        file = pa.OSFile(str(path), "rb")
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
    with file:
        yield Unpacked(path, file)


def chunks(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """The unpacked bytes in pieces of up to CHUNK."""
    with unpacked(path) as source:
        while data := source.read(CHUNK):
            if progress:
                progress(path.name, source.position, source.size)
            yield data
