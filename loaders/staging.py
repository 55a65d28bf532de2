"""A source's files → cleaned tables on disk and the account of every row. No store is touched."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import polars as pl

from kg.errors import ConfigError, InputError, KgError, StrictReject
from loaders.interface import FileReport, LoadReport, Progress, Staged
from loaders.judge import judge
from loaders.merge import Account
from loaders.plan import LINE, FilePlan
from loaders.protect import Protection, Protector
from loaders.protect_staged import protect_staged
from loaders.rejects import NAME as REJECTS
from loaders.rejects import Rejects
from loaders.sources import GENERATED, SOURCES
from loaders.tables import Tables, layouts

BUCKET = 1 << 25
"""Bytes of input a bucket takes, about: what is looked at at once to find duplicates."""

Plans = Callable[
    [str, Sequence[Path], Mapping[str, str], Progress | None], tuple[list[FilePlan], list[str]]
]
"""(source, paths, options, progress) → a plan per file, and the files nothing is known about."""


def stage(
    source: str,
    paths: Sequence[Path],
    into: Path,
    *,
    now: int,
    options: Mapping[str, str] | None = None,
    strict: bool = False,
    protection: Protection | None = None,
    progress: Progress | None = None,
) -> Staged:
    """Read `paths` as `source` (a name in SOURCES) and write the tables under `into`, which must be
    empty or absent and is left so when anything is raised. `now` (epoch s) is where the future
    begins. Without a `protection` the default policy masks and drops (`loaders/policy.py`), and
    users keep the ids they have.

    Raises ConfigError for an unknown source, option or mapping, InputError for a file that is not
    what it should be, and with `strict` StrictReject at the first row that would be rejected.
    """
    if source not in SOURCES:
        raise ConfigError(f"source {source!r} is not one of {', '.join(sorted(SOURCES))}")
    if into.is_dir() and any(into.iterdir()):
        raise ConfigError(f"{into}: staging needs an empty folder")
    module, name = SOURCES[source].split(":")
    entry = getattr(import_module(module), name)
    created = not into.exists()
    into.mkdir(parents=True, exist_ok=True)
    try:
        if source in GENERATED:
            if paths:
                raise ConfigError(f"source {source!r} reads no files; it was given {paths[0]}")
            generated: Staged = entry(into, now=now, options=options or {}, progress=progress)
            return protect_staged(generated, protection)
        plans, unread = entry(source, paths, options or {}, progress)
        protector = Protector(protection or Protection())
        return _stage(
            source,
            protector.plans(plans),
            unread,
            into,
            now=now,
            strict=strict,
            protector=protector,
            progress=progress,
        )
    except BaseException:
        for left in into.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if created:
            into.rmdir()
        raise


def _stage(
    source: str,
    plans: list[FilePlan],
    unread: list[str],
    into: Path,
    *,
    now: int,
    strict: bool,
    protector: Protector,
    progress: Progress | None,
) -> Staged:
    layout = layouts(plans)
    buckets = 1 + sum(p.size for p in plans) // BUCKET
    tables = Tables(into, layout, buckets)
    findings: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    rows: list[int] = []
    rejected: list[int] = []
    for number, plan in enumerate(plans):
        refused = Rejects(into, plan, with_text=protector.keyed is None)
        rows.append(
            _read(
                plan, number, tables, findings, refused, now=now, strict=strict, protector=protector
            )
        )
        reasons += refused.reasons
        rejected.append(refused.reasons.total())
    if not any(rows):
        raise InputError(f"{', '.join(p.file for p in plans)}: there is no row to load")
    for done, name in enumerate(tables.finish(), 1):
        if progress:
            progress(f"merge {name}", done, len(layout))
    shutil.rmtree(into / ".spill", ignore_errors=True)
    account = tables.account
    reports = [
        _file_report(plan, number, rows[number], rejected[number], account)
        for number, plan in enumerate(plans)
    ]
    reports += [
        FileReport(file=f, holds="not read", rows=0, written=0, merged=0, rejected=0)
        for f in unread
    ]
    found = findings + account.findings
    report = LoadReport(
        source=source,
        files=reports,
        findings={name: count for name, count in sorted(found.items()) if count},
        reject_reasons=dict(reasons.most_common()),
        tables={name: tables.counts[name] for name in layout if tables.counts[name]},
        rejects=str(into / REJECTS) if any(rejected) else None,
        protection=protector.report(),
        key_id=protector.keyed.key_id if protector.keyed else None,
        tombstones=protector.tombstones,
    )
    return Staged(
        folder=into,
        tables={name: tuple(parts) for name, parts in tables.parts.items()},
        attributes={n: x.attributes for n, x in layout.items() if len(x.attributes)},
        report=report,
    )


def _read(
    plan: FilePlan,
    number: int,
    tables: Tables,
    findings: Counter[str],
    refused: Rejects,
    *,
    now: int,
    strict: bool,
    protector: Protector,
) -> int:
    """Rows of the file."""
    count = 0
    for batch in plan.reader.batches():
        judged = judge(batch, plan.rows, number, now, protector.checks)
        rejected = pl.concat(judged.rejected)
        if strict and len(rejected):
            first = rejected.sort(LINE).row(0, named=True)
            raise StrictReject(f"{plan.file}:{first[LINE]}: {first['reason']}")
        protector.judged(judged)
        tables.add(judged)
        refused.add(rejected)
        findings.update(judged.findings)
        count += len(batch.frame) + len(batch.broken)
    refused.write()
    return count


def _file_report(
    plan: FilePlan, number: int, rows: int, rejected: int, account: Account
) -> FileReport:
    written, merged = account.written[number], account.merged[number]
    if written + merged + rejected != rows:
        raise KgError(
            f"{plan.file}: {rows} rows came in, {written} + {merged} + {rejected} are accounted for"
        )
    return FileReport(
        file=plan.file,
        holds=plan.holds,
        rows=rows,
        written=written,
        merged=merged,
        rejected=rejected,
    )
