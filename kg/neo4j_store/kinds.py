"""A table's name → what it is in the graph: its labels, its key, the columns it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kg.errors import StoreError
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable, NodeType, Type

Attributes = Mapping[str, Mapping[str, Type]]
"""Columns that sources have added, by table."""


@dataclass(frozen=True)
class NodeKind:
    type: NodeType
    columns: Mapping[str, Type]

    @property
    def name(self) -> str:
        return self.type.label

    @property
    def key(self) -> tuple[str, ...]:
        return (self.type.key,)


@dataclass(frozen=True)
class EdgeKind:
    table: EdgeTable
    columns: Mapping[str, Type]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> tuple[str, ...]:
        return self.table.key

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns no row can do without."""
        return tuple(dict.fromkeys((SRC, DST, *self.key)))


def kind_of(table: str, attributes: Attributes) -> NodeKind | EdgeKind:
    """Raises StoreError for a name the schema does not have."""
    added = attributes.get(table, {})
    if (node := NODE_BY_LABEL.get(table)) is not None:
        profile = {p.name: p.type for p in PROFILE_OF.get(table, ())}
        return NodeKind(node, {p.name: p.type for p in node.columns} | profile | dict(added))
    return edge_kind(table, attributes)


def node_kind(label: str, attributes: Attributes) -> NodeKind:
    kind = kind_of(label, attributes)
    if not isinstance(kind, NodeKind):
        raise StoreError(f"{label!r} is an edge table, and a node label is needed")
    return kind


def edge_kind(table: str, attributes: Attributes) -> EdgeKind:
    edges = EDGE_TABLES.get(table)
    if edges is None:
        raise StoreError(
            f"no table {table!r}; the schema has {', '.join((*NODE_BY_LABEL, *EDGE_TABLES))}"
        )
    # attributes belong to the type: a type of several pairs has one set of properties
    added = attributes.get(table, {})
    return EdgeKind(edges, {p.name: p.type for p in edges.columns} | dict(added))
