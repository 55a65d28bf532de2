"""Values in and out: every type, nulls, and text that would break a careless query."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from kg.schema import Type
from kg.store import GraphStore
from tests.store.tables import edge_rows, node, node_rows, table, vectors

ATTRIBUTES = {
    "User": pa.schema(
        [
            ("aString", pa.string()),
            ("anInt", pa.int64()),
            ("aDouble", pa.float64()),
            ("aBool", pa.bool_()),
            ("someStrings", pa.list_(pa.string())),
        ]
    )
}

VALUES: list[tuple[str, list[Any]]] = [
    (
        "aString",
        [
            "plain",
            "",
            None,
            "ünï",
            "日本語 テスト",
            "😀👩‍👩‍👧",
            "tab\tnew\nline\r\n",
            "0" * 100_000,
        ],
    ),
    ("anInt", [0, 1, -1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), None]),
    ("aDouble", [0.0, 1.5, -1e308, 5e-324, 0.1 + 0.2, None]),
    ("aBool", [True, False, None]),
    ("someStrings", [["a", "b"], [], None, ["", "😀", "x, y", "'\"`"]]),
]

HOSTILE = [
    "o'brien",
    'say "hi"',
    "back`tick",
    "back\\slash\\",
    "}) DETACH DELETE n //",
    "})-[]->({",
    "$param",
    "new\nline",
    "carriage\rreturn",
    "tab\t",
    " lead and trail ",
    "\u202eright to left\u202c",
    "\u200bzero width",
    "null",
    "123",
    "é",
    "e\u0301",
    "0" * 8_000,  # an index entry of Neo4j holds 8,164 bytes
]


@pytest.mark.parametrize(("column", "values"), VALUES, ids=[c for c, _ in VALUES])
@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_values_come_back(store: GraphStore, write: str, column: str, values: list[Any]) -> None:
    """Each value of each type, through load and export; empty text is not null."""
    store.ensure_schema(ATTRIBUTES)
    keys = [f"u{k}" for k in range(len(values))]
    kind = ATTRIBUTES["User"].field(column).type
    getattr(store, write)("User", pa.table({"userId": keys, column: pa.array(values, kind)}))
    assert node_rows(store, "User", column) == list(zip(keys, values, strict=True))


@pytest.mark.parametrize(("column", "values"), VALUES, ids=[c for c, _ in VALUES])
def test_values_can_be_changed(store: GraphStore, column: str, values: list[Any]) -> None:
    """The same values over rows that are known."""
    store.ensure_schema(ATTRIBUTES)
    keys = [f"u{k}" for k in range(len(values))]
    kind = ATTRIBUTES["User"].field(column).type
    store.bulk_load("User", pa.table({"userId": keys, column: pa.array(values[::-1], kind)}))
    store.upsert("User", pa.table({"userId": keys, column: pa.array(values, kind)}))
    assert node_rows(store, "User", column) == list(zip(keys, values, strict=True))


@pytest.mark.parametrize(("column", "values"), VALUES, ids=[c for c, _ in VALUES])
def test_exported_columns_have_the_declared_type(
    store: GraphStore, column: str, values: list[Any]
) -> None:
    """Even where a value is null."""
    store.ensure_schema(ATTRIBUTES)
    kind = ATTRIBUTES["User"].field(column).type
    store.bulk_load("User", pa.table({"userId": ["u"], column: pa.array([None], kind)}))
    exported = store.export({"User": [column]}, {}).nodes["User"]
    assert Type.of(exported.schema.field(column).type) is Type.of(kind)


def test_attributes_live_on_edges_too(store: GraphStore) -> None:
    """A source may add columns to an edge table."""
    store.ensure_schema({"RATED": pa.schema([("device", pa.string())])})
    store.bulk_load("User", table("User", userId=["u"]))
    store.bulk_load("Item", table("Item", itemId=["i"]))
    edge = pa.table({"src": ["u"], "dst": ["i"], "eventId": ["e"], "device": ["phone"]})
    store.bulk_load("RATED", edge)
    assert edge_rows(store, "RATED", "device") == [("u", "i", "phone")]


def test_attributes_are_kept_when_the_schema_is_made_again(store: GraphStore) -> None:
    """A second source knows nothing of the first one's columns, and does not remove them."""
    store.ensure_schema(ATTRIBUTES)
    store.bulk_load("User", pa.table({"userId": ["u"], "aString": ["kept"]}))
    store.ensure_schema({"User": pa.schema([("other", pa.string())])})
    assert node(store, "User", "u", "aString", "other") == ("kept", None)


@pytest.mark.parametrize(
    "name", ["set", "two words", "back`tick", "quote'\"", "semi;colon", "ünï", "a.b", "$x", "1st"]
)
def test_a_column_may_have_any_name(store: GraphStore, name: str) -> None:
    """Names from a source's header never become query text unquoted."""
    store.ensure_schema({"User": pa.schema([(name, pa.string())])})
    store.bulk_load("User", pa.table({"userId": ["u"], name: ["first"]}))
    store.upsert("User", pa.table({"userId": ["u", "v"], name: ["second", "third"]}))
    assert node_rows(store, "User", name) == [("u", "second"), ("v", "third")]


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_any_text_can_be_a_key(store: GraphStore, write: str) -> None:
    """Quotes, backticks, brackets, newlines, marks and 8,000 characters come back unchanged."""
    getattr(store, write)("User", table("User", userId=HOSTILE))
    assert [k for (k,) in node_rows(store, "User")] == sorted(HOSTILE)


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_any_key_can_have_edges(store: GraphStore, write: str) -> None:
    """Edges find such ends, and event ids may be such text too."""
    store.bulk_load("User", table("User", userId=HOSTILE))
    store.bulk_load("Item", table("Item", itemId=HOSTILE))
    getattr(store, write)("RATED", table("RATED", src=HOSTILE, dst=HOSTILE[::-1], eventId=HOSTILE))
    rows = zip(HOSTILE, HOSTILE[::-1], HOSTILE, strict=True)
    assert edge_rows(store, "RATED", "eventId") == sorted(rows, key=repr)


@pytest.mark.parametrize("key", HOSTILE, ids=lambda k: repr(k[:20]))
def test_any_key_can_be_a_parameter(store: GraphStore, key: str) -> None:
    """A query finds exactly the node asked for."""
    store.bulk_load("User", table("User", userId=HOSTILE))
    found = store.query("MATCH (u:User {userId: $k}) RETURN u.userId AS k", {"k": key})
    assert found.rows == [[key]]


def test_vectors_come_back_as_float32(store: GraphStore) -> None:
    """Bit for bit, with nulls, as a fixed-size list."""
    rows = [[0.1, -2.5], None, [1e-38, 3.4e38]]
    users = pa.table({"userId": ["a", "b", "c"], "embedding": vectors(rows)})
    store.upsert("User", users)
    exported = store.export({"User": ["embedding"]}, {}).nodes["User"].sort_by("userId")
    assert exported["embedding"].type == pa.list_(pa.float32(), 2)
    assert exported["embedding"].to_pylist() == users["embedding"].to_pylist()


def test_vectors_are_lists_of_numbers_to_a_reader(store: GraphStore) -> None:
    """A query gives a vector as a list of floats."""
    store.upsert("User", pa.table({"userId": ["a"], "embedding": vectors([[0.5, -2.0]])}))
    rows = store.query("MATCH (u:User) RETURN u.embedding AS v").rows
    assert rows == [[[0.5, -2.0]]]
