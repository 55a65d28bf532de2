"""A reader's Cypher → rows of plain Python, within a time and a number of rows, and without writes.

The server refuses writes, schema and most administration in a read transaction. What it would let
pass, and what a reader of profiles has no business with (files and URLs through LOAD CSV, ending
other people's transactions, server settings, procedures that administer), is seen in its own plan
of the text before the text is run: a plan has no comments, no quotes and no upper case to hide in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import neo4j
from neo4j.exceptions import Neo4jError

from kg.errors import QueryTimeout, WriteRefused
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.values import plain
from kg.store import PlanStep, QueryResult

SUSPECT = ("csv", "call", "show", "terminate", "\\u")
"""One of these is in every text the server would let pass; Cypher 5 reads \\u0063 as c."""

REFUSED = {
    "LoadCSV": "LOAD CSV reads files and addresses of the server's",
    "TerminateTransactions": "TERMINATE ends other people's work",
    "ShowTransactions": "SHOW TRANSACTIONS shows other people's queries",
    "ShowSettings": "SHOW SETTINGS shows the server's configuration",
    "AdministrationCommand": "administration is not for readers",
}
"""Operators of a plan (Neo4j, Cypher manual, "Operators in detail")."""

PROCEDURES = frozenset(
    {
        "db.awaitIndex",
        "db.awaitIndexes",
        "db.index.fulltext.listAvailableAnalyzers",
        "db.index.fulltext.queryNodes",
        "db.index.fulltext.queryRelationships",
        "db.index.vector.queryNodes",
        "db.index.vector.queryRelationships",
        "db.info",
        "db.labels",
        "db.ping",
        "db.propertyKeys",
        "db.relationshipTypes",
        "db.schema.nodeTypeProperties",
        "db.schema.relTypeProperties",
        "db.schema.visualization",
        "dbms.components",
    }
)
"""Procedures that only read the graph. The server's own READ mode covers some that administer, and
it does not know what a plug-in's procedures do outside the database."""


def query(
    server: Server,
    text: str,
    params: Mapping[str, Any],
    *,
    read_only: bool,
    timeout_s: float,
    max_rows: int,
) -> QueryResult:
    work = partial(_rows, text=text, params=params, max_rows=max_rows)
    try:
        if not read_only:
            return server.write(work, timeout_s=timeout_s)
        if any(word in text.casefold() for word in SUSPECT):
            server.read(partial(_refuse_by_plan, text=text, params=params), timeout_s=timeout_s)
        return server.read(work, timeout_s=timeout_s)
    except QueryTimeout as e:
        raise QueryTimeout(
            f"stopped after its {timeout_s:g} s; ask for less, or allow more time"
        ) from e


def explain(server: Server, text: str, params: Mapping[str, Any]) -> list[PlanStep]:
    """The server's plan of a text, which it does not run."""
    plan = server.read(lambda tx: run(tx, f"EXPLAIN {text}", params).consume().plan)
    return list(_steps(plan, 0))


def _steps(plan: Any, depth: int) -> Iterator[PlanStep]:
    if plan:
        given = plan.get("args", {})
        rows = given.get("EstimatedRows")
        name = plan["operatorType"].split("@")[0]
        details = " ".join(str(given.get("Details", "")).split())
        yield PlanStep(depth, name, details, None if rows is None else float(rows))
        for child in plan.get("children", ()):
            yield from _steps(child, depth + 1)


def _rows(
    tx: neo4j.ManagedTransaction, text: str, params: Mapping[str, Any], max_rows: int
) -> QueryResult:
    result = run(tx, text, params)
    rows = [[plain(value) for value in record] for record in result.fetch(max_rows + 1)]
    columns = list(result.keys())
    result.consume()  # tells the server to drop the rest
    return QueryResult(columns, rows[:max_rows], truncated=len(rows) > max_rows)


def _refuse_by_plan(tx: neo4j.ManagedTransaction, text: str, params: Mapping[str, Any]) -> None:
    """Raises WriteRefused; errors in the text itself are left for its own run to tell."""
    try:
        plan = run(tx, f"EXPLAIN {text}", params).consume().plan
    except Neo4jError as e:
        if e.code == "Neo.ClientError.Statement.ArgumentError":  # it says PROFILE itself
            raise WriteRefused("a text that calls or shows cannot be profiled here") from e
        raise
    for operator, details in _operators(plan):
        if operator in REFUSED:
            raise WriteRefused(f"refused: {REFUSED[operator]}")
        procedure = details.split("(", 1)[0].strip()
        if operator == "ProcedureCall" and procedure not in PROCEDURES:
            raise WriteRefused(f"refused: the procedure {procedure} is not one of those that read")


def _operators(plan: Any) -> Iterator[tuple[str, str]]:
    if plan:
        yield plan["operatorType"].split("@")[0], str(plan.get("args", {}).get("Details", ""))
        for child in plan.get("children", ()):
            yield from _operators(child)
