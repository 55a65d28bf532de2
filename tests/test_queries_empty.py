"""Named queries on a store that holds nothing yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.queries import packaged
from kg.store import GraphStore, open_store


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """The schema and no rows."""
    is_neo4j = request.param == "neo4j"
    url = request.getfixturevalue("empty_neo4j") if is_neo4j else f"ladybug://{tmp_path}/kg.lbug"
    with open_store(url) as store:
        store.ensure_schema()
        yield store


def test_every_query_answers_with_nothing(empty: GraphStore) -> None:
    """No query fails before there is data, and none makes rows up."""
    for name, query in packaged().items():
        given = {p.name: "0" for p in query.parameters if p.required}
        if name != "data_quality":
            assert query.run(empty, given).rows == [], name


def test_data_quality_counts_nothing(empty: GraphStore) -> None:
    """Every check is listed with zero of zero."""
    rows = packaged()["data_quality"].run(empty).rows
    assert {tuple(row[1:]) for row in rows} == {(0, 0)}
    assert len(rows) == 11
