"""Candidates and releases as folders: Parquet tables, weights and `card.json`, with checksums.

    <releases>/<version>/
        card.json                       what was trained, on what, how good (a `Card`)
        users.parquet items.parquet     profile properties
        edges/INTERESTED_IN.*.parquet   and SIMILAR_TO
        categories.parquet …            derived categories, where the source has none
        reliability.svg                 chances said beside what came true
        model/                          checkpoint
        SHA256SUMS                      of all the above
        publications.jsonl              when it was made live, where, with which gates

A folder appears whole or not at all (written beside its place, then renamed), and is read only
after its checksums agree. After that only `publications.jsonl` grows.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from kg.errors import NotFound, ReleaseError
from kg.files import PART, append_line, sweep, work_folder
from kg.schema import NODE_BY_LABEL
from kg.store import ReleaseTables

SUMS = "SHA256SUMS"
PUBLICATIONS = "publications.jsonl"
READY = ".exchange"
DRAFT, GOING = ".draft-", ".going-"
"""Folders that are being written, and removed."""
KEPT = "model/kept_interactions.parquet"
"""What users took up, by which the linear filter scores others."""


class GateResult(BaseModel):
    gate: str
    passed: bool
    figure: float | None
    threshold: float | None
    says: str
    users: list[str] = []
    """Some of those to look at, where the gate failed"""


class Publication(BaseModel):
    """One time a release was made live."""

    at: int
    store: str
    gates: list[GateResult]
    forced: str | None = None
    """The reason given where a gate said no."""


class Card(BaseModel):
    """The model card: everything about a release that is not a table. JSON names are camelCase."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    format: Literal[1] = 1
    version: str
    created_at: int
    as_of: int | None
    horizon_days: int | None
    store: str
    graph: dict[str, int]
    """Rows trained on, by table."""
    graph_hash: str
    config: dict[str, Any]
    config_hash: str
    seed: int
    encoder: str | None
    """Fingerprint of the text encoder; null where the graph has no text."""
    software: dict[str, str]
    pseudonym_key: str | None = None
    """Name of the keys its users' ids went through; null where they are the source's own."""
    metrics: dict[str, Any]


def version_at(now: int) -> str:
    """Release version for a moment: sorts by time, reads as one."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")


def free_version(folder: Path, now: int) -> str:
    """`version_at` the first second from `now` on that names nothing in `folder` yet."""
    while (folder / version_at(now)).exists():
        now += 1
    return version_at(now)


def config_hash(config: dict[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def save(
    releases: Path,
    card: Card,
    tables: dict[str, pa.Table],
    write_model: Callable[[Path], None],
    figures: Mapping[str, str] | None = None,
) -> Path:
    """Write a candidate. `tables`: users, items, categories, item_category and `edges/<table>`;
    `write_model` fills the folder it is given; `figures` are texts by file name. Raises
    ReleaseError if the version exists."""
    target = releases / card.version
    if target.exists():
        raise ReleaseError(f"{target}: this version exists already")
    try:
        releases.mkdir(parents=True, exist_ok=True)
        with work_folder(releases, DRAFT) as folder:
            (folder / "edges").mkdir()
            (folder / "model").mkdir()
            for name, table in tables.items():
                pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
            for name, text in (figures or {}).items():
                (folder / name).write_text(text, encoding="utf-8")
            write_model(folder / "model")
            _write_card(folder, card)
            _seal(folder)
            os.rename(folder, target)
    except OSError as e:
        raise ReleaseError(
            f"{target}: cannot be written: {e.strerror or e}; free some space or name another "
            "folder (--releases)"
        ) from e
    return target


def _write_card(folder: Path, card: Card) -> None:
    data = card.model_dump(by_alias=True)
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def _seal(folder: Path) -> None:
    lines = [f"{_sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in _sealed(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def exchange(folder: Path, tables: dict[str, pa.Table], card: Card | None = None) -> None:
    """Put other tables, and another card, in a release's place, all or none; for privacy (rows that
    go, ids under another key), and for nothing else. A run that dies half-way is finished by the
    next reader."""
    draft, ready = folder / ".draft", folder / READY
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(folder, draft, copy_function=os.link, ignore=shutil.ignore_patterns(".draft"))
    for name, table in tables.items():
        path = draft / f"{name}.parquet"
        path.unlink()
        pq.write_table(table, path, compression="zstd")
    if card is not None:
        (draft / "card.json").unlink()
        _write_card(draft, card)
    (draft / SUMS).unlink()
    _seal(draft)
    draft.rename(ready)
    _finish_exchange(folder)


def _finish_exchange(folder: Path) -> None:
    ready = folder / READY
    if ready.is_dir():
        for path in [*_sealed(ready), ready / SUMS]:
            if path.exists():
                path.replace(folder / path.relative_to(ready))
        shutil.rmtree(ready)


def _sealed(folder: Path) -> list[Path]:
    """Files whose content never changes."""
    loose = {SUMS, PUBLICATIONS}
    drafts = (folder / ".draft", folder / READY)
    return [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in loose and not any(p.is_relative_to(d) for d in drafts)
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def versions(releases: Path) -> list[str]:
    """All versions in the folder, oldest first."""
    if not releases.is_dir():
        return []
    return sorted(p.parent.name for p in releases.glob("*/card.json"))


def latest(releases: Path) -> str:
    found = versions(releases)
    if not found:
        raise NotFound(f"no release in {releases}: run `kg train` first")
    return found[-1]


def read_card(releases: Path, version: str) -> Card:
    path = releases / version / "card.json"
    if not path.is_file():
        known = ", ".join(versions(releases)) or "none"
        raise NotFound(f"no release {version!r} in {releases} (there: {known})")
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as e:
        raise ReleaseError(f"{path}: {e.errors()[0]['msg']} at {e.errors()[0]['loc']}") from e


def record_publication(releases: Path, version: str, publication: Publication) -> None:
    path = releases / version / PUBLICATIONS
    try:
        with path.open("ab", buffering=0) as file:
            append_line(file, publication.model_dump_json().encode() + b"\n")
    except OSError as e:
        raise ReleaseError(
            f"release {version} is live, but {path} cannot be written: {e.strerror}; publish it "
            "again when that is mended"
        ) from e


def publications(releases: Path, version: str) -> list[Publication]:
    path = releases / version / PUBLICATIONS
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Publication.model_validate_json(line) for line in lines]


def remove(releases: Path, version: str) -> int:
    """A release's folder is gone, at once for readers; returns the bytes it held. Raises
    NotFound."""
    read_card(releases, version)
    folder = releases / version
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    # a half-removed one would look like a changed one
    folder.rename(folder.with_name(f"{GOING}{version}{PART}"))
    sweep(releases, GOING)
    return size


def verify(folder: Path) -> None:
    """Raises ReleaseError naming the first file whose checksum is not what was written."""
    _finish_exchange(folder)
    sums = folder / SUMS
    if not sums.is_file():
        raise ReleaseError(f"{sums} is missing: the release cannot be trusted; train a new one")
    listed = {}
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ", 1)
        listed[name] = digest
    for path in _sealed(folder):
        name = path.relative_to(folder).as_posix()
        if listed.pop(name, None) != _sha256(path):
            raise ReleaseError(f"{path} is not the file that was written; train a new release")
    if listed:
        raise ReleaseError(f"{folder / next(iter(listed))} is missing; train a new release")


def read_tables(releases: Path, version: str) -> dict[str, pa.Table]:
    """All tables of a release by name, after its checksums agreed."""
    folder = releases / version
    read_card(releases, version)
    verify(folder)
    return {
        path.relative_to(folder).with_suffix("").as_posix(): pq.read_table(path)
        for path in _sealed(folder)
        if path.suffix == ".parquet" and "model" not in path.relative_to(folder).parts
    }


def release_tables(
    card: Card, tables: dict[str, pa.Table], *, now: int, forced: str | None
) -> ReleaseTables:
    """What the store is given to make this release live."""
    row = {
        "version": card.version,
        "createdAt": card.created_at,
        "publishedAt": now,
        "asOf": card.as_of,
        "horizonDays": card.horizon_days,
        "status": "live",
        "metrics": json.dumps(card.metrics, ensure_ascii=False, allow_nan=False),
        "configHash": card.config_hash,
        "graphHash": card.graph_hash,
        "forced": forced,
    }
    schema = NODE_BY_LABEL["ProfileRelease"].arrow
    return ReleaseTables(
        release=pa.table({f.name: pa.array([row.get(f.name)], f.type) for f in schema}),
        users=tables["users"],
        items=tables["items"],
        edges={n.removeprefix("edges/"): t for n, t in tables.items() if n.startswith("edges/")},
        categories=tables.get("categories"),
        item_category=tables.get("item_category"),
    )
