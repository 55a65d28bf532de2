"""Paths → the files under them; a file → its bytes, unpacked. What is damaged is an InputError."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from kg.errors import InputError
from loaders.interface import Progress

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or save it as CSV",
    b"BZh": "packed by bzip2: bunzip2 unpacks it",
    b"\xfd7zXZ": "packed by xz: unxz unpacks it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"PAR1": "Parquet: its name should end in .parquet, or its mapping say so",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"%PDF": "a PDF",
}
"""What a file of text does not begin with, and what it is instead."""
_STEEPEST = 200
"""Unpacked bytes a packed one may give; text gives 3 to 30, a bomb a thousand."""
HARMLESS = 1 << 28
"""Unpacked bytes that are nothing to worry about."""
CHANGED = "has changed while it was read; load it again when it is complete"

CHUNK = 1 << 22


def find_files(paths: Sequence[Path]) -> tuple[list[Path], set[Path]]:
    """All files under the paths, in a stable order, and those that were named themselves. Hidden
    ones are left out. Raises InputError for a path that is not there, for an empty folder, and for
    what cannot be read twice (a pipe, a device) or leads nowhere (a broken link)."""
    found: dict[Path, None] = {}
    named: set[Path] = set()
    for path in paths:
        try:
            if _is_file(path):
                found[path] = None
                named.add(path)
                continue
            inside = [p for p in _inside(path) if _is_file(p)]
            if not inside:
                raise InputError(f"{path}: there is no file in this folder")
            found.update(dict.fromkeys(inside))
        except OSError as e:
            raise InputError(f"{e.filename or path}: cannot be read ({e.strerror})") from e
    return list(found), named


def _inside(folder: Path) -> list[Path]:
    """Everything but folders, links to folders and what is hidden. Raises OSError."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _is_file(path: Path) -> bool:
    """False for a folder. Raises InputError for anything else, OSError where nobody may look."""
    try:
        mode = path.stat().st_mode
    except ValueError as e:  # a NUL
        raise InputError(f"{str(path)!r}: is no path ({e})") from e
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise InputError(f"{path}: is a link to nothing") from None
        raise InputError(f"{path}: there is no such file or folder") from None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return stat.S_ISREG(mode)
    what = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise InputError(f"{path}: is {what}; a file is needed, for it is read twice")


def plain_name(path: Path) -> str:
    """The name without `.gz` or `.zst`, in lower case."""
    return (path.stem if path.suffix.lower() in _PACKED else path.name).lower()


def estimated_size(path: Path) -> int:
    """Unpacked bytes, for a packed file by what its beginning gives."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
        size = path.stat().st_size
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    if not any(head.startswith(magic) for magic in _MAGIC):
        return size
    with unpacked(path) as source:
        given = len(source.read(CHUNK))
        return max(given, given * size // max(source.position, 1))


class Unpacked:
    """A file's bytes, unpacked by what it holds rather than by its name. Raises InputError when
    the packed stream is broken, ends too early or is a bomb, and for files of another kind."""

    def __init__(self, path: Path, file: pa.NativeFile) -> None:
        self._path = path
        self._file = file
        self._given = 0
        head = file.read(6)
        file.seek(0)
        codec = next((c for magic, c in _MAGIC.items() if head.startswith(magic)), None)
        claimed = _PACKED.get(path.suffix.lower())
        if claimed and not codec:
            raise InputError(f"{path}: is named {path.suffix} but does not hold {claimed} data")
        foreign = next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None)
        if foreign:
            raise InputError(f"{path}: is {foreign}")
        self._packed = codec is not None
        self._stream = pa.CompressedInputStream(file, codec) if codec else file
        self.size = path.stat().st_size

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except OSError as e:
            raise InputError(f"{self._path}: damaged or cut short ({e})") from e
        self._given += len(data)
        if self._packed and self._given > max(HARMLESS, _STEEPEST * self.position):
            raise InputError(
                f"{self._path}: unpacks to more than {_STEEPEST} times its size, as a zip bomb "
                "does; if it is none, unpack it first"
            )
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
        try:
            source = Unpacked(path, file)
        except OSError as e:
            raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
        yield source


def chunks(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """The unpacked bytes in pieces of up to CHUNK. Raises InputError for a file that was written to
    meanwhile: its last row may be half of one."""
    with unpacked(path) as source, unchanged(path):
        while data := source.read(CHUNK):
            if progress:
                progress(path.name, source.position, source.size)
            yield data


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Raises InputError where the file is another one at the end of the block."""
    before = _state(path)
    yield
    if _state(path) != before:
        raise InputError(f"{path}: {CHANGED}")


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        now = os.stat(path)
    except OSError:
        return None
    return now.st_ino, now.st_size, now.st_mtime_ns
