"""The graph, declared once: node and relationship types with their typed properties.

Both stores' DDL, the checks on loaded tables and the README's tables come from here. Labels are
CamelCase, types UPPER_SNAKE, properties camelCase, times UTC epoch seconds (INT64), so that one
query text runs on both stores.

A *table* is what moves: an Arrow table named after a node label ("User") or an edge table. An edge
type that joins one pair of labels is one edge table of the same name ("RATED"); one that joins
several has a table per pair ("INTERESTED_IN.Category", "INTERESTED_IN.Item"). Node tables carry the
key column first; edge tables carry the two keys as the string columns `src` and `dst`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

SRC, DST = "src", "dst"


class Type(StrEnum):
    """Property types both stores can hold and give back unchanged."""

    STRING = "STRING"
    INT64 = "INT64"
    DOUBLE = "DOUBLE"
    BOOL = "BOOL"
    STRINGS = "STRING[]"
    VECTOR = "FLOAT[]"  # float32, all rows of one width; Ladybug keeps it as a BLOB (facts: fast)

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW[self]

    @classmethod
    def of(cls, arrow: pa.DataType) -> Type:
        """The property type an Arrow column is stored as. Raises KeyError if there is none."""
        if pa.types.is_fixed_size_list(arrow):
            return cls.VECTOR
        for kind, known in _ARROW.items():
            if known == arrow:
                return kind
        raise KeyError(arrow)


_ARROW: dict[Type, pa.DataType] = {
    Type.STRING: pa.string(),
    Type.INT64: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.STRINGS: pa.list_(pa.string()),
    Type.VECTOR: pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class Property:
    name: str
    type: Type
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class NodeType:
    label: str
    key: str
    meaning: str
    properties: tuple[Property, ...] = ()

    @property
    def columns(self) -> tuple[Property, ...]:
        """Key first, then the declared properties."""
        return (Property(self.key, Type.STRING, "key"), *self.properties)

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([(p.name, p.type.arrow) for p in self.columns])


@dataclass(frozen=True)
class EdgeType:
    name: str
    pairs: tuple[tuple[str, str], ...]
    meaning: str
    properties: tuple[Property, ...] = ()
    key: str | None = None
    """The property that tells two edges between the same nodes apart (`eventId`); None where a pair
    of nodes has at most one edge of this type."""
    undirected: bool = False
    """Stored once with src < dst and read both ways."""
    written_by_us: bool = False
    """Inferred by a release; no loader may carry it."""


@dataclass(frozen=True)
class EdgeTable:
    """One (type, pair of labels): what is loaded, exported and replaced as a table."""

    name: str
    type: EdgeType
    src: str
    dst: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.type.key,) if self.type.key else (SRC, DST)

    @property
    def columns(self) -> tuple[Property, ...]:
        return (
            Property(SRC, Type.STRING, f"{self.src} key"),
            Property(DST, Type.STRING, f"{self.dst} key"),
            *self.type.properties,
        )

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([(p.name, p.type.arrow) for p in self.columns])


def _p(name: str, type_: Type, meaning: str, unit: str = "") -> Property:
    return Property(name, type_, meaning, unit)


S, I, D, B = Type.STRING, Type.INT64, Type.DOUBLE, Type.BOOL  # noqa: E741

_EVENT = (
    _p("eventId", S, "stable id of the source row; a second load of it changes nothing"),
    _p("at", I, "when; null where the source has no times", "epoch s"),
    _p("weight", D, "an opinion's place on its scale, 0 worst to 1 best; otherwise a count or 1"),
)  # fmt: skip

NODES: tuple[NodeType, ...] = (
    NodeType("User", "userId", "a customer, reviewer or member", (
        _p("createdAt", I, "member since, as the source says", "epoch s"),
        _p("profiling", B, "false: objected to being profiled; null or true: may be"),
    )),
    NodeType("Item", "itemId", "a product, business, film or artist", (
        _p("title", S, "name"),
        _p("description", S, "text"),
        _p("brand", S, "brand, store or maker"),
        _p("price", D, "list price, in the source's currency"),
    )),
    NodeType("Category", "categoryId", "a class of items; a nested one has its path as its key", (
        _p("name", S, "last part of the path, or the words that name a derived cluster"),
        _p("level", I, "0 at the top"),
        _p("derived", B, "true for clusters that stand in where the source has no categories"),
    )),
    NodeType("ProfileRelease", "version", "one published set of profiles", (
        _p("createdAt", I, "when it was trained", "epoch s"),
        _p("publishedAt", I, "when readers first saw it", "epoch s"),
        _p("asOf", I, "the model saw nothing after this", "epoch s"),
        _p("horizonDays", I, "how far ahead a score looks; null where there are no times", "days"),
        _p("status", S, "writing | live | retired"),
        _p("metrics", S, "JSON: the metric table beside its baselines"),
        _p("configHash", S, "hash of the settings"),
        _p("graphHash", S, "hash of what was trained on"),
        _p("forced", S, "reason given where a failed gate was overridden; else null"),
        _p("writingFrom", S, "while it is written: first user of the block that is in the making"),
        _p("writingTo", S, "while it is written: last user of that block"),
    )),
    NodeType("Protection", "name", "how personal data in this graph are protected", (
        _p("keyId", S, "the pseudonym key that users' and events' ids were hashed with"),
        _p("nextKeyId", S, "the key of a rotation that is not finished; else null"),
        _p("since", I, "when keyId became the key", "epoch s"),
    )),
    NodeType("Tombstone", "tombstone", "an erased user: a keyed hash that keeps loads from "
             "bringing the user back", (
        _p("keyId", S, "the erasure key"),
        _p("depth", I, "how many pseudonym keys the id had gone through when it was hashed"),
        _p("at", I, "when", "epoch s"),
        _p("texts", Type.STRINGS, "keyed hashes of the texts whose vectors were removed"),
    )),
)  # fmt: skip

_USER_ITEM = (("User", "Item"),)

EDGES: tuple[EdgeType, ...] = (
    EdgeType("VIEWED", _USER_ITEM, "looked at or listened to", _EVENT, key="eventId"),
    EdgeType("CARTED", _USER_ITEM, "put in the basket", _EVENT, key="eventId"),
    EdgeType("PURCHASED", _USER_ITEM, "bought", (
        *_EVENT,
        _p("orderId", S, "invoice or order"),
        _p("quantity", D, "pieces"),
        _p("price", D, "price of one piece"),
        _p("cancelledQuantity", D, "pieces later taken back by a RETURNED edge"),
    ), key="eventId"),
    EdgeType("RETURNED", _USER_ITEM, "cancelled or sent back", (
        *_EVENT,
        _p("orderId", S, "credit note"),
        _p("quantity", D, "pieces, positive"),
        _p("price", D, "price of one piece"),
        _p("cancels", S, "eventId of the purchase it takes back; null where none was found"),
    ), key="eventId"),
    EdgeType("RATED", _USER_ITEM, "gave stars", (
        *_EVENT,
        _p("rating", D, "on the source's own scale"),
        _p("helpful", I, "votes or helpfulness grade"),
    ), key="eventId"),
    EdgeType("REVIEWED", _USER_ITEM, "wrote a text", (
        *_EVENT,
        _p("rating", D, "stars given with it, on the source's own scale"),
        _p("title", S, "headline"),
        _p("text", S, "the review"),
        _p("helpful", I, "votes that found it helpful"),
    ), key="eventId"),
    EdgeType("TAGGED", _USER_ITEM, "put a word on", (
        *_EVENT,
        _p("tag", S, "the word"),
    ), key="eventId"),
    EdgeType("FOLLOWS", (("User", "User"),), "reads or trusts; directed", (
        _p("since", I, "", "epoch s"),
    )),
    EdgeType("FRIEND_OF", (("User", "User"),), "friendship", (
        _p("since", I, "", "epoch s"),
    ), undirected=True),
    EdgeType("IN_CATEGORY", (("Item", "Category"),), "belongs to", (
        _p("weight", D, "how often it was said (tags), else 1"),
    )),
    EdgeType("CHILD_OF", (("Category", "Category"),), "narrower → broader"),
    EdgeType("INTERESTED_IN", (("User", "Category"), ("User", "Item")), "an inferred interest", (
        _p("score", D, "calibrated chance of a positive interaction within horizonDays after asOf"),
        _p("rank", I, "1 is the user's strongest of this kind"),
        _p("basis", S, "observed (own events) | inferred (neighbours, text, similar users)"),
        _p("evidenceCount", I, "events, friends and reviews that speak for it"),
        _p("topEvidence", Type.STRINGS, "the strongest, as `kind:id`, strongest first"),
        _p("evidenceShare", D, "part of the user's side of the score that topEvidence carries"),
        _p("asOf", I, "the claim uses nothing after this; a later moment makes it another claim, "
           "though its score stays", "epoch s"),
        _p("horizonDays", I, "the claim's reach; null where the source has no times", "days"),
        _p("modelVersion", S, "release that last changed the edge"),
    ), written_by_us=True),
    EdgeType("SIMILAR_TO", (("User", "User"),), "near in taste", (
        _p("score", D, "cosine of the two embeddings"),
        _p("rank", I, "1 is the nearest"),
        _p("modelVersion", S, "release that last changed the edge"),
    ), written_by_us=True),
)  # fmt: skip

BEHAVIOURS = tuple(e.name for e in EDGES if e.key == "eventId")
SOCIAL = ("FOLLOWS", "FRIEND_OF")

POSITIVE_WEIGHT = 0.6
"""An opinion counts as positive from this weight on: 4 of 5 stars is .75, 3 of 5 is .5."""

NODE_BY_LABEL: dict[str, NodeType] = {n.label: n for n in NODES}
EDGE_BY_NAME: dict[str, EdgeType] = {e.name: e for e in EDGES}


def _edge_tables() -> Iterator[EdgeTable]:
    for edge in EDGES:
        for src, dst in edge.pairs:
            name = edge.name if len(edge.pairs) == 1 else f"{edge.name}.{dst}"
            yield EdgeTable(name, edge, src, dst)


EDGE_TABLES: dict[str, EdgeTable] = {t.name: t for t in _edge_tables()}


def table_schema(name: str) -> pa.Schema:
    """The declared Arrow schema of a node or edge table. Raises KeyError for an unknown name."""
    return (NODE_BY_LABEL.get(name) or EDGE_TABLES[name]).arrow


def load_order(names: Iterator[str] | tuple[str, ...]) -> list[str]:
    """Table names in the order they can be written: nodes before the edges that need them."""
    rank = {n: i for i, n in enumerate((*NODE_BY_LABEL, *EDGE_TABLES))}
    return sorted(names, key=rank.__getitem__)
