"""A shop small enough to know by heart: nine users, seven items, five categories and a release.

`TABLES` are the source's tables, `release()` what a publish would write over them. Every number in
the tests of the reading side can be counted here by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from kg.profile import PROFILE_OF
from kg.schema import NODE_BY_LABEL, load_order, table_schema
from kg.store import GraphStore, ReleaseTables

DAY = 86_400
AS_OF = 1_688_169_600  # 2023-07-01T00:00:00Z
VERSION = "r2"

ATTRIBUTES = {"User": pa.schema([("country", pa.string())])}


def ago(days: float) -> int:
    return int(AS_OF - days * DAY)


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Rows in the declared types; declared columns that are not given are null."""
    schema = table_schema(name)
    extra = ATTRIBUTES.get(name)
    for field in extra or ():
        schema = schema.append(field)
    data = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return pa.table(
        {f.name: pa.array(data.get(f.name, [None] * len(rows)), f.type) for f in schema},
        schema=schema,
    )


_EVENT = ("src", "dst", "eventId", "at", "weight")

TABLES: dict[str, pa.Table] = {
    "User": _table("User", ("userId", "createdAt", "country"), [
        ("ada", ago(400), "UK"),
        ("ben", ago(300), "UK"),
        ("cleo", ago(200), "FR"),
        ("dan", ago(500), "FR"),
        ("eve", ago(30), "DE"),
        ("fay", ago(25), "DE"),
        ("gus", ago(20), None),   # friends only
        ("hal", None, None),      # nothing at all
        ("ivy", None, None),      # arrived after the release
    ]),
    "Item": _table("Item", ("itemId", "title", "description", "brand", "price"), [
        ("strat", "Stratocaster", "electric guitar", "Fender", 700.0),
        ("tele", "Telecaster", "electric guitar", "Fender", 650.0),
        ("strings", "Guitar strings", "nickel, 10-46", "Ernie", 10.0),
        ("piano", "Stage piano", "88 weighted keys", "Kawai", 900.0),
        ("knife", "Chef's knife", "20 cm", "Tojiro", 80.0),
        ("board", "Cutting board", "end grain", "Tojiro", 40.0),  # in no category
        ("stone", None, None, None, None),                        # bare, never touched
    ]),
    "Category": _table("Category", ("categoryId", "name", "level", "derived"), [
        ("music", "music", 0, False),
        ("music/guitars", "guitars", 1, False),
        ("music/pianos", "pianos", 1, False),
        ("kitchen", "kitchen", 0, False),
        ("kitchen/knives", "knives", 1, False),
    ]),
    "CHILD_OF": _table("CHILD_OF", ("src", "dst"), [
        ("music/guitars", "music"),
        ("music/pianos", "music"),
        ("kitchen/knives", "kitchen"),
    ]),
    "IN_CATEGORY": _table("IN_CATEGORY", ("src", "dst", "weight"), [
        ("strat", "music/guitars", 1.0),
        ("tele", "music/guitars", 1.0),
        ("strings", "music/guitars", 1.0),
        ("piano", "music/pianos", 1.0),
        ("knife", "kitchen/knives", 1.0),
        ("stone", "kitchen/knives", 1.0),
    ]),
    "VIEWED": _table("VIEWED", _EVENT, [
        ("eve", "strat", "v1", ago(3), 1.0),
        ("eve", "strings", "v2", ago(2), 1.0),
        ("fay", "knife", "v3", ago(4), 1.0),
    ]),
    "PURCHASED": _table("PURCHASED", (*_EVENT, "orderId", "quantity", "price",
                                      "cancelledQuantity"), [
        ("ada", "strat", "p1", ago(100), 1.0, "o1", 1.0, 700.0, 0.0),
        ("ada", "strings", "p2", ago(45), 1.0, "o2", 3.0, 10.0, 0.0),
        ("ada", "strings", "p3", ago(10), 1.0, "o3", 2.0, 10.0, 0.0),
        ("ben", "strat", "p4", ago(35), 1.0, "o4", 1.0, 700.0, 1.0),
        ("ben", "strings", "p5", ago(5), 1.0, "o5", 1.0, 10.0, 0.0),
        ("ben", "knife", "p6", ago(20), 1.0, "o6", 1.0, 80.0, 0.0),
        ("cleo", "knife", "p7", ago(15), 1.0, "o7", 1.0, 80.0, 0.0),
        ("cleo", "board", "p8", ago(15), 1.0, "o7", 1.0, 40.0, 0.0),
        ("dan", "piano", "p9", ago(200), 1.0, "o8", 1.0, 900.0, 0.0),
    ]),
    "RETURNED": _table("RETURNED", (*_EVENT, "orderId", "quantity", "price", "cancels"), [
        ("ben", "strat", "x1", ago(30), 1.0, "c1", 1.0, 700.0, "p4"),
    ]),
    "RATED": _table("RATED", (*_EVENT, "rating", "helpful"), [
        ("ben", "knife", "s1", None, 0.25, 2.0, None),
    ]),
    "REVIEWED": _table("REVIEWED", (*_EVENT, "rating", "title", "text", "helpful"), [
        ("ada", "strings", "r1", ago(9), 1.0, 5.0, "Bright", "These strings sing.", 4),
        ("cleo", "knife", "r2", ago(14), 0.75, 4.0, None, "Sharp, but rusts in a day.", 1),
        ("dan", "piano", "r3", ago(190), 0.0, 1.0, "Broken", "Two keys broke in a week.", 7),
    ]),
    "FOLLOWS": _table("FOLLOWS", ("src", "dst", "since"), [
        ("ben", "ada", None),
        ("eve", "ada", None),
        ("dan", "ada", None),
        ("ada", "ben", None),
    ]),
    "FRIEND_OF": _table("FRIEND_OF", ("src", "dst", "since"), [
        ("ada", "gus", None),
        ("cleo", "dan", None),
    ]),
}  # fmt: skip

_USERS = ("userId", "embedding", "recencyDays", "frequency", "monetary", "tenureDays", "valueTier",
          "churnRisk", "sentiment", "segment", "community", "influence", "coldStart",
          "evidenceCount")  # fmt: skip

_INTEREST = ("src", "dst", "score", "rank", "basis", "evidenceCount", "topEvidence",
             "evidenceShare")  # fmt: skip


def _profile_table(label: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    key = NODE_BY_LABEL[label].key
    data = dict(zip(columns, zip(*rows, strict=True), strict=True))
    arrays = {key: pa.array(data[key], pa.string())}
    for p in PROFILE_OF[label]:
        if p.name == "embedding":
            arrays[p.name] = pa.array(data[p.name], pa.list_(pa.float32(), 2))
        elif p.name in data:
            arrays[p.name] = pa.array(data[p.name], p.type.arrow)
    arrays["modelVersion"] = pa.array([VERSION] * len(rows), pa.string())
    if label == "User":
        arrays["profileAsOf"] = pa.array([AS_OF] * len(rows), pa.int64())
    return pa.table(arrays)


def _claims(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """An edge table we write, with the release's own columns filled in."""
    full = _table(name, columns, rows)
    for column, value in (("asOf", AS_OF), ("horizonDays", 30), ("modelVersion", VERSION)):
        at = full.schema.get_field_index(column)
        if at >= 0:
            field = full.schema.field(at)
            full = full.set_column(at, field, pa.array([value] * len(rows), field.type))
    return full


def release() -> ReleaseTables:
    """Profiles of everybody but ivy. Guitars point to (1, 0), the kitchen to (0, 1)."""
    return ReleaseTables(
        release=_table("ProfileRelease", ("version", "createdAt", "publishedAt", "asOf",
                                          "horizonDays", "status", "metrics"), [
            (VERSION, AS_OF + DAY, AS_OF + 2 * DAY, AS_OF, 30, "live", '{"ndcg20": 0.2}'),
        ]),
        users=_profile_table("User", _USERS, [
            ("ada", [1.0, 0.0], 9.0, 4, 750.0, 100.0, "champion", 0.1, 0.9, "guitars", 0, 2.5,
             "events", 8),
            ("ben", [0.8, 0.6], 5.0, 4, 90.0, 35.0, "loyal", 0.2, None, "guitars", 0, 1.0,
             "events", 5),
            ("cleo", [0.0, 1.0], 14.0, 2, 120.0, 15.0, "potential", 0.3, 0.7, "knives", 1, 1.0,
             "events", 4),
            ("dan", [0.6, 0.8], 190.0, 2, 900.0, 200.0, "at risk", 0.9, 0.1, "knives", 1, 0.5,
             "events", 4),
            ("eve", [1.0, 0.0], 2.0, 1, None, 3.0, "new", 0.4, None, "guitars", 0, 0.5,
             "events", 3),
            ("fay", [0.0, 1.0], 4.0, 1, None, 4.0, "new", 0.5, None, "knives", None, None,
             "events", 1),
            ("gus", [1.0, 0.0], None, 0, None, None, None, None, None, "guitars", 0, 0.5,
             "friends", 1),
            ("hal", None, None, 0, None, None, None, None, None, None, None, None,
             "nothing", 0),
        ]),
        items=_profile_table("Item", ("itemId", "embedding", "scoreBias"), [
            ("strat", [1.0, 0.0], 0.4),
            ("tele", [0.9, 0.1], 0.0),
            ("strings", [1.0, 0.0], 0.5),
            ("piano", [0.6, 0.1], 0.1),
            ("knife", [0.0, 1.0], 0.3),
            ("board", [0.1, 0.9], 0.2),
            ("stone", [0.0, 0.5], 0.0),
        ]),
        edges={
            "INTERESTED_IN.Category": _claims("INTERESTED_IN.Category", _INTEREST, [
                ("ada", "music/guitars", 0.9, 1, "observed", 6,
                 ["REVIEWED:r1", "PURCHASED:p3", "FOLLOWS:ben"], 0.8),
                ("ada", "kitchen/knives", 0.2, 2, "inferred", 1, ["FOLLOWS:ben"], 0.5),
                ("ben", "music/guitars", 0.7, 1, "observed", 3,
                 ["PURCHASED:p5", "FOLLOWS:ada"], 0.7),
                ("ben", "kitchen/knives", 0.4, 2, "observed", 2, ["PURCHASED:p6"], 0.6),
                ("cleo", "kitchen/knives", 0.8, 1, "observed", 3,
                 ["REVIEWED:r2", "PURCHASED:p7"], 0.9),
                ("dan", "kitchen/knives", 0.3, 1, "inferred", 1, ["FRIEND_OF:cleo"], 0.6),
                ("dan", "music/pianos", 0.25, 2, "observed", 2, ["PURCHASED:p9"], 0.5),
                ("eve", "music/guitars", 0.6, 1, "observed", 3, ["VIEWED:v2", "VIEWED:v1"], 0.9),
                ("fay", "kitchen/knives", 0.35, 1, "observed", 1, ["VIEWED:v3"], 1.0),
                ("gus", "music/guitars", 0.5, 1, "inferred", 1, ["FRIEND_OF:ada"], 1.0),
            ]),
            "INTERESTED_IN.Item": _claims("INTERESTED_IN.Item", _INTEREST, [
                ("ada", "tele", 0.5, 1, "inferred", 4, ["PURCHASED:p1", "FOLLOWS:ben"], 0.7),
                ("ada", "strat", 0.4, 2, "observed", 4, ["PURCHASED:p1"], 0.7),
                ("ben", "tele", 0.3, 1, "inferred", 3, ["FOLLOWS:ada"], 0.4),
                ("eve", "tele", 0.4, 1, "inferred", 2, ["VIEWED:v1"], 0.6),
                ("gus", "strings", 0.3, 1, "inferred", 1, ["FRIEND_OF:ada"], 1.0),
            ]),
            "SIMILAR_TO": _claims("SIMILAR_TO", ("src", "dst", "score", "rank"), [
                ("ada", "eve", 1.0, 1),
                ("ada", "ben", 0.8, 2),
                ("ben", "dan", 0.96, 1),
                ("ben", "ada", 0.8, 2),
                ("cleo", "fay", 1.0, 1),
                ("dan", "ben", 0.96, 1),
                ("eve", "ada", 1.0, 1),
                ("fay", "cleo", 1.0, 1),
                ("gus", "ada", 1.0, 1),
            ]),
        },
    )  # fmt: skip


def load(store: GraphStore, *, published: bool = True) -> None:
    store.ensure_schema(ATTRIBUTES)
    for name in load_order(tuple(TABLES)):
        store.bulk_load(name, TABLES[name])
    if published:
        store.write_release(release())
