"""The schema in the file: `kg.schema`, `kg.profile` and the source's attributes as DDL; and what
is there now.

Two property types are kept in another form than their own, because the engine is slow with them
(measured on 200,000 users and 2 million edges): a vector is a BLOB of float32 (SET on a list column
makes the checkpoint quadratic), and on edges a list of strings is a BLOB of JSON text (COPY of a
list column into an edge table grows with the square of the rows).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from kg.errors import StoreError
from kg.profile import PROFILE_OF
from kg.schema import EDGE_BY_NAME, EDGE_TABLES, NODE_BY_LABEL, EdgeTable, NodeType, Type

RESERVED = frozenset({"_id", "_label", "_src", "_dst"})
"""The engine's own columns, which it would let a source overwrite."""

Columns = dict[str, Type]
Target = NodeType | EdgeTable


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def target(table: str) -> Target:
    """What a table's name stands for. Raises `StoreError` for a name nobody declared."""
    found = NODE_BY_LABEL.get(table) or EDGE_TABLES.get(table)
    if found is None:
        raise StoreError(f"{table}: no such table in kg.schema")
    return found


def holder(target: Target) -> str:
    """The engine's table: a label, or an edge type (which holds all its pairs of labels)."""
    return target.label if isinstance(target, NodeType) else target.type.name


def stored_as(kind: Type, *, on_edge: bool) -> str:
    if kind is Type.VECTOR or (kind is Type.STRINGS and on_edge):
        return "BLOB"
    return kind.value


def _type_of(stored: str, *, on_edge: bool) -> Type:
    if stored == "BLOB":
        return Type.STRINGS if on_edge else Type.VECTOR
    return Type(stored)


def tables(connection: Any) -> set[str]:
    """Labels and edge types that are there."""
    return {row[0] for row in connection.execute("CALL show_tables() RETURN name")}


def columns(connection: Any, name: str) -> Columns:
    """Properties of a label or edge type as they are in the file, key first."""
    rows = connection.execute(f"CALL table_info('{name}') RETURN name, type").get_all()
    on_edge = name in EDGE_BY_NAME
    return {column: _type_of(stored, on_edge=on_edge) for column, stored in rows}


def declared(name: str) -> Columns:
    """Properties of a label or edge type as declared, its profile's included."""
    node = NODE_BY_LABEL.get(name)
    properties = node.columns if node else EDGE_BY_NAME[name].properties
    return {p.name: p.type for p in (*properties, *PROFILE_OF.get(name, ()))}


def attributes(connection: Any) -> dict[str, pa.Schema]:
    """Columns that sources added, by table; only tables that have any."""
    there = tables(connection)
    found = {}
    for table in (*NODE_BY_LABEL, *EDGE_TABLES):
        name = holder(target(table))
        if name in there:
            known = declared(name)
            added = [(c, t.arrow) for c, t in columns(connection, name).items() if c not in known]
            if added:
                found[table] = pa.schema(added)
    return found


def create_table(name: str, properties: Columns, *, called: str | None = None) -> str:
    """DDL of a label or edge type."""
    node = NODE_BY_LABEL.get(name)
    fields = [
        f"{quoted(column)} {stored_as(kind, on_edge=node is None)}"
        for column, kind in properties.items()
    ]
    if node:
        return f"CREATE NODE TABLE {name}({', '.join(fields)}, PRIMARY KEY({node.key}))"
    pairs = [f"FROM {src} TO {dst}" for src, dst in EDGE_BY_NAME[name].pairs]
    return f"CREATE REL TABLE {called or name}({', '.join([*pairs, *fields])})"


def missing(connection: Any, attributes: Mapping[str, pa.Schema]) -> list[str]:
    """DDL that makes the file hold all of the schema and these attributes; empty when it does."""
    wanted = {name: declared(name) for name in (*NODE_BY_LABEL, *EDGE_BY_NAME)}
    for table, schema in attributes.items():
        name = holder(target(table))
        _add_attributes(name, wanted[name], schema)
    there = tables(connection)
    ddl: list[str] = []
    for name, properties in wanted.items():
        if name not in there:
            ddl.append(create_table(name, properties))
        else:
            ddl.extend(_add_columns(name, columns(connection, name), properties))
    return ddl


def _add_attributes(name: str, properties: Columns, schema: pa.Schema) -> None:
    on_edge = name in EDGE_BY_NAME
    for field in schema:
        if not field.name or "\0" in field.name or field.name.lower() in RESERVED:
            raise StoreError(f"{name}: {field.name!r} cannot be a property's name; rename it")
        if on_edge and field.name in ("src", "dst"):
            raise StoreError(f"{name}.{field.name}: the name of an edge's end; rename it")
        try:
            kind = Type.of(field.type)
        except KeyError:
            raise StoreError(f"{name}.{field.name}: no property type for {field.type}") from None
        if on_edge and kind is Type.VECTOR:
            raise StoreError(f"{name}.{field.name}: vectors are kept on nodes only")
        if properties.setdefault(field.name, kind) is not kind:
            raise _another_type(name, field.name, properties[field.name], kind)


def _add_columns(name: str, there: Columns, wanted: Columns) -> Iterator[str]:
    by_lower = {column.lower(): column for column in there}
    for column, kind in wanted.items():
        known = by_lower.get(column.lower())
        if known is None:
            by_lower[column.lower()] = column
            stored = stored_as(kind, on_edge=name in EDGE_BY_NAME)
            yield f"ALTER TABLE {name} ADD {quoted(column)} {stored}"
        elif known != column:
            raise StoreError(
                f"{name}.{column}: the store has {known}, and tells no upper from lower case; "
                "rename one"
            )
        elif there[known] is not kind:
            raise _another_type(name, column, there[known], kind)


def _another_type(name: str, column: str, there: Type, wanted: Type) -> StoreError:
    return StoreError(
        f"{name}.{column}: is {there.value} in the store and {wanted.value} here; rename it here"
    )


def unknown(name: str, asked: Iterable[str], there: Columns) -> None:
    """Raises `StoreError` for columns that are not there."""
    strangers = [c for c in asked if c not in there]
    if strangers:
        raise StoreError(
            f"{name}: no property {', '.join(strangers)}; ensure_schema(attributes=…) adds columns"
        )
