"""A graph that was loaded once, put back as it was: a load through the store costs the server ten
times that, since it plans every statement anew for a graph that was empty a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import neo4j

from kg.store import GraphStore, open_store
from tests.neo4j_server.wipe import session_at, wipe

NODES = "MATCH (n) RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties"
EDGES = """
MATCH (a)-[e]->(b)
RETURN elementId(a) AS src, elementId(b) AS dst, type(e) AS type, properties(e) AS properties
"""
INDEXES = "SHOW INDEXES YIELD type, createStatement WHERE type = 'VECTOR' RETURN createStatement"
PUT_BACK = """
UNWIND $nodes AS node CREATE (n:$(node.labels)) SET n = node.properties
WITH collect(n) AS made
UNWIND $edges AS edge WITH made[edge.src] AS a, made[edge.dst] AS b, edge
CREATE (a)-[e:$(edge.type)]->(b) SET e = edge.properties
"""


@dataclass(frozen=True)
class Graph:
    """Its nodes, its edges with the places of their ends among the nodes, its vector indexes."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    indexes: list[str]


class Graphs:
    """What the server at `url` may hold, by name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._kept: dict[str, Graph] = {}

    def have(self, name: str, load: Callable[[GraphStore], None]) -> str:
        """The server's URL, now that it holds what `load` puts into an empty store and no more."""
        wipe(self.url)
        if name in self._kept:
            with session_at(self.url) as session:
                put_back(session, self._kept[name])
        else:
            with open_store(self.url) as store:
                load(store)
            with session_at(self.url) as session:
                self._kept[name] = read(session)
        return self.url


def read(session: neo4j.Session) -> Graph:
    nodes = session.run(NODES).data()
    place = {node.pop("id"): k for k, node in enumerate(nodes)}
    edges = session.run(EDGES).data()
    for edge in edges:
        edge["src"], edge["dst"] = place[edge["src"]], place[edge["dst"]]
    return Graph(nodes, edges, session.run(INDEXES).value())


def put_back(session: neo4j.Session, graph: Graph) -> None:
    session.run(PUT_BACK, nodes=graph.nodes, edges=graph.edges).consume()
    for statement in graph.indexes:
        session.run(statement).consume()
    if graph.indexes:
        session.run("CALL db.awaitIndexes(60)").consume()
