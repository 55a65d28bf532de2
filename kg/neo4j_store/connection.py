"""A URL and the environment → an open Neo4j server, whose transactions are tried again."""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import uniform
from typing import Any, TypeVar
from urllib.parse import urlsplit

import neo4j
from neo4j.exceptions import Neo4jError

from kg.config import Neo4jSettings
from kg.errors import ConfigError
from kg.neo4j_store.errors import in_our_words, worth_another_try
from kg.neo4j_store.text import VERSION

OLDEST = (5, 26)
"""First version whose Cypher has all we write: sub-queries as CALL (x) {}."""

CONNECT_S = 5.0
"""A server that does not answer is reported after this."""
RETRY_S = 60.0
"""Deadlocks and lost leaders are tried again for this long after the first failure."""

T = TypeVar("T")
Work = Callable[[neo4j.ManagedTransaction], T]

# the driver logs every retry; where the application set up no logging, keep that off the terminal
logging.getLogger("neo4j").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Server:
    """An open driver. Everything we send goes through `read` and `write`."""

    url: str
    database: str | None
    version: tuple[int, ...]
    driver: neo4j.Driver
    bookmarks: neo4j.api.BookmarkManager
    writers: int = 1
    """Threads of a bulk load; each has a session, and so a connection, of its own."""

    def read(self, work: Work[T], *, timeout_s: float | None = None) -> T:
        """Run `work` in a read transaction, which the server lets change nothing."""
        bounded = neo4j.unit_of_work(timeout=timeout_s)(work)
        with in_our_words(self.url, self.database), self.session() as session:
            return session.execute_read(bounded)

    def write(self, work: Work[T], *, again: tuple[str, ...] = (), timeout_s: float = 0) -> T:
        """Run `work` in one transaction: all of it or nothing. It may run more than once, so it
        keeps nothing between runs. `again` names status codes worth another try besides deadlocks.

        The driver's own retries (Python driver manual, "Transactions") end after seconds, so that a
        missing server is reported; a deadlock deserves more patience than that."""
        bounded = neo4j.unit_of_work(timeout=timeout_s or None)(work)
        with in_our_words(self.url, self.database), self.session() as session:
            end: float | None = None
            for pause in _pauses():
                try:
                    return session.execute_write(bounded)
                except Neo4jError as e:
                    end = end or time.monotonic() + RETRY_S
                    if not (worth_another_try(e) or e.code in again) or time.monotonic() > end:
                        raise
                    time.sleep(pause)
        raise AssertionError("unreachable: the pauses have no end")

    def statement(self, text: str) -> None:
        """A schema statement, which may not share its transaction with data."""
        self.write(lambda tx: run(tx, text).consume())

    def watermark(self) -> frozenset[str]:
        """Changes with every transaction the server commits."""
        with in_our_words(self.url, self.database), self.session() as session:
            session.execute_read(lambda tx: run(tx, "RETURN 1").consume())
            return session.last_bookmarks().raw_values

    def session(self) -> neo4j.Session:
        return self.driver.session(database=self.database, bookmark_manager=self.bookmarks)

    def close(self) -> None:
        self.driver.close()


def run(
    tx: neo4j.ManagedTransaction,
    text: str,
    given: Mapping[str, Any] | None = None,
    /,
    **params: Any,
) -> neo4j.Result:
    """One statement; a text of ours is a constant, or made of schema names that were quoted."""
    return tx.run(text, {**(given or {}), **params})


def connect(url: str) -> Server:
    """Raises ConfigError (URL, credentials, database, version) or StoreUnavailable, within about
    CONNECT_S."""
    _check(url)
    settings = Neo4jSettings()
    secret = settings.secret()
    driver_url, trust = _trusting(url, settings.ca_file)
    with in_our_words(url, settings.database):
        driver = neo4j.GraphDatabase.driver(
            driver_url,
            **trust,
            auth=None if secret is None else (settings.username, secret),
            connection_timeout=CONNECT_S,
            connection_acquisition_timeout=CONNECT_S,
            max_transaction_retry_time=CONNECT_S,
            notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
            telemetry_disabled=True,
            user_agent="kg-profiles",
        )
        try:
            version = _version(driver, url, settings.database)
        except BaseException:
            driver.close()
            raise
    bookmarks = neo4j.GraphDatabase.bookmark_manager()
    return Server(url, settings.database, version, driver, bookmarks, settings.writers)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as e:
        raise ConfigError(f"store URL: {e}; it looks like bolt://HOST:7687") from e
    if "@" in parts.netloc:
        # the URL itself may hold a password: name only the place
        raise ConfigError(
            f"store URL for {host}: credentials do not belong there; "
            "set NEO4J_USERNAME and NEO4J_PASSWORD (or NEO4J_PASSWORD_FILE)"
        )
    if not host:
        raise ConfigError(f"store URL {url!r} names no host; it looks like bolt://HOST:7687")
    if parts.path.strip("/"):
        raise ConfigError(f"store URL {url!r} has a path; a database is named by NEO4J_DATABASE")


def _trusting(url: str, ca_file: Path | None) -> tuple[str, dict[str, Any]]:
    """The URL and settings by which the driver trusts authorities of our own choice: it takes them
    with a plain scheme only, and then encrypts as `+s` would. Raises ConfigError."""
    scheme, rest = url.split("://", 1)
    if ca_file is None or not scheme.endswith("+s"):
        return url, {}
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as e:  # an SSLError is one
        why = e.strerror if isinstance(e, FileNotFoundError) else "no certificates (PEM) in it"
        raise ConfigError(f"NEO4J_CA_FILE={ca_file}: {why}") from e
    trusted = neo4j.TrustCustomCAs(str(ca_file))
    plain = f"{scheme.removesuffix('+s')}://{rest}"
    return plain, {"encrypted": True, "trusted_certificates": trusted}


def _version(driver: neo4j.Driver, url: str, database: str | None) -> tuple[int, ...]:
    """One auto-commit statement, so that a missing server is not asked again."""
    with driver.session(database=database) as session:
        return supported(session.run(VERSION).single(strict=True)["version"], url)


def supported(said: str, url: str) -> tuple[int, ...]:
    """`2026.09.0` → (2026, 9, 0). Raises ConfigError for a server that is too old."""
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:3])
    if version < OLDEST:
        raise ConfigError(f"{url} is Neo4j {said}; {'.'.join(map(str, OLDEST))} or newer is needed")
    return version


def _pauses() -> Iterator[float]:
    """0.1 s, doubling to 3 s, each spread by half so that two writers do not meet again."""
    pause = 0.1
    while True:
        yield uniform(pause / 2, pause)  # noqa: S311 - spreads retries, guards nothing
        pause = min(pause * 2, 3.0)
