"""Plans of named queries, on both stores, without running them."""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest

from kg.cli import main
from kg.errors import QueryError, WriteRefused
from kg.ladybug_store.plan import steps
from kg.queries import packaged
from kg.store import GraphStore


@pytest.mark.parametrize("name", sorted(packaged()))
def test_every_named_query_has_a_plan(shop_store: GraphStore, name: str) -> None:
    """A tree of steps, without values for its parameters."""
    plan = packaged()[name].explain(shop_store)
    assert plan[0].depth == 0
    assert len(plan) > 2
    assert all(step.operator for step in plan)
    for before, after in itertools.pairwise(plan):
        assert 1 <= after.depth <= before.depth + 1


def test_a_key_is_looked_up_by_its_index(shop_store: GraphStore) -> None:
    """The plan says so: a user's interests are not found by a look at all users."""
    plan = packaged()["top_interests"].explain(shop_store, {"userId": "ada"})
    scans = {"ladybug": "PRIMARY_KEY_SCAN_NODE_TABLE", "neo4j": "NodeUniqueIndexSeek"}
    assert scans[shop_store.dialect] in [step.operator for step in plan]


def test_nothing_is_run(shop_store: GraphStore) -> None:
    """A text that fails when it runs has a plan."""
    text = "MATCH (u:User) RETURN 1 / (size(u.userId) - size(u.userId)) AS x"
    with pytest.raises(QueryError):
        shop_store.query(text)
    assert shop_store.explain(text)


def test_nothing_is_written(shop_store: GraphStore) -> None:
    """A plan of a writing text is refused, or is all that happens."""
    before = shop_store.counts()
    with contextlib.suppress(WriteRefused, QueryError):
        shop_store.explain("CREATE (:User {userId: 'zoe'})")
    assert shop_store.counts() == before


def test_a_text_that_is_wrong(shop_store: GraphStore) -> None:
    with pytest.raises(QueryError):
        shop_store.explain("MATCH (u:User RETURN u")


def test_a_drawing_of_a_join() -> None:
    """Both sides under the join, each with what is under it; what only a run measures is left
    out."""
    drawing = """
┌──────────────────┐
│┌────────────────┐│
││ Physical Plan  ││
│└────────────────┘│
└──────────────────┘
┌──────────────────┐
│    RESULT[9]     │
│  Expressions: a  │
│        b         │
│   ------------   │
│NumOutputTuples: 0│
└────────┬─────────┘
┌────────┴─────────┐
│   HASH_JOIN[8]   ├──────────────────┐
│     Keys: u      │                  │
└────────┬─────────┘                  │
┌────────┴─────────┐┌────────┴─────────┐
│    FILTER[2]     ││   BUILD[7]       │
└────────┬─────────┘└────────┬─────────┘
┌────────┴─────────┐┌────────┴─────────┐
│     SCAN[1]      ││     SCAN[6]      │
│   Table: User    ││   Table: Item    │
└──────────────────┘└──────────────────┘
"""
    found = [(s.depth, s.operator, s.details) for s in steps(drawing.strip())]
    assert found == [
        (0, "RESULT", "Expressions: a, b"),
        (1, "HASH_JOIN", "Keys: u"),
        (2, "FILTER", ""),
        (3, "SCAN", "Table: User"),
        (2, "BUILD", ""),
        (3, "SCAN", "Table: Item"),
    ]


def test_the_command(
    shop_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with values or without, or Cypher of one's own; nothing at all is wrong usage."""
    monkeypatch.setenv("KG_STORE", shop_url)
    assert main(["query", "--explain", "top_interests", "userId=ada"]) == 0
    assert capsys.readouterr().out.startswith("step")
    assert main(["query", "--explain", "best_users", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert set(plan[0]) == {"depth", "operator", "details", "rows"}
    assert main(["query", "--explain", "--cypher", "MATCH (u:User) RETURN count(*) AS n"]) == 0
    assert main(["query", "--explain"]) == 2
