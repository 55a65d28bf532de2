"""Who did what to which store, when and to how many rows: an append-only file, never content.

A line of JSON an act, each with a hash over itself and the line before it: a line that was changed
or taken out shows (`kg audit --check`). Who may write the file may also write it anew: keep a copy
elsewhere where that matters.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ValidationError

from kg.errors import BudgetSpent, ConfigError
from kg.files import append_line

FILE = "audit.jsonl"
_TAIL = 1 << 16
_ROUNDING = 1e-9
"""Ten times 0.1 is to be 1."""


class Act(BaseModel):
    """One command. Counts and names of tables, no ids and no text."""

    at: str
    """UTC, ISO 8601."""
    user: str
    """Of the operating system."""
    command: str
    store: str | None
    """URL; credentials are never part of one."""
    release: str | None = None
    rows: dict[str, int] = {}
    files: list[str] = []
    """Files of personal data it wrote: exports, results, rejects."""
    epsilon: float | None = None
    """Differential privacy that the figures it released cost."""
    failed: str | None = None
    """The kind of error; null where it was done."""
    chain: str = ""
    """Hash over this line and the chain of the line before."""


class Open:
    """What a command fills in while it runs."""

    def __init__(self) -> None:
        self.release: str | None = None
        self.rows: dict[str, int] = {}
        self.files: list[Path] = []
        self.epsilon: float | None = None
        self.budget: float | None = None


@contextmanager
def audited(home: Path, command: str, store: str | None) -> Iterator[Open]:
    """Writes the act down when the block ends, done or failed. Raises ConfigError where the file
    cannot be written, BudgetSpent where its epsilon is more than is left of the budget."""
    begun = Open()
    failed = None
    try:
        yield begun
    except BaseException as e:
        failed = type(e).__name__
        raise
    finally:
        append(
            home,
            Act(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                user=who(),
                command=command,
                store=_without_credentials(store),
                release=begun.release,
                rows=begun.rows,
                files=[str(f.absolute()) for f in begun.files],
                epsilon=begun.epsilon if failed is None else None,
                failed=failed,
            ),
            begun.budget,
        )


def _without_credentials(url: str | None) -> str | None:
    """Where somebody put them into a URL, which is refused, they are not kept either."""
    if url is None or "@" not in (parts := urlsplit(url)).netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def who() -> str:
    """The operating system's user."""
    try:  # not what the environment says: it says what it is told
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no name for this number
        return str(os.getuid())


def append(home: Path, act: Act, budget: float | None = None) -> None:
    """An act that would spend more than is left of `budget` is written down as failed, and raises
    BudgetSpent: under the file's lock, so that two at a time cannot spend the same."""
    path = home / FILE
    refused, left, asked = False, 0.0, act.epsilon or 0.0
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "r+b", buffering=0) as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            last = _last_line(log)
            before = Act.model_validate_json(last).chain if last else ""
            if act.epsilon is not None and budget is not None:
                left = budget - spent(acts(home))
                refused = act.epsilon > left * (1 + _ROUNDING)
            if refused:
                act = act.model_copy(update={"epsilon": None, "failed": BudgetSpent.__name__})
            line = act.model_copy(update={"chain": _chain(act, before)}).model_dump_json()
            append_line(log, line.encode() + b"\n")
    except OSError as e:
        raise ConfigError(f"cannot write the audit file {path}: {e.strerror}") from e
    except ValidationError as e:
        raise ConfigError(f"{path}: its last line is no entry; `kg audit --check` finds it") from e
    if refused:
        raise BudgetSpent(
            f"{max(left, 0):.4g} is left of KG_PRIVACY_BUDGET={budget:g}, and this would spend "
            f"{asked:g}; ask for less --epsilon, or live with the figures there are"
        )


def _last_line(log: FileIO) -> bytes:
    size = log.seek(0, os.SEEK_END)
    tail = _TAIL
    while True:
        log.seek(max(0, size - tail))
        lines = log.read().splitlines()
        if len(lines) > 1 or tail >= size:
            return lines[-1] if lines else b""
        tail *= 2


def _chain(act: Act, before: str) -> str:
    # an entry without it is hashed as before there was such a field
    silent = {"chain"} if act.epsilon is not None else {"chain", "epsilon"}
    text = json.dumps(act.model_dump(exclude=silent), sort_keys=True)
    return sha256(f"{before}\0{text}".encode()).hexdigest()[:32]


def acts(home: Path) -> list[Act]:
    """All of them, oldest first. Raises ConfigError that names a line that is no entry."""
    path = home / FILE
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(Act.model_validate_json(line))
        except ValidationError as e:
            raise ConfigError(f"{path}:{number}: no entry of an audit file") from e
    return found


def broken_at(found: list[Act]) -> int | None:
    """The first line (1-based) whose chain does not follow from the line before it."""
    before = ""
    for number, act in enumerate(found, 1):
        if act.chain != _chain(act, before):
            return number
        before = act.chain
    return None


def spent(found: list[Act]) -> float:
    """Epsilon of all of them: what is released of the same people adds up."""
    return sum(act.epsilon for act in found if act.epsilon is not None)


def files_written(home: Path, store: str) -> list[Path]:
    """Files of personal data from this store that are still there."""
    named = dict.fromkeys(f for act in acts(home) if act.store == store for f in act.files)
    return [path for path in map(Path, named) if path.exists()]
