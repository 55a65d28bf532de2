"""A Neo4j server behind `kg.store.GraphStore`."""

from kg.neo4j_store.store import Neo4jStore

__all__ = ["Neo4jStore"]
