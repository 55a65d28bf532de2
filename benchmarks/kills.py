"""kill -9 at random moments of a command: what a reader saw, and whether the next run ends where
an undisturbed one does.

Each command is a process that was forked from one in which everything is imported, so that the
moments fall into the work and not into the start of Python.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.killed_shop import Site, all_of, trained
from benchmarks.watching import Seen, looks_of, watch
from kg.config import Settings
from kg.privacy.tombstones import erasure_key
from kg.releases import versions
from kg.store import open_store

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([
    "kg.cli.app", "kg.ladybug_store", "kg.neo4j_store", "kg.training", "kg.publish", "kg.refresh",
    "kg.unfinished", "kg.ingest", "kg.privacy.erasure", "kg.privacy.door", "loaders",
    "loaders.synthetic", "loaders.amazon", "gnn.profile", "gnn.refresh", "gnn.checkpoint",
    "gnn.text", "gnn.text_erase",
    "benchmarks.warm", "benchmarks.watching",
])  # fmt: skip

SHOP = ("synthetic", "--option", "users=100", "--option", "items=40", "--option", "events=2500")
TRAIN = ("train", "--set", "dim=16", "--set", "epochs=2", "--set", "rank=4")
WATCHED = 24
"""Users a reader looks at."""
NOW = 1_767_000_000
"""A moment in the synthetic shop's last days."""


@dataclass
class Case:
    """A command, and the state it begins in."""

    name: str
    before: str
    argv: tuple[str, ...]
    users: list[str] = field(default_factory=list)
    """Those it removes."""


@dataclass
class Count:
    """What came of some kills of one command."""

    command: str
    moments: int = 0
    in_work: int = 0
    """Killed before it was done."""
    repeated: int = 0
    """The same command again: done at once."""
    equal: int = 0
    """Everything is then as after an undisturbed run."""
    looks: int = 0
    mixes: int = 0
    wrong: list[str] = field(default_factory=list)
    """What was not as it should be, with the moment."""

    @property
    def good(self) -> bool:
        return not self.wrong and self.equal == self.repeated == self.moments and not self.mixes


HEAD = ("command", "killed at", "before it was done", "run again: done", "ends equal",
        "looks of a reader", "mixes seen")  # fmt: skip


def row(count: Count) -> list[str]:
    return [
        count.command, f"{count.moments} moments", str(count.in_work), str(count.repeated),
        str(count.equal), f"{count.looks:,}", str(count.mixes),
    ]  # fmt: skip


def prepare(site: Site) -> list[Case]:
    """Every state a command begins in, made by undisturbed commands."""
    erasure_key(Settings(home=site.home), make=True)
    site.save("empty")
    _do(site, "load", *SHOP)
    site.save("loaded")
    for seed in ("7", "8"):
        _do(site, *TRAIN, "--seed", seed)
    first, second = versions(site.releases)
    _do(site, "publish", second, "--force", "benchmark")
    _do(site, "publish", first, "--force", "benchmark")
    site.save("first live")
    _do(site, "publish", second, "--force", "benchmark")
    site.save("second live")
    writers = _writers(site)
    site.restore("first live")
    _do(site, "load", "amazon", str(_news(site, writers)))
    site.save("stale")
    return [
        Case("load", "empty", ("load", *SHOP)),
        Case("train", "loaded", TRAIN),
        Case("publish", "first live", ("publish", second, "--force", "benchmark")),
        Case("refresh", "stale", ("refresh",)),
        Case("rollback", "second live", ("rollback", first)),
        Case("forget", "second live", ("forget", *writers, "--yes"), writers),
    ]


def killed(site: Site, case: Case, moments: int, seed: int = 0) -> Count:
    """The command, killed at so many moments between its start and its end, each time from the
    same state, a reader beside it."""
    site.restore(case.before)
    users = _watched(site, case)
    before = looks_of(site.url, users) if users else {}
    begun = time.monotonic()
    _do(site, *case.argv)
    took = time.monotonic() - begun
    wanted = _end(site, case)
    after = looks_of(site.url, users) if users else {}
    may_be = {u: frozenset((before[u], after[u])) for u in users}
    draw, count = random.Random(seed), Count(case.name)
    for _ in range(moments):
        moment = draw.uniform(0, took)
        site.restore(case.before)
        with _reader(site, may_be) as seen:
            lived = _killed_after(site, case, moment)
            code, said = run(site, *case.argv)
        count.in_work += lived >= moment
        took = lived if lived < moment else took  # it was done sooner: a server warms up
        count.moments += 1
        count.looks += seen().looks
        count.mixes += len(seen().mixes)
        count.repeated += code == 0
        if code:
            count.wrong.append(f"{moment:.3f} s: run again it says {said[-300:]}")
            continue
        end = _end(site, case)
        count.equal += end == wanted
        if end != wanted:
            differs = [k for k in wanted if end.get(k) != wanted[k]]
            what = ", ".join(f"{k} ({str(end[k])[:200]})" for k in differs)
            count.wrong.append(f"{moment:.3f} s: other {what}")
    return count


class _reader:  # noqa: N801 - used as a word of the `with` statement
    """A process that watches while the block runs; calling what it gives says what was seen."""

    def __init__(self, site: Site, may_be: dict[str, frozenset[str]]) -> None:
        self.site, self.may_be = site, may_be
        self.seen = Seen(0, [])

    def __enter__(self) -> Callable[[], Seen]:
        if self.may_be:
            self.control, theirs = CONTEXT.Pipe()
            at = partial(_in_environment, self.site.environment, watch)
            self.process = CONTEXT.Process(target=at, args=(self.site.url, self.may_be, theirs))
            self.process.start()
            theirs.close()
            self.control.recv()
        return lambda: self.seen

    def __exit__(self, *_: object) -> None:
        if self.may_be:
            with suppress(BrokenPipeError):
                self.control.send("stop")
            try:
                self.seen = self.control.recv()
            except EOFError:
                self.seen = Seen(0, ["the reader died"])
            self.process.join()


def _watched(site: Site, case: Case) -> list[str]:
    """Nobody where there is no profile yet, or the command changes none."""
    if case.name in ("load", "train"):
        return []
    with open_store(site.url, read_only=True) as store:
        text = (
            "MATCH (u:User) WHERE u.evidenceCount > 0 "
            "RETURN u.userId, u.staleSince IS NULL AS s ORDER BY s, u.userId"
        )
        users = [r[0] for r in store.query(text).rows]
    return list(dict.fromkeys([*case.users, *users]))[:WATCHED]


def _end(site: Site, case: Case) -> dict[str, Any]:
    said = all_of(site, case.users)
    if case.name == "train":
        said["releases"] = trained(site)
    return said


def _do(site: Site, *argv: str) -> None:
    code, said = run(site, *argv)
    if code:
        raise SystemExit(f"kg {' '.join(argv)} ended with {code}: {said}")


def run(site: Site, *argv: str) -> tuple[int | None, str]:
    """The command's exit code and what it said."""
    process, said = started(site, argv)
    process.join()
    return process.exitcode, said.read_text(errors="replace")


def _killed_after(site: Site, case: Case, moment: float) -> float:
    """How long it lived: less than the moment where it was done before."""
    process, _ = started(site, case.argv)
    begun = time.monotonic()
    process.join(moment)
    lived = moment if process.exitcode is None else min(time.monotonic() - begun, moment - 1e-3)
    process.kill()
    process.join()
    return lived


def started(site: Site, argv: Sequence[str]) -> tuple[Any, Path]:
    """The command's process, and the file of what it says."""
    said = site.folder / "said"
    said.unlink(missing_ok=True)
    at = partial(_in_environment, site.environment, _kg)
    process = CONTEXT.Process(target=at, args=(site.folder, said, list(argv)))
    process.start()
    return process, said


def _in_environment(environment: dict[str, str], run: Callable[..., None], *args: object) -> None:
    os.environ.clear()
    os.environ.update(environment)
    run(*args)


def _kg(folder: Path, said: Path, argv: list[str]) -> None:
    """The command line, with its output in a file."""
    from kg.cli import main

    os.chdir(folder)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.exit(main(argv))


def _writers(site: Site) -> list[str]:
    """Three users who wrote reviews."""
    with open_store(site.url, read_only=True) as store:
        text = (
            "MATCH (u:User)-[r:REVIEWED]->(:Item) WHERE r.text IS NOT NULL "
            "RETURN DISTINCT u.userId AS id ORDER BY id LIMIT 3"
        )
        return [r[0] for r in store.query(text).rows]


def _news(site: Site, users: Sequence[str]) -> Path:
    """Reviews of these users, and of one who is new, as a file of a real layout."""
    lines = [
        {"reviewerID": user, "asin": f"i{item:03d}", "overall": 5.0, "reviewText": "love it",
         "unixReviewTime": NOW + item}
        for user in [*users, "newcomer"]
        for item in range(4)
    ]  # fmt: skip
    path = site.folder / "news.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
