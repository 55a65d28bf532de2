"""Files for neo4j-admin's import: what is in them, and the same graph as an online load of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg.errors import ConfigError, StoreError
from kg.export import read_tables
from kg.ingest import ingest
from kg.neo4j_store import Neo4jStore
from kg.neo4j_store.offline import ARGUMENTS, SCHEMA, run_import, write_offline
from kg.offline import Offline
from kg.privacy.state import pseudonyms
from loaders.interface import LoadReport, Staged
from tests.neo4j_server import NoServer
from tests.neo4j_server.admin import write_admin
from tests.neo4j_server.choice import start_from_jars
from tests.store.tables import SHOP, table

TEXT = pa.schema([("words", pa.list_(pa.string())), ("city", pa.string()), ("vip", pa.bool_())])
NOW = 1_700_000_000


def staged(
    folder: Path,
    tables: Mapping[str, list[pa.Table]],
    attributes: Mapping[str, pa.Schema] | None = None,
    key_id: str | None = None,
) -> Staged:
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[Path]] = {}
    for name, pieces in tables.items():
        parts[name] = [folder / f"{name}-{k}.parquet" for k in range(len(pieces))]
        for path, rows in zip(parts[name], pieces, strict=True):
            pq.write_table(rows, path)
    return Staged(folder, parts, attributes or {}, LoadReport(source="t", files=[], key_id=key_id))


def shop(folder: Path) -> Staged:
    """What is hard to say in CSV; a second part with the key alone; keys alike on two labels."""
    users = pa.table(
        {
            "userId": ["ada", "ben", 'cl"eo\n', " dan ", "pen"],
            "createdAt": pa.array([10, None, -(2**53) - 1, 2**53 + 1, 0], pa.int64()),
            "words": pa.array([["a;b", "c,\n"], None, ["", "x"], ['"'], ["\\", ""]], TEXT[0].type),
            "city": ["", "  ", "Zürich 🏔", None, "a\\"],
            "vip": [True, False, None, None, True],
        }
    )
    edges = {n: SHOP[n] for n in ("Item", "Category", "REVIEWED", "IN_CATEGORY", "CHILD_OF")}
    rated = table(
        "RATED", src=["ada", "pen", "named"], dst=["pen"] * 3, eventId=["r1", "r2", "ü"],
        at=[1, None, 3], rating=[0.1 + 0.2, 5e-324, -0.0], helpful=[None, -1, 2**53 + 1],
    )  # fmt: skip
    return staged(
        folder,
        {
            "User": [users, pa.table({"userId": ["named"]})],
            "RATED": [rated],
            "FOLLOWS": [table("FOLLOWS", src=["ada", "ben"], dst=["ben", "pen"])],
            **{name: [rows] for name, rows in edges.items()},
        },
        {"User": TEXT},
        key_id="ring-1-abc",
    )


def lines(offline: Offline, name: str) -> list[str]:
    return (offline.folder / name).read_text("utf-8").splitlines()


def users(folder: Path, **columns: list[Any]) -> Staged:
    """One user with attributes."""
    added = pa.schema([(n, pa.array(v).type) for n, v in columns.items()])
    return staged(folder, {"User": [pa.table({"userId": ["ada"], **columns})]}, {"User": added})


def written(done: Staged, folder: Path) -> Offline:
    return write_offline(done, folder, now=NOW)


def test_keys_of_a_label_are_a_group_of_their_own(tmp_path: Path) -> None:
    """A user and an item may have one key."""
    done = written(staged(tmp_path / "in", {n: [SHOP[n]] for n in SHOP}), tmp_path / "out")
    assert lines(done, "User.csv")[0] == "userId:ID(User),createdAt:long"
    assert lines(done, "RATED.csv")[0].startswith(":START_ID(User),:END_ID(Item),eventId:string")
    assert done.rows == {n: t.num_rows for n, t in SHOP.items()}


def test_a_null_is_nothing_and_an_empty_text_is_quoted(tmp_path: Path) -> None:
    """The importer tells them apart by the quotes."""
    done = written(users(tmp_path / "in", a=[""], b=pa.array([None], pa.string())), tmp_path / "o")
    assert lines(done, "User.csv")[1] == '"ada","",'


@pytest.mark.parametrize(("text", "several"), [("one line", False), ("two\nlines", True)])
def test_values_of_several_lines_are_announced(tmp_path: Path, text: str, several: bool) -> None:
    """They cost the importer its threads, so only where there are any."""
    done = written(users(tmp_path / "in", bio=[text]), tmp_path / "out")
    assert ('"--multiline-fields=true"' in lines(done, ARGUMENTS)) is several


def test_the_database_stands_before_the_files(tmp_path: Path) -> None:
    """After them it would be taken for one more."""
    done = write_offline(users(tmp_path / "in"), tmp_path / "out", now=NOW, database="shop")
    assert lines(done, ARGUMENTS)[0] == '"shop"'


def test_the_schema_is_written_beside(tmp_path: Path) -> None:
    """A statement a line, for cypher-shell."""
    done = written(users(tmp_path / "in"), tmp_path / "out")
    assert all(s.startswith("CREATE CONSTRAINT") and s.endswith(";") for s in lines(done, SCHEMA))


@pytest.mark.parametrize("words", [[], [""]])
def test_a_list_of_nothing_is_refused(tmp_path: Path, words: list[str]) -> None:
    """In CSV it is no list at all; and no folder is left behind."""
    done = users(tmp_path / "in", words=pa.array([words], pa.list_(pa.string())))
    with pytest.raises(StoreError, match=r"User\.words: 1 rows"):
        written(done, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_text_with_the_joint_in_it_is_refused(tmp_path: Path) -> None:
    """It would come back as two."""
    with pytest.raises(StoreError, match=r"User\.words"):
        written(users(tmp_path / "in", words=[["a\x1fb"]]), tmp_path / "out")


def test_what_an_online_load_refuses_is_refused(tmp_path: Path) -> None:
    """The same checks."""
    with pytest.raises(StoreError, match="NaN or infinite"):
        written(users(tmp_path / "in", score=[float("nan")]), tmp_path / "out")


def test_a_name_the_header_cannot_say_is_refused(tmp_path: Path) -> None:
    """A colon ends the name there."""
    with pytest.raises(StoreError, match="shoe:size"):
        written(users(tmp_path / "in", **{"shoe:size": [1]}), tmp_path / "out")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Files of two imports do not mix."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ConfigError, match="not empty"):
        written(users(tmp_path / "in"), tmp_path / "out")


def test_a_home_without_the_tool_is_named(tmp_path: Path) -> None:
    """NEO4J_HOME of something else."""
    done = written(users(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(ConfigError, match="neo4j-admin"):
        run_import(done, tmp_path)


def test_what_the_tool_said_is_passed_on(tmp_path: Path) -> None:
    """And the command, to run it again."""
    tool = tmp_path / "bin" / "neo4j-admin"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho The database is in use.\nexit 3\n")
    tool.chmod(0o755)
    done = written(users(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(StoreError, match=r"3: The database is in use.*full @"):
        run_import(done, tmp_path)


def graph(store: Neo4jStore) -> dict[str, list[dict[str, Any]]]:
    """Every table as rows in the order of their keys."""
    found = read_tables(store, list(store.counts()))
    return {
        name: sorted(rows.to_pylist(), key=lambda r: str(list(r.values()))) for name, rows in found
    }


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Staged]]:
    """A server on a database that the importer made."""
    environ = {k: v for k, v in os.environ.items() if k != "NEO4J_URI"}
    done = shop(tmp_path / "in")
    files = written(done, tmp_path / "files for it")
    try:
        server = start_from_jars(environ, before=lambda job: run_import(files, write_admin(job)))
    except NoServer as e:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"the importer comes with Neo4j's jars: {e}")
        pytest.skip(f"the importer comes with Neo4j's jars: {e}")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server.url, done
    server.close()


@pytest.mark.neo4j
def test_an_import_is_the_graph_an_online_load_makes(
    empty_neo4j: str, imported: tuple[str, Staged], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value of every table, the columns a source added, and the name of the key; then the
    same load online changes nothing."""
    url, done = imported
    with Neo4jStore.open(url) as offline:
        offline.ensure_schema()
        found, added, key = graph(offline), offline.attributes(), pseudonyms(offline)
        again = ingest(done, offline, now=NOW)
        assert {c.created for c in again.values()} == {0}
        assert graph(offline) == found
    monkeypatch.undo()
    with Neo4jStore.open(empty_neo4j) as online:
        online.ensure_schema()
        ingest(done, online, now=NOW)
        assert found == graph(online)
        assert (added, key) == (online.attributes(), pseudonyms(online))
