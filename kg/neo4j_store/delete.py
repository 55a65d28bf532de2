"""Nodes and all their edges, gone in transactions that a server can hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import neo4j

from kg.neo4j_store import text
from kg.neo4j_store.columns import Column
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import NodeKind
from kg.neo4j_store.rows import TRANSACTION_ROWS
from kg.store import WriteCount

USERS = 500
"""Of one transaction: each takes all its edges along."""


def delete_users(server: Server, kind: NodeKind, user_ids: Sequence[str]) -> WriteCount:
    """A block of users goes in one transaction; where it has too many edges for one, the edges go
    first, and a call that was cut off is run again."""
    ids = sorted(set(user_ids))
    deleted = 0
    for start in range(0, len(ids), USERS):
        keys = Column(ids[start : start + USERS])
        edges = server.read(partial(_attached, kind=kind, keys=keys))
        while edges > TRANSACTION_ROWS:
            edges -= server.write(partial(_detach, kind=kind, keys=keys))
        deleted += server.write(partial(_delete, kind=kind, keys=keys))
    return WriteCount(deleted=deleted, unchanged=len(ids) - deleted)


def _attached(tx: neo4j.ManagedTransaction, kind: NodeKind, keys: Column) -> int:
    return int(run(tx, text.attached(kind), keys=keys).single(strict=True)["edges"])


def _detach(tx: neo4j.ManagedTransaction, kind: NodeKind, keys: Column) -> int:
    """A transaction's worth of the nodes' edges; how many are gone."""
    result = run(tx, text.detach_some(kind), keys=keys, size=TRANSACTION_ROWS)
    return result.consume().counters.relationships_deleted or TRANSACTION_ROWS


def _delete(tx: neo4j.ManagedTransaction, kind: NodeKind, keys: Column) -> int:
    return run(tx, text.delete_nodes(kind), keys=keys).consume().counters.nodes_deleted
