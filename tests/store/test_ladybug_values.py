"""What the embedded file keeps in another form, names it cannot take, and values it gives back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg.errors import CountMismatch, QueryError, StoreError
from kg.ladybug_store import encoding, load
from kg.store import GraphStore, WriteCount, open_store
from tests.store.tables import SHOP, edge_rows, load_shop, node_rows, release, table, vectors


@pytest.fixture
def store(tmp_path: Path) -> GraphStore:
    """Empty, with the schema."""
    opened = open_store(f"ladybug://{tmp_path}/kg.lbug")
    opened.ensure_schema()
    return opened


LISTS = [
    ["a", "b"],
    None,
    [],
    [""],
    ['say "hi"', "it's", "back\\slash"],
    ["日本", "😀", "\n\t\x7f"],
]


def test_lists_of_strings_are_json_bytes_and_back() -> None:
    """Nulls, empty lists, quotes and every script."""
    column = pa.chunked_array([pa.array(LISTS, pa.list_(pa.string()))])
    assert encoding.bytes_to_lists(encoding.lists_to_bytes(column)).to_pylist() == LISTS


@pytest.mark.parametrize("pieces", [1 << 30, 24])
def test_vectors_are_float32_bytes_and_back(monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
    """Nulls too, in one piece or in many."""
    monkeypatch.setattr(encoding, "BYTES_A_PIECE", pieces)
    rows = [[0.1, -2.0], None, [3.0, 1e-38], [0.0, 0.0], None]
    column = pa.chunked_array([vectors(rows[:2]), vectors(rows[2:])])
    stored = encoding.vectors_to_bytes(column, 2)
    assert stored[0].as_py() == np.array(rows[0], "<f4").tobytes()
    assert encoding.bytes_to_vectors(stored).to_pylist() == column.to_pylist()


def test_a_slice_of_vectors_is_read_from_its_own_place() -> None:
    """Arrow slices share their buffers."""
    stored = encoding.vectors_to_bytes(pa.chunked_array([vectors([[1, 2], [3, 4], [5, 6]])]), 2)
    assert encoding.bytes_to_vectors(stored.slice(1, 2)).to_pylist() == [[3, 4], [5, 6]]


def test_bytes_that_are_neither_are_shown_as_hex(store: GraphStore) -> None:
    """A BLOB an analyst made."""
    with store:
        assert store.query("RETURN encode('abc') AS x").rows == [["616263"]]


def test_evidence_is_text_within_a_query(store: GraphStore) -> None:
    """decode() gives the JSON; list functions on the bytes are an error, not a wrong answer."""
    with store:
        load_shop(store, {n: SHOP[n] for n in ("User", "Item", "Category")})
        store.write_release(release())
        found = store.query(
            "MATCH (:User {userId: 'ben'})-[r:INTERESTED_IN]->(:Category) "
            "RETURN decode(r.topEvidence) AS json, r.topEvidence AS list"
        )
        assert found.rows == [['["RATED:r1","FOLLOWS:ben"]', ["RATED:r1", "FOLLOWS:ben"]]]
        with pytest.raises(StoreError, match="SIZE"):
            store.query("MATCH ()-[r:INTERESTED_IN]->() RETURN size(r.topEvidence)")


def test_lists_on_edges_can_be_attributes(store: GraphStore) -> None:
    """A source's list column on an edge."""
    with store:
        store.ensure_schema({"TAGGED": pa.schema([("words", pa.list_(pa.string()))])})
        load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
        n = len(LISTS)
        rows = pa.table(
            {
                "src": ["ada"] * n,
                "dst": ["pen"] * n,
                "eventId": [f"e{k}" for k in range(n)],
                "words": pa.array(LISTS, pa.list_(pa.string())),
            }
        )
        store.bulk_load("TAGGED", rows)
        assert [r[3] for r in edge_rows(store, "TAGGED", "eventId", "words")] == LISTS


@pytest.mark.parametrize("name", ["_ID", "_label", "_Src", "", "a\0b"])
def test_the_engine_s_own_names_are_refused(store: GraphStore, name: str) -> None:
    """A property called _ID would overwrite the engine's."""
    with store, pytest.raises(StoreError, match="rename"):
        store.ensure_schema({"User": pa.schema([(name, pa.string())])})


def test_names_that_differ_in_case_only_are_refused(store: GraphStore) -> None:
    """The engine tells no upper from lower case; the error says which two."""
    with store:
        store.ensure_schema({"User": pa.schema([("country", pa.string())])})
        with pytest.raises(StoreError, match=r"Country.*country"):
            store.ensure_schema({"User": pa.schema([("Country", pa.string())])})


def test_a_type_that_changed_is_refused(store: GraphStore) -> None:
    """A second source's idea of a column."""
    with store:
        store.ensure_schema({"User": pa.schema([("age", pa.int64())])})
        with pytest.raises(StoreError, match=r"age.*INT64.*STRING"):
            store.ensure_schema({"User": pa.schema([("age", pa.string())])})


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.date32(), pa.struct([("a", pa.int64())])])
def test_a_type_no_property_has_is_refused(store: GraphStore, kind: pa.DataType) -> None:
    """Named with its column."""
    with store, pytest.raises(StoreError, match="born"):
        store.ensure_schema({"User": pa.schema([("born", kind)])})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2], pa.int32()),
        pa.array([1, 2], pa.uint8()),
        pa.array([1, 2], pa.int64()),
    ],
    ids=lambda c: str(c.type),
)
def test_narrower_numbers_are_widened(store: GraphStore, column: pa.Array) -> None:
    """What cannot lose is cast."""
    with store:
        store.bulk_load("User", pa.table({"userId": ["a", "b"], "createdAt": column}))
        assert node_rows(store, "User", "createdAt") == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()], ids=str)
def test_other_layouts_of_text_are_taken(store: GraphStore, kind: pa.DataType) -> None:
    """As polars and Parquet give them; dictionaries too."""
    with store:
        rows = pa.table(
            {
                "itemId": pa.array(["a", "b"], kind),
                "title": pa.array(["x", None], pa.string()).dictionary_encode(),
                "brand": pa.nulls(2),
            }
        )
        store.bulk_load("Item", rows)
        assert node_rows(store, "Item", "title", "brand") == [("a", "x", None), ("b", None, None)]


def test_a_list_with_a_null_inside_is_refused(store: GraphStore) -> None:
    """No store can keep one."""
    with store:
        store.ensure_schema({"User": pa.schema([("tags", pa.list_(pa.string()))])})
        rows = pa.table({"userId": ["a"], "tags": pa.array([["x", None]], pa.list_(pa.string()))})
        with pytest.raises(StoreError, match="tags"):
            store.bulk_load("User", rows)


def test_an_empty_list_has_a_type_where_the_engine_needs_one(store: GraphStore) -> None:
    """size() and any() of an empty parameter; the engine alone fails on them."""
    with store:
        store.bulk_load("User", SHOP["User"])
        asked = store.query(
            "MATCH (u:User) WHERE size($ids) = 0 OR any(x IN $ids WHERE x = u.userId) "
            "RETURN count(*) AS n",
            {"ids": []},
        )
        assert asked.rows == [[4]]
        assert store.query("RETURN $ids AS ids, '$ids' AS text", {"ids": []}).rows == [[[], "$ids"]]


def test_times_and_paths_are_plain(store: GraphStore) -> None:
    """ISO text, seconds, and a path as its nodes and relationships."""
    with store:
        load_shop(store, {n: SHOP[n] for n in ("User", "FOLLOWS")})
        rows = store.query(
            "MATCH p = (:User {userId: 'ben'})-[:FOLLOWS]->(:User) RETURN date('2020-02-29') AS d, "
            "timestamp('2020-02-29 12:00:00') AS t, interval('2 hours') AS i, p"
        ).rows
        assert rows == [
            [
                "2020-02-29",
                "2020-02-29T12:00:00",
                7200.0,
                {
                    "nodes": [
                        {"userId": "ben", "createdAt": 20},
                        {"userId": "ada", "createdAt": 10},
                    ],
                    "relationships": [{"since": 5}],
                },
            ]
        ]


@pytest.fixture(params=["difference", "merging"])
def shop_either_way(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> Iterator[GraphStore]:
    """The shop, in which an upsert goes one way or the other whatever the sizes."""
    monkeypatch.setattr(load, "MERGE_BELOW", 0 if request.param == "merging" else 10**9)
    with open_store(f"ladybug://{shutil.copy(files['shop'], tmp_path / 'shop.lbug')}") as opened:
        yield opened


@pytest.mark.parametrize("name", ["User", "RATED", "FOLLOWS", "CHILD_OF"])
def test_both_ways_of_an_upsert_agree(shop_either_way: GraphStore, name: str) -> None:
    """One known row changed, one new."""
    rows = {
        "User": table("User", userId=["ben", "eve"], createdAt=[21, 5]),
        "RATED": table("RATED", src=["ben", "dan"], dst=["pen", "ink"], eventId=["r3", "r9"],
                       rating=[2.0, 4.0]),
        "FOLLOWS": table("FOLLOWS", src=["ben", "dan"], dst=["ada", "ada"], since=[6, None]),
        "CHILD_OF": table("CHILD_OF", src=["desk/writing", "desk"], dst=["desk", "desk/writing"]),
    }[name]  # fmt: skip
    written = shop_either_way.upsert(name, rows)
    assert written == WriteCount(
        created=1, updated=int(name != "CHILD_OF"), unchanged=int(name == "CHILD_OF")
    )
    after = {
        "User": lambda: node_rows(shop_either_way, "User", "createdAt")[1:4:2],
        "RATED": lambda: edge_rows(shop_either_way, "RATED", "eventId", "rating", "at")[2:4],
        "FOLLOWS": lambda: edge_rows(shop_either_way, "FOLLOWS", "since"),
        "CHILD_OF": lambda: edge_rows(shop_either_way, "CHILD_OF"),
    }[name]()
    assert (
        after
        == {
            "User": [("ben", 21), ("dan", 2**53 + 1)],
            "RATED": [("ben", "pen", "r3", 2.0, 300), ("cleo", "mug", "r4", 4.0, None)],
            "FOLLOWS": [("ben", "ada", 6), ("cleo", "ada", None), ("dan", "ada", None)],
            "CHILD_OF": [("desk", "desk/writing"), ("desk/writing", "desk")],
        }[name]
    )


@pytest.mark.parametrize("name", sorted(SHOP))
def test_both_ways_say_that_nothing_changed(shop_either_way: GraphStore, name: str) -> None:
    """Of rows that are there as they are."""
    assert shop_either_way.upsert(name, SHOP[name]) == WriteCount(unchanged=SHOP[name].num_rows)


def test_both_ways_refuse_a_missing_end(shop_either_way: GraphStore) -> None:
    """With the same words."""
    rows = table("RATED", src=["ada", "nobody"], dst=["pen", "pen"], eventId=["1", "2"])
    with pytest.raises(CountMismatch, match=r"1 of 2 rows .* User 'nobody'"):
        shop_either_way.upsert("RATED", rows)
    assert shop_either_way.counts()["RATED"] == 4


def test_both_ways_refuse_an_event_that_moves(shop_either_way: GraphStore) -> None:
    """With the same words."""
    with pytest.raises(StoreError, match="'r1' is known between other nodes"):
        shop_either_way.upsert("RATED", table("RATED", src=["ada"], dst=["mug"], eventId=["r1"]))
    assert ("ada", "pen", "r1") in edge_rows(shop_either_way, "RATED", "eventId")
    assert shop_either_way.counts()["RATED"] == 4


def test_what_is_the_same_is_not_written(files: dict[str, Path], tmp_path: Path) -> None:
    """A second load of a source says so."""
    shop = open_store(f"ladybug://{shutil.copy(files['shop'], tmp_path / 'shop.lbug')}")
    with shop:
        assert shop.upsert("RATED", SHOP["RATED"]).unchanged == 4
        changed = SHOP["RATED"].set_column(6, "helpful", pa.array([3, 1, 0, None], pa.int64()))
        written = shop.upsert("RATED", changed)
    assert (written.updated, written.unchanged) == (1, 3)


def test_a_list_asked_for_as_one_says_how_it_is_kept(files: dict[str, Path]) -> None:
    """Cypher of one's own meets bytes where Neo4j has a list."""
    text = "MATCH (:User)-[x:INTERESTED_IN]->(:Category) RETURN size(x.topEvidence)"
    with (
        open_store(f"ladybug://{files['shop']}", read_only=True) as store,
        pytest.raises(QueryError, match=r"decode\(\) makes JSON of a list"),
    ):
        store.query(text)
