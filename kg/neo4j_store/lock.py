"""One publishes at a time: a lock that the server lets go of when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from neo4j.exceptions import Neo4jError

from kg.errors import QueryTimeout, StoreUnavailable
from kg.neo4j_store import release_text as text
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.errors import in_our_words

PATIENCE_S = 5.0
DAY_S = 86_400.0


@contextmanager
def publishing(server: Server) -> Iterator[None]:
    """A transaction that holds the lock node and changes nothing stays open meanwhile; the server
    ends it when the connection breaks. Raises StoreUnavailable where another publishes."""
    server.write(lambda tx: run(tx, text.MAKE_LOCK).consume())
    try:
        server.write(lambda tx: run(tx, text.TAKE_LOCK).consume(), timeout_s=PATIENCE_S)
    except QueryTimeout as e:
        raise StoreUnavailable(
            f"{server.url}: another process is publishing; wait for it to end"
        ) from e
    with in_our_words(server.url, server.database), server.session() as session:
        holding = session.begin_transaction(timeout=DAY_S)
        holding.run(text.TAKE_LOCK).consume()
        try:
            yield
        finally:
            with suppress(Neo4jError):  # taken away at the server's own time limit, it is let go of
                holding.rollback()
