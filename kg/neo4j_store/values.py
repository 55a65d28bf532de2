"""What the driver returns → plain Python a caller can print or put into JSON."""

from __future__ import annotations

from typing import Any

import neo4j
from neo4j.graph import Node, Path, Relationship
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time

_TEMPORAL = (Date, DateTime, Duration, Time)


def plain(value: Any) -> Any:
    """Nodes and relationships as dicts of their properties, a path as the list of both, times as
    ISO 8601 text, points and vectors as lists of numbers."""
    if isinstance(value, (Node, Relationship)):
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, Path):
        steps: list[Any] = [plain(value.start_node)] if value.start_node else []
        for edge, node in zip(value.relationships, value.nodes[1:], strict=True):
            steps += [plain(edge), plain(node)]
        return steps
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, _TEMPORAL):
        return value.iso_format()
    if isinstance(value, Point):
        return list(value)
    if isinstance(value, neo4j.vector.Vector):
        return list(value.to_native())
    if isinstance(value, (bytes, bytearray)):
        return list(value)
    return value
