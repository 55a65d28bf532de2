"""The driver's and the server's errors → ours, one line each, without a password in it.

Told apart by Neo4j's status code, which both supported server versions send; 5.26 fills GQLSTATUS
with a general 50N42 in most places. Source: Neo4j status codes, https://neo4j.com/docs/status-codes
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from neo4j.exceptions import (
    ConfigurationError,
    ConnectionPoolError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from kg.errors import (
    ConfigError,
    KgError,
    QueryError,
    QueryTimeout,
    StoreError,
    StoreUnavailable,
    WriteRefused,
)

CONSTRAINT = "Neo.ClientError.Schema.ConstraintValidationFailed"

_NO_MEMORY = (
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
    "Neo.TransientError.General.TransactionMemoryLimit",
    "Neo.TransientError.General.OutOfMemoryError",
)
_TIMED_OUT = (
    "Neo.ClientError.Transaction.TransactionTimedOut",
    "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
    "Neo.ClientError.Transaction.LockClientStopped",  # waiting for a lock at the time limit
)
_READ_ONLY = (
    "Neo.ClientError.Statement.AccessMode",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.Security.Forbidden",
)
_NO_DATABASE = (
    "Neo.ClientError.Database.DatabaseNotFound",
    "Neo.ClientError.Database.IllegalDatabaseName",
)


def worth_another_try(error: Exception) -> bool:
    """A deadlock, a lock not had in time, a leader changed: the same work may succeed. What was too
    large for one transaction will be too large again."""
    return isinstance(error, TransientError) and error.code not in _NO_MEMORY


@contextmanager
def in_our_words(url: str, database: str | None) -> Iterator[None]:
    """Raises what the driver raises inside as an error of `kg.errors`."""
    try:
        yield
    except (DriverError, Neo4jError) as e:
        raise translated(e, url, database) from e


def translated(error: DriverError | Neo4jError, url: str, database: str | None) -> KgError:
    if isinstance(error, Neo4jError):
        return _answer(error, url, database)
    if isinstance(error, (ServiceUnavailable, SessionExpired, ConnectionPoolError)):
        return StoreUnavailable(f"no Neo4j answers at {url}: {_why(error, url)}")
    if isinstance(error, ConfigurationError):
        return ConfigError(f"{url}: {_line(str(error))}")
    return StoreError(f"{url}: {type(error).__name__}: {_line(str(error))}")


def _answer(error: Neo4jError, url: str, database: str | None) -> KgError:
    """The server spoke, and said no."""
    code, says = error.code or "", _line(error.message or "")
    if code in _READ_ONLY:
        return WriteRefused(f"refused by {url}: {says}")
    if code in _TIMED_OUT:
        return QueryTimeout(f"stopped at its time limit by {url}; ask for less, or allow more time")
    if code in _NO_DATABASE:
        return ConfigError(f"{url} has no database {database!r}: set NEO4J_DATABASE, or unset it")
    if code.startswith("Neo.ClientError.Security."):
        return ConfigError(
            f"{url} does not let us in: {says} Set NEO4J_USERNAME and NEO4J_PASSWORD "
            "(or NEO4J_PASSWORD_FILE)"
        )
    if code in _NO_MEMORY:
        return StoreError(
            f"{url} has too little memory for one transaction: {says} "
            "Raise server.memory.heap.max_size or dbms.memory.transaction.total.max"
        )
    if code.startswith(("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.")):
        return QueryError(says)
    if code.endswith("DatabaseUnavailable"):
        return StoreUnavailable(f"{url} is up, its database is not: {says}")
    return StoreError(f"{url}: {says} ({code})")


def _why(error: BaseException, url: str) -> str:
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        secure = url.replace("+s://", "+ssc://", 1)
        return (
            f"its certificate is not trusted ({root.verify_message}); NEO4J_CA_FILE names the "
            f"authority it is from, and {secure} trusts any"
        )
    if isinstance(root, ssl.SSLError):
        return "it does not speak TLS there; without encryption the URL has no +s"
    if isinstance(root, TimeoutError):
        return "connected, and nothing came; is that the Bolt port (7687)?"
    if isinstance(root, OSError):
        return f"{root.strerror or root}; is it running, and is that its Bolt port?"
    return _line(str(root)) or type(root).__name__


def _root(error: BaseException) -> BaseException:
    """The first cause, through the driver's wrappers and groups."""
    while True:
        inner = error.exceptions[-1] if isinstance(error, BaseExceptionGroup) else error.__cause__
        if inner is None:
            return error
        error = inner


def _line(message: str) -> str:
    """The first line: what follows it is the query's text with a mark under it."""
    return message.strip().split("\n", 1)[0]
