"""The embedded store: a property graph in one file, no server.

`store` is the door; `engine` opens the file and `lock` keeps readers and the writer apart;
`catalog` is the schema in the file, `columns` and `encoding` the form of values in it; `tables`,
`load`, `release` and `export` move whole tables; `query` and `guard` are a reader's Cypher.
"""

from kg.ladybug_store.store import LadybugStore

__all__ = ["LadybugStore"]
