"""`kg.schema` and a source's own columns → constraints, and notes of what was added."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import neo4j
import pyarrow as pa

from kg.errors import StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import Column
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import Attributes, kind_of
from kg.neo4j_store.release_text import LOCK
from kg.schema import EDGES, NODES, Type


def ensure_schema(server: Server, attributes: Mapping[str, pa.Schema] | None) -> None:
    """Idempotent. Raises StoreError where existing data breaks a constraint, or an attribute has
    another type already."""
    for statement in missing_constraints(server).values():
        server.statement(statement)
    if attributes:
        added = _new(attributes, read_attributes(server))
        if added:
            server.write(partial(_note, added=added))


def missing_constraints(server: Server) -> dict[str, str]:
    """Name and statement of each."""
    there = set(server.read(lambda tx: run(tx, text.CONSTRAINTS).single(strict=True)["names"]))
    return {name: text_ for name, text_ in constraints().items() if name not in there}


def read_attributes(server: Server) -> Attributes:
    """Columns that sources have added, by table."""
    found: dict[str, dict[str, Type]] = {}
    for table, name, type_ in server.read(lambda tx: run(tx, text.READ_ATTRIBUTES).values()):
        found.setdefault(table, {})[name] = Type(type_)
    return found


def constraints() -> dict[str, str]:
    """Key constraints, each with the index that finds by it. A key on relationships too: a second
    load of an event cannot make a second edge, whoever writes."""
    made = {
        (name := f"kg_{n.label}_{n.key}"): text.unique_node(name, n.label, [n.key]) for n in NODES
    }
    made |= {
        (name := f"kg_{e.name}_{e.key}"): text.unique_edge(name, e.name, e.key)
        for e in EDGES
        if e.key is not None
    }
    for label, keys in ((text.ATTRIBUTE, ["table", "name"]), (LOCK, ["name"])):
        name = f"kg_{label}"
        made[name] = text.unique_node(name, label, keys)
    return made


def _new(attributes: Mapping[str, pa.Schema], known: Attributes) -> list[tuple[str, str, Type]]:
    """(table, column, type) of what is neither declared nor noted yet."""
    added = []
    for table, schema in attributes.items():
        columns = kind_of(table, known).columns
        for field in schema:
            type_ = _type(table, field)
            if columns.get(field.name, type_) is not type_:
                raise StoreError(
                    f"{table}.{field.name}: {field.type} was given, "
                    f"{columns[field.name].arrow} is declared"
                )
            text.quoted(field.name)
            if field.name not in columns:
                added.append((table, field.name, type_))
    return added


def _type(table: str, field: pa.Field) -> Type:
    try:
        return Type.of(field.type)
    except KeyError as e:
        known = ", ".join(str(t.arrow) for t in Type)
        raise StoreError(f"{table}.{field.name}: {field.type} is not one of {known}") from e


def _note(tx: neo4j.ManagedTransaction, added: list[tuple[str, str, Type]]) -> None:
    tables, names, types = (Column(c) for c in zip(*added, strict=True))
    run(tx, text.ADD_ATTRIBUTES, tables=tables, names=names, types=types).consume()
