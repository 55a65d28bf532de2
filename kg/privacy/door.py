"""A store and a policy → what its next load is told of privacy: keys, and who was erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import NotFound
from kg.privacy import tombstones
from kg.privacy.keys import Keyring, configured
from kg.privacy.state import admit_key
from kg.store import GraphStore, open_store

if TYPE_CHECKING:
    from loaders.policy import Policy
    from loaders.protect import Keyed, Protection


def protection_at(url: str, policy: Policy) -> Protection:
    """For a store that may not be there yet. Raises ConfigError where the key is not the store's,
    before a file is read."""
    try:
        with open_store(url, read_only=True) as store:
            return protection(store, policy)
    except NotFound:
        return protection(None, policy)


def protection(store: GraphStore | None, policy: Policy) -> Protection:
    """None is a store that holds nothing."""
    from loaders.protect import Protection

    ring = configured()
    found = None
    if store is not None:
        admit_key(store, ring.id if ring else None)
        found = tombstones.read(store)
    return Protection(
        policy,
        keyed(ring) if ring else None,
        found.erased(ring) if found else None,
        found.count if found else 0,
    )


def keyed(ring: Keyring) -> Keyed:
    from loaders.protect import Keyed

    return Keyed(ring.id, ring.users, ring.events, ring.values)


def policy_at(path: Path | None) -> Policy:
    """The file's rules before the default ones."""
    from loaders.policy import read_policy

    return read_policy(path)
