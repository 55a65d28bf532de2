"""The folder in which a training keeps how far it is: it outlives a process that is killed, until
the next training goes on from it or begins anew."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.errors import KgError, ReleaseError
from kg.files import PART, hold, sweep
from kg.releases import free_version

TRAINING = ".training-"


@contextmanager
def kept_training(releases: Path, *, resume: bool) -> Iterator[Path]:
    """A folder beside the releases, gone at the end, and where one of our errors ends the block; a
    process that is killed, interrupted or crashes leaves it. With `resume` it is the newest that
    was left, as it was, if there is one; without, all that were left are removed.

    Raises ReleaseError where the folder cannot be made."""
    from gnn.errors import GnnError, ResumeError

    try:
        releases.mkdir(parents=True, exist_ok=True)
        if not resume:
            sweep(releases, TRAINING)
        folder, held = _newest(releases) or _new(releases)
    except OSError as e:
        raise ReleaseError(
            f"{releases}: cannot be written: {e.strerror or e}; free some space or name another "
            "folder (--releases)"
        ) from e
    try:
        yield folder
    except ResumeError:  # what is there may yet be gone on with
        raise
    except (KgError, GnnError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
        sweep(releases, TRAINING)
    finally:
        os.close(held)


def run_name(folder: Path, runs: Path, now: int) -> str:
    """What the training in this folder is called among its trackers' `runs`: the moment (epoch s)
    it was first begun, as releases are."""
    begun = folder / "begun"
    if not begun.exists():
        begun.write_text(free_version(runs, now), encoding="utf-8")
    return begun.read_text(encoding="utf-8")


def _newest(releases: Path) -> tuple[Path, int] | None:
    """What a dead process left, now held by this one."""
    left = sorted(releases.glob(f"{TRAINING}*{PART}"), key=lambda p: p.stat().st_mtime)
    for folder in reversed(left):
        held = hold(folder)
        if held is not None:
            return folder, held
    return None


def _new(releases: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(PART, TRAINING, releases))
        held = hold(folder)
        if held is not None:  # else another's sweep was here before the lock
            return folder, held
