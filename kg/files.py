"""Files and folders that appear whole or not at all, and work folders that do not outlive their
process.

What is being written is held locked by its process. The lock goes with the process, however it
ends, and whoever next writes to the same place removes what has none.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from io import FileIO
from pathlib import Path

from kg.errors import ConfigError

PART = ".kg-part"
"""How the name of an unfinished file or folder ends: nobody else's does."""
STAGED = "kg-load-"
"""How the name of a load's work folder begins, in the temporary folder."""


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a path beside `path`, then move the file there. Raises `ConfigError` where
    the folder cannot be written."""
    with whole_file(path) as beside:
        write(beside)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends without an error."""
    sweep(path.parent, f".{path.name}.")
    try:
        handle, name = tempfile.mkstemp(PART, f".{path.name}.", path.parent)
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from e
    fcntl.flock(handle, fcntl.LOCK_SH)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from e
    finally:
        beside.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; it becomes `path` when the block ends without an error. Raises
    `ConfigError` where there is something in the way."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path} is there already and not empty; name a new folder")
    try:
        with work_folder(path.absolute().parent, f".{path.name}.") as beside:
            yield beside
            beside.chmod(0o777 & ~_umask())
            os.replace(beside, path)
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from e


@contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `parent`, gone at the end unless it was moved elsewhere; those of the same
    prefix whose process died are removed first. Raises OSError."""
    sweep(parent, prefix)
    held: int | None = None
    while held is None:
        folder = Path(tempfile.mkdtemp(PART, prefix, parent))
        held = hold(folder)  # None: another's sweep was here before the lock
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@contextmanager
def staging_folder(prefix: str = STAGED) -> Iterator[Path]:
    """A work folder in the temporary folder, for rows on their way to a store. Raises ConfigError
    where it cannot hold them."""
    try:
        with work_folder(Path(tempfile.gettempdir()), prefix) as folder:
            yield folder
    except BrokenPipeError:  # who read our output went away
        raise
    except OSError as e:
        raise ConfigError(
            f"cannot keep rows in {tempfile.gettempdir()}: {e.strerror or e}; free some space, or "
            "name another folder by TMPDIR"
        ) from e


def append_line(file: FileIO, line: bytes) -> None:
    """All of it, or nothing. Raises OSError."""
    size = file.seek(0, os.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise


def sweep(parent: Path, prefix: str) -> None:
    """Remove what processes that died left in a folder under such names."""
    for path in parent.glob(escape(prefix) + "*" + PART):
        held = hold(path)
        if held is None:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        os.close(held)


def hold(path: Path) -> int | None:
    """A descriptor that locks it; None where it is another's, or gone."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                return file
        os.close(file)
    return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
