"""Emptying the server between tests; its credentials are in the environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import neo4j

from kg.config import Neo4jSettings

WIPE = "KG_TEST_WIPE"
"""Must be 1 before a server that holds somebody's data is used for tests."""


def is_empty(url: str) -> bool:
    with session_at(url) as session:
        return session.run("MATCH (n) RETURN n LIMIT 1").single() is None


def wipe(url: str, *, schema: bool = False) -> None:
    """Removes all data and the vector indexes that publishes made; with `schema` the constraints
    and all other indexes too."""
    with session_at(url) as session:
        # edges first: 5,000 nodes may have more of them than one transaction holds
        for what in ("()-[x]->()", "(x)"):
            session.run(
                f"MATCH {what} CALL (x) {{ DELETE x }} IN TRANSACTIONS OF 20000 ROWS"
            ).consume()
        if schema:
            for name in session.run("SHOW CONSTRAINTS YIELD name").value():
                session.run(f"DROP CONSTRAINT `{name}` IF EXISTS").consume()
        kinds = "type <> 'LOOKUP'" if schema else "type = 'VECTOR'"
        for name in session.run(f"SHOW INDEXES YIELD name, type WHERE {kinds}").value():
            session.run(f"DROP INDEX `{name}` IF EXISTS").consume()


@contextmanager
def session_at(url: str) -> Iterator[neo4j.Session]:
    settings = Neo4jSettings()
    secret = settings.secret()
    auth = None if secret is None else (settings.username, secret)
    with (
        neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver,
        driver.session(database=settings.database) as session,
    ):
        yield session
