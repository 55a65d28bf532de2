"""What a store says of its own pseudonyms, and who may write to it: the `Protection` node."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow as pa

from kg.errors import ConfigError
from kg.privacy.keys import Keyring, configured, depth_of, is_pseudonym
from kg.schema import NODE_BY_LABEL
from kg.store import GraphStore

_NODE = NODE_BY_LABEL["Protection"]
NAME = "pseudonyms"
_READ = (
    f"MATCH (p:Protection {{name: '{NAME}'}}) RETURN p.keyId AS k, p.nextKeyId AS n, p.since AS s"
)


@dataclass(frozen=True)
class Pseudonyms:
    """The ring that a store's ids went through."""

    key_id: str | None
    """None while a store of plain ids is being re-keyed."""
    next_key_id: str | None
    since: int


def pseudonyms(store: GraphStore) -> Pseudonyms | None:
    """None where users have their source's ids."""
    if not store.counts().get(_NODE.label):
        return None
    rows = store.query(_READ).rows
    return Pseudonyms(*rows[0]) if rows else None


def write(store: GraphStore, said: Pseudonyms) -> None:
    store.upsert(_NODE.label, as_table(said))


def as_table(said: Pseudonyms) -> pa.Table:
    """The one row of the node."""
    row = {"name": NAME, "keyId": said.key_id, "nextKeyId": said.next_key_id, "since": said.since}
    schema = _NODE.arrow
    return pa.table({f.name: pa.array([row[f.name]], f.type) for f in schema}, schema)


def admit(
    store: GraphStore, key_id: str | None, tombstones: int = 0, *, now: int | None = None
) -> None:
    """Before anything of a load is written: its ids must be of the store's own kind, and it must
    have known of all `tombstones`. The first load of an empty store decides. Raises ConfigError."""
    said = admit_key(store, key_id)
    there = store.counts().get("Tombstone", 0)
    if there > tombstones:
        raise ConfigError(
            f"{store.url} has {there} tombstones of erased users, and this load knew of "
            f"{tombstones}: read the files again"
        )
    if said is None and key_id is not None:
        write(store, Pseudonyms(key_id, None, int(time.time()) if now is None else now))


def admit_key(store: GraphStore, key_id: str | None) -> Pseudonyms | None:
    """Whether ids of this key may go into the store; writes nothing."""
    said = pseudonyms(store)
    refuse_unfinished(store, said)
    if said is None and key_id is not None and store.counts().get("User"):
        raise ConfigError(
            f"{store.url} holds its users' plain ids, and KG_PSEUDONYM_KEY_FILE is set: load "
            "without it, or make them pseudonyms first with `kg keys rotate`"
        )
    if said is not None and said.key_id != key_id:
        raise ConfigError(_other_key(store, str(said.key_id), key_id))
    return said


def refuse_unfinished(store: GraphStore, said: Pseudonyms | None) -> None:
    if said is not None and said.next_key_id is not None:
        raise ConfigError(
            f"{store.url}: a rotation of its keys was cut off; run the same `kg keys rotate` again"
        )


def _other_key(store: GraphStore, wanted: str, given: str | None) -> str:
    has = "there is none: set KG_PSEUDONYM_KEY_FILE" if given is None else f"this is {given}"
    return f"{store.url} holds pseudonyms of key {wanted}, and {has}"


def ring_of(store: GraphStore, said: Pseudonyms | None) -> Keyring | None:
    """The ring this store's ids went through, from the settings. None where it holds plain ids.
    Raises ConfigError where the settings have another, or none."""
    if said is None or said.key_id is None:
        return None
    ring = configured()
    if ring is None or ring.id != said.key_id:
        raise ConfigError(_other_key(store, said.key_id, ring.id if ring else None))
    return ring


def stored_ids(store: GraphStore, users: list[str]) -> list[str]:
    """Users' ids as this store has them: the source's own are hashed, pseudonyms stay. Raises
    ConfigError where the store's key is needed and not there."""
    said = pseudonyms(store)
    if said is None or said.key_id is None:
        return users
    depth = depth_of(said.key_id)
    if all(is_pseudonym(u, depth) for u in users):
        return users
    ring = ring_of(store, said)
    assert ring is not None
    return [u if is_pseudonym(u, depth) else ring.user(u) for u in users]


def stored_id(store: GraphStore, user: str) -> str:
    """The same for one."""
    return stored_ids(store, [user])[0]
