"""The embedded engine's read-only door lets more through than reading; the guard does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import QueryError, WriteRefused
from kg.ladybug_store import guard
from kg.store import GraphStore, open_store
from tests.store.tables import COUNTS

FILES = [
    "LOAD FROM '{file}' RETURN *",
    "load from '{file}' return *",
    "LOAD WITH HEADERS (a STRING) FROM '{file}' RETURN *",
    "MATCH (u:User) LOAD FROM '{file}' RETURN *",
    "UNWIND [1] AS x LOAD\nFROM '{file}' RETURN x",
    "COPY (MATCH (u:User) RETURN u.userId) TO '{file}.csv'",
    "COPY User FROM '{file}'",
    "EXPORT DATABASE '{file}.d'",
    "IMPORT DATABASE '{file}.d'",
    "ATTACH '{file}' AS other (dbtype lbug)",
    "INSTALL json",
    "LOAD EXTENSION json",
    "LOAD json",
    "CALL threads=1",
    "CALL checkpoint_threshold=0 RETURN *",
    "CALL READ_CSV_SERIAL('{file}') RETURN *",
    "CALL PROJECT_GRAPH('g', ['User'], ['FOLLOWS'])",
    "CALL `show_tables`() RETURN *",
    "BEGIN TRANSACTION",
    "COMMIT",
    "USE other",
    "EXPLAIN CREATE (:User {{userId: 'x'}})",
    "PROFILE CREATE (:User {{userId: 'x'}})",
    "RETURN 1; COPY (RETURN 1) TO '{file}.csv'",
    "RETURN 1; /* ; */ LOAD FROM '{file}' RETURN *",
]


@pytest.fixture
def reader(files: dict[str, Path]) -> GraphStore:
    return open_store(f"ladybug://{files['shop']}", read_only=True)


@pytest.mark.parametrize("text", FILES)
def test_a_reader_cannot_reach_files_or_settings(
    reader: GraphStore, tmp_path: Path, text: str
) -> None:
    """Refused before the engine sees it; no file is read or made."""
    file = tmp_path / "secret.csv"
    file.write_text("a\nsecret\n")
    with reader, pytest.raises(WriteRefused):
        reader.query(text.format(file=file))
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


def test_looking_at_the_schema_is_reading(reader: GraphStore) -> None:
    """CALL of a function that only looks."""
    with reader:
        found = reader.query("CALL show_tables() RETURN name ORDER BY name LIMIT 1")
        assert found.rows == [["CARTED"]]
        assert reader.query("CALL table_info('User') RETURN name LIMIT 1").rows == [["userId"]]


def test_a_plan_can_be_looked_at(reader: GraphStore) -> None:
    """EXPLAIN of a reading."""
    with reader:
        assert len(reader.query("EXPLAIN MATCH (u:User) RETURN u.userId").rows) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" ; ", "empty"),
        ("RETURN 1; RETURN 2", "one statement"),
        ("MTACH (u) RETURN u", "MTACH"),
        ("RETURN 'open", "quote"),
        ('RETURN "open', "quote"),
        ("RETURN 1 /* open", "comment"),
    ],
)
def test_what_cannot_be_run_is_explained(reader: GraphStore, text: str, says: str) -> None:
    """Before the engine is asked."""
    with reader, pytest.raises(QueryError, match=says):
        reader.query(text)


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User) RETURN {set: u.userId, create: 1} AS delete",
        "MATCH (u:User) RETURN u.load, u.copy, u.merge",
        "MATCH (u:Load)-[:SET|DELETE]->() RETURN u",
        "RETURN $set, $`drop`",
        "WITH 1 AS load RETURN load",
        "RETURN 'it''s' // LOAD FROM 'x'",
        "MATCH (a)-->(b) // SET\r\nRETURN a",
    ],
)
def test_a_name_is_not_a_verb(text: str) -> None:
    """Properties, labels, aliases, map keys, parameters and variables may have any name."""
    guard.refuse_writes(guard.tokens(text))


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User) WHERE u.x > 1.SET u.x = 1",
        "MATCH (u:User) WHERE u.x > 1SET u.x = 1",
        "MATCH (u:User) WHERE u.x > .5SET u.x = 1",
        "MATCH (u:User) WHERE u.x > 1e5SET u.x = 1",
        "MATCH (u:User)-[*1..3]-(v)SET u.x = 1",
        "MATCH (u:User) // a comment ends at a carriage return\rSET u.x = 1",
        "MATCH (u:User) WITH 'a\\' ' AS x SET u.x = 1",
        "MATCH (u:User) WITH '\\\\' AS x SET u.x = 1 RETURN '\\\\'",
        "MATCH (u:User) /**/SET/**/u.x = 1",
        "MATCH (`a``b`:User) SET `a``b`.x = 1",
        "MATCH (u:User)SET u.x = 1",
    ],
)
def test_a_verb_cannot_be_hidden(text: str) -> None:
    """Not behind a number, an escape, a comment or a quoted name."""
    with pytest.raises(WriteRefused):
        guard.refuse_writes(guard.tokens(text))


_SPACE = st.lists(st.sampled_from([" ", "\n", "\t", "/* x */", "// y\n"]), min_size=1, max_size=4)
_CASE = st.lists(st.booleans(), min_size=6, max_size=6)


@given(_SPACE, _CASE, st.sampled_from(sorted(guard.CLAUSES - {"INSERT", "FOREACH"})))
@settings(max_examples=60, deadline=None)
def test_no_spacing_or_case_hides_a_verb(space: list[str], upper: list[bool], verb: str) -> None:
    """Whatever stands around it."""
    written = "".join(c if u else c.lower() for c, u in zip(verb, upper * 2, strict=False))
    gap = "".join(space)
    with pytest.raises(WriteRefused):
        guard.refuse_writes(guard.tokens(f"MATCH (n){gap}{written}{gap}n.x = 1"))


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_text_is_a_verb(text: str) -> None:
    """Any characters, as a literal, a name and a comment."""
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    name = text.replace("`", "``")
    comment = text.replace("*/", "* /")
    query = f"RETURN '{literal} CREATE (n)' AS `{name} SET` /* {comment} DELETE n */"
    found = guard.one_statement(guard.tokens(query))
    guard.refuse_writes(found)
    assert [t.kind for t in found] == ["word", "text", "word", "name"]


def test_the_engine_reads_a_literal_as_the_guard_does(reader: GraphStore) -> None:
    """Escapes and quotes: the text comes back, so neither saw its end elsewhere."""
    with reader:
        for text in ("it's", 'say "hi"', "back\\slash", "both \\' and \\\"", "line\nbreak", "`x`"):
            literal = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
            assert reader.query(f"RETURN '{literal}' AS x").rows == [[text]]


@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("RETURN 1", True),
        ("RETURN 1;", True),
        ("RETURN 1 // why", True),
        ("MATCH (a) WITH a LIMIT 3 RETURN a", True),
        ("MATCH (a) WHERE EXISTS { MATCH (a) RETURN a LIMIT 1 } RETURN a", True),
        ("RETURN 1 LIMIT 5", False),
        ("RETURN 1 AS x UNION RETURN 2 AS x", False),
        ("EXPLAIN RETURN 1", False),
    ],
)
def test_a_limit_is_added_where_there_is_none(text: str, *, limited: bool) -> None:
    """So that the engine does not make a million rows for a table of ten."""
    found = guard.tokens(text)
    assert guard.limited(text, guard.one_statement(found), 7).endswith("LIMIT 7") is limited


@pytest.mark.parametrize("read_only", [False, True])
def test_behind_the_guard_the_engine_refuses_too(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    """A reading is a read-only transaction, on a store opened to write as well."""
    monkeypatch.setattr(guard, "refuse_writes", lambda found: None)
    monkeypatch.setattr(guard, "must_read", lambda found: None)
    url = f"ladybug://{shutil.copy(files['shop'], tmp_path / 'shop.lbug')}"
    with open_store(url, read_only=read_only) as store:
        with pytest.raises(WriteRefused):
            store.query("CREATE (:User {userId: 'x'})")
        assert store.counts() == COUNTS


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User {userId: $id}) SET u.createdAt = 1 // CREATE",
        "MATCH (:User)-[e:RATED]->(i:Item) WHERE i.itemId IN ['pen'] DELETE e RETURN count(*)",
        "UNWIND $ids AS id MATCH (u:User {userId: id}) DETACH DELETE u",
        "MATCH (u:User) RETURN u.userId AS `create`",
    ],
)
def test_a_text_that_brings_no_edges(text: str) -> None:
    """It changes nodes, or deletes."""
    assert guard.brings_no_edges(guard.tokens(text))


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User), (i:Item) CREATE (u)-[:RATED]->(i)",
        "MATCH (u:User), (i:Item) merge (u)-[:RATED]->(i)",
        "MATCH (:User)-[e:RATED]->() SET e.eventId = 'r9'",
        "MATCH (:User)-[e:RATED]->() SET e = {eventId: 'r9'}",
        "COPY RATED FROM 'events.parquet'",
        "LOAD FROM 'events.csv' MATCH (u:User {userId: c0}) SET u.createdAt = c1",
        "CALL something() RETURN *",
        "IMPORT DATABASE 'folder'",
        "COMMIT",
    ],
)
def test_a_text_that_may_bring_edges(text: str) -> None:
    """Or that is not known to leave them what they are."""
    assert not guard.brings_no_edges(guard.tokens(text))
