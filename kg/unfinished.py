"""A publish that was cut off: whether there is one, and how it is ended.

The embedded store publishes in one transaction and knows no such state; on a server a publish is a
series of transactions, and the release says `writing` meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from kg.errors import ReleaseError
from kg.publish import Published, live_version, publish, roll_back
from kg.releases import publications, verify, versions
from kg.store import GraphStore

WRITING = "MATCH (r:ProfileRelease) WHERE r.status = 'writing' RETURN r.version, r.forced"


def unfinished(store: GraphStore) -> str | None:
    """The release that is being written, or whose writing was cut off."""
    found = store.query(WRITING).rows
    return max(row[0] for row in found) if found else None


def settle(store: GraphStore, releases: Path, *, now: int) -> Published | None:
    """End a publish that was cut off: finish it where its folder is here and whole, else go back to
    the release that was live. None where there is nothing to end.

    Raises StoreUnavailable while its writer is alive, ReleaseError where neither folder is here."""
    version = unfinished(store)
    if version is None:
        return None
    live = live_version(store)
    if _is_whole(releases, version):
        return publish(store, releases, version, now=now, force=_reason(store, version))
    if live is not None and _is_whole(releases, live) and publications(releases, live):
        return roll_back(store, releases, live, now=now)
    raise ReleaseError(
        f"{store.url}: writing release {version} was cut off, and neither its folder nor that of "
        f"the live release is in {releases}; name the folder that has one, or kg retrain"
    )


def _is_whole(releases: Path, version: str) -> bool:
    if version not in versions(releases):
        return False
    try:
        verify(releases / version)
    except ReleaseError:
        return False
    return True


def _reason(store: GraphStore, version: str) -> str:
    """What its publisher said where a gate failed."""
    forced = {row[0]: row[1] for row in store.query(WRITING).rows}
    return forced.get(version) or "finished after it was cut off"
