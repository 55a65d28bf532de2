"""Candidate folder → what readers see, after the gates, in one step. Rolling back is the same step
with an older folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kg.errors import GateFailed, ReleaseError
from kg.gate_case import Case, Thresholds
from kg.gates import check
from kg.guesses import of_the_silent
from kg.privacy.consent import objectors, without
from kg.releases import (
    Card,
    GateResult,
    Publication,
    latest,
    publications,
    read_card,
    read_tables,
    record_publication,
    release_tables,
    versions,
)
from kg.stale import kept_by_publish, marks
from kg.store import GraphStore, WriteCount


@dataclass(frozen=True)
class Published:
    card: Card
    gates: list[GateResult]
    forced: str | None
    written: dict[str, WriteCount]


def publish(
    store: GraphStore,
    releases: Path,
    version: str | None = None,
    *,
    now: int,
    force: str | None = None,
    thresholds: Thresholds | None = None,
) -> Published:
    """Make a release live; the newest where none is named.

    Raises NotFound, ReleaseError (checksums; users gone from the store), GateFailed (unless `force`
    gives a reason, which the release keeps)."""
    version = version or latest(releases)
    card = read_card(releases, version)
    tables = read_tables(releases, version)
    store.ensure_schema()
    seen = _seen_by_readers(store, releases, version)
    gates = check(Case(card.metrics.get("health", {}), tables, seen), thresholds)
    failed = [g for g in gates if not g.passed]
    if failed and not force:
        what = "; ".join(f"{g.gate}: {g.says} (limit {g.threshold:g}){_look(g)}" for g in failed)
        raise GateFailed(
            f"release {version} is not fit to publish: {what}. --force REASON overrides"
        )
    forced = force if failed else None
    # an objection after the training counts all the same
    tables = without(tables, objectors(store))
    users = of_the_silent(store, tables["users"])
    fresh = {**tables, "users": kept_by_publish(users, marks(store), card.created_at)}
    written = store.write_release(release_tables(card, fresh, now=now, forced=forced))
    record_publication(
        releases, version, Publication(at=now, store=store.url, gates=gates, forced=forced)
    )
    return Published(card, gates, forced, written)


def _look(gate: GateResult) -> str:
    return f"; look at {', '.join(gate.users)}" if gate.users else ""


def _seen_by_readers(store: GraphStore, releases: Path, version: str) -> dict[str, pa.Table] | None:
    """Tables of the live release, where it is another and its folder is here."""
    live = live_version(store)
    if live is None or live == version or live not in versions(releases):
        return None
    return read_tables(releases, live)


def roll_back(store: GraphStore, releases: Path, version: str, *, now: int) -> Published:
    """Make a release live again that readers have seen before; gates do not stop it."""
    if not publications(releases, read_card(releases, version).version):
        raise ReleaseError(f"release {version} was never live; kg publish {version} makes it so")
    return publish(store, releases, version, now=now, force="rolled back to")


def live_version(store: GraphStore) -> str | None:
    """The release readers see, or None before the first publish."""
    rows = store.query("MATCH (r:ProfileRelease) WHERE r.status = 'live' RETURN r.version").rows
    if len(rows) > 1:
        raise ReleaseError(f"{len(rows)} live releases; run `kg publish` again")
    return rows[0][0] if rows else None
