"""A reader who never looks away: one user after another, each seen whole as one of the states that
may be, or else a mix."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.killed_shop import OURS
from kg.errors import NotFound, StoreUnavailable
from kg.profile import USER_PROFILE
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from kg.stale import MARK
from kg.steady import steady
from kg.store import GraphStore, open_store

PROPERTIES = ", ".join(f"u.{p.name}" for p in USER_PROFILE if p.name != MARK)


class Seen(NamedTuple):
    looks: int
    mixes: list[str]
    """Users, the first few."""


def looks_of(url: str, users: Sequence[str]) -> dict[str, str]:
    """What a reader sees of each user now."""
    with open_store(url, read_only=True) as store:
        return {user: look(store, user) for user in users}


def look(store: GraphStore, user: str) -> str:
    """A hash over the profile and its edges, or that the user is not there."""
    return steady(store, user, lambda: _read(store, user))


def watch(url: str, may_be: Mapping[str, frozenset[str]], control: Connection) -> None:
    """In a process of its own: says `ready`, looks until it is told to stop, then says what it has
    seen. A store that is not there for a moment is opened again."""
    draw, users = random.Random(1), sorted(may_be)
    looks, mixes = 0, []
    control.send("ready")
    while not control.poll():
        try:
            with open_store(url, read_only=True) as store:
                while not control.poll():
                    user = draw.choice(users)
                    if look(store, user) not in may_be[user]:
                        mixes.append(user)
                    looks += 1
        except (StoreUnavailable, NotFound):
            time.sleep(0.02)
    control.send(Seen(looks, mixes[:5]))


def _read(store: GraphStore, user: str) -> str:
    """By several statements, as `kg profile` reads."""
    asked = {"user": user}
    found = [store.query(f"MATCH (u:User {{userId: $user}}) RETURN {PROPERTIES}", asked).rows]
    if not found[0]:
        return "not there"
    for name in OURS:
        edge = EDGE_TABLES[name]
        columns = ", ".join(f"e.{p.name}" for p in edge.type.properties)
        text = (
            f"MATCH (:User {{userId: $user}})-[e:{edge.type.name}]->(x:{edge.dst}) "
            f"RETURN x.{NODE_BY_LABEL[edge.dst].key} AS dst, {columns} ORDER BY dst"
        )
        found.append(store.query(text, asked).rows)
    return blake2b(repr(found).encode(), digest_size=16).hexdigest()
