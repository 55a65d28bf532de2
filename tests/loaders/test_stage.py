"""Staging: every row accounted for, every key once, both ends there."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import loaders.files
import loaders.spill
import loaders.staging
from kg.errors import ConfigError, InputError, KgError, StrictReject
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from loaders import SOURCES, Staged, stage
from tests.loaders.tables import NOW, RATINGS, column, rejects, rows, staged, write

HEAD = "user,item,rating,at\n"


def ratings(tmp_path: Path, lines: str, **given: Any) -> Staged:
    files = {"shop.toml": RATINGS, "ratings.csv": HEAD + lines}
    return staged(tmp_path, "tabular", files, **given)


def account(done: Staged) -> tuple[int, int, int, int]:
    report = done.report
    return report.rows, report.written, report.merged, report.rejected


def test_a_good_row_is_an_edge_between_two_nodes(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,4,1600000000\n")
    assert rows(done, "RATED") == [
        {"src": "u", "dst": "i", "eventId": "u|i", "at": 1600000000, "weight": 0.75, "rating": 4.0}
    ]
    assert (rows(done, "User"), rows(done, "Item")) == ([{"userId": "u"}], [{"itemId": "i"}])


def test_of_rows_with_one_key_the_last_counts(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,4,1600000000\nu,i,4,1600000000\nu,i,2,1600000005\n")
    assert column(done, "RATED", "rating") == [2.0]
    assert account(done) == (3, 1, 2, 0)
    assert done.report.findings == {
        "exact duplicate": 1, "key duplicate": 1, "keys with several rows": 1,
    }  # fmt: skip


def test_a_rejected_row_does_not_displace_a_good_one(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,4,1600000000\nu,i,9,1600000000\n")
    assert column(done, "RATED", "rating") == [4.0]
    assert account(done) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",i,4,1600000000", "no user"),
        ("u, ,4,1600000000", "no item"),
        ("u,i,,1600000000", "no rating"),
        ("u,i,five,1600000000", "rating is not a number"),
        ("u,i,0,1600000000", "rating off the scale 1 to 5"),
        ("u,i,nan,1600000000", "rating is not a number"),
        ("u,i,4,", "no time"),
        ("u,i,4,soon", "at is not a time"),
        ("u,i,4,0", "time before 1990"),
        (f"u,i,4,{NOW + 1}", "time in the future"),
        ("u,i,4", "3 cells, not 4"),
        (f"{'u' * 8001},i,4,1600000000", "a key of more than 8,000 bytes"),
    ],
)
def test_a_row_that_cannot_be_true_is_rejected(tmp_path: Path, line: str, reason: str) -> None:
    """With file, line, reason and its raw text; and counted."""
    done = ratings(tmp_path, f"v,j,3,1600000000\n{line}\n")
    assert rejects(done) == [
        {"file": str(tmp_path / "in" / "ratings.csv"), "line": 3, "reason": reason, "raw": line}
    ]
    assert done.report.reject_reasons == {reason: 1}
    assert done.report.findings[reason] >= 1
    assert account(done) == (2, 1, 0, 1)


def test_now_is_not_the_future(tmp_path: Path) -> None:
    assert account(ratings(tmp_path, f"u,i,4,{NOW}\n")) == (1, 1, 0, 0)


def test_the_item_of_a_rejected_rating_is_still_an_item(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,9,1600000000\nu,j,3,1600000000\n")
    assert column(done, "Item", "itemId") == ["i", "j"]


def test_rejects_are_for_their_owner_only(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,9,1600000000\n,i,3,1600000000\n")
    assert done.report.rejects is not None
    assert Path(done.report.rejects).stat().st_mode & 0o077 == 0


def test_strict_stops_at_the_first_reject_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StrictReject, match=r"ratings\.csv:3: rating off the scale 1 to 5$"):
        ratings(tmp_path, "u,i,4,1600000000\nu,j,9,1600000000\n,,,\n", strict=True)
    assert not (tmp_path / "out").exists()


def test_two_files_that_overlap_give_what_one_gives(tmp_path: Path) -> None:
    one = "u,i,4,1600000000\nv,i,3,1600000000\n"
    two = "v,i,3,1600000000\nw,j,1,1600000000\n"
    folder = {"shop.toml": RATINGS, "ratings-1.csv": HEAD + one, "ratings-2.csv": HEAD + two}
    both = staged(tmp_path, "tabular", folder)
    (tmp_path / "whole").mkdir()
    whole = ratings(tmp_path / "whole", one + two)
    edges = [sorted(map(str, rows(done, "RATED"))) for done in (both, whole)]
    assert edges[0] == edges[1]
    assert [(f.written, f.merged) for f in both.report.files] == [(1, 1), (2, 0)]


def test_buckets_and_small_chunks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of core, with every table in many buckets, the tables and the account are the same."""
    lines = "".join(f"u{n % 7},i{n % 5},{n % 7},{1_600_000_000 + n % 3}\n" for n in range(300))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = ratings(tmp_path / "a", lines)
    monkeypatch.setattr(loaders.files, "CHUNK", 100)
    monkeypatch.setattr(loaders.spill, "IN_MEMORY", 500)
    monkeypatch.setattr(loaders.staging, "BUCKET", 200)
    cut = ratings(tmp_path / "b", lines)
    assert len(cut.tables["RATED"]) > 5
    for table in ("RATED", "User", "Item"):
        listed = [sorted(map(str, rows(done, table))) for done in (whole, cut)]
        assert listed[0] == listed[1]
    assert (account(cut), cut.report.findings) == (account(whole), whole.report.findings)


def test_values_far_from_the_rest_are_marked_and_kept(tmp_path: Path) -> None:
    mapping = RATINGS.replace("RATED", "PURCHASED").replace("scale = [1, 5]\n", "")
    mapping = mapping.replace('set.rating = "rating"', 'set.quantity = "rating"')
    lines = "".join(f"u{n},i,{n % 9 + 1},1600000000\n" for n in range(100))
    files = {"shop.toml": mapping, "ratings.csv": HEAD + lines + "v,i,80000,1600000000\n"}
    done = staged(tmp_path, "tabular", files)
    marked = [row["src"] for row in rows(done, "PURCHASED") if row["outlier"]]
    assert marked == ["v"]
    assert done.report.findings["outlier quantity"] == 1
    assert done.attributes["PURCHASED"].names == ["outlier"]


def test_nothing_but_tables_and_rejects_is_left_behind(tmp_path: Path) -> None:
    done = ratings(tmp_path, "u,i,9,1600000000\nu,i,3,1600000000\n")
    names = {p.name for p in done.folder.iterdir()}
    assert names == {"User", "Item", "RATED", "rejects.jsonl"}


def test_an_unknown_source_is_an_error_that_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'ebay' is not one of amazon, ciao"):
        stage("ebay", [tmp_path], tmp_path / "out", now=NOW)


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"synthetic", "tabular"}))
def test_every_source_refuses_a_folder_without_its_files(tmp_path: Path, source: str) -> None:
    folder = write(tmp_path / "in", {"notes.txt": "hello\n"})
    with pytest.raises(InputError, match="in: "):
        stage(source, [folder], tmp_path / "out", now=NOW)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no file in this folder"):
        stage("ciao", [tmp_path / "in"], tmp_path / "out", now=NOW)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        stage("ciao", [tmp_path / "nowhere"], tmp_path / "out", now=NOW)


def test_files_without_a_row_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no row to load"):
        ratings(tmp_path, "")


def test_staging_needs_an_empty_folder(tmp_path: Path) -> None:
    write(tmp_path / "out", {"precious.txt": "x"})
    with pytest.raises(ConfigError, match="needs an empty folder"):
        ratings(tmp_path, "u,i,4,1600000000\n")
    assert (tmp_path / "out" / "precious.txt").exists()


def test_a_generated_source_takes_no_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reads no files"):
        stage("synthetic", [tmp_path], tmp_path / "out", now=NOW)


def consistent(done: Staged) -> None:
    """Keys once, ends there, every row accounted for."""
    report = done.report
    assert all(f.rows == f.written + f.merged + f.rejected for f in report.files)
    assert len(rejects(done)) == report.rejected
    nodes: dict[str, set[str]] = {}
    for table in done.tables:
        found = rows(done, table)
        assert len(found) == report.tables[table]
        if table in NODE_BY_LABEL:
            nodes[table] = {row[NODE_BY_LABEL[table].key] for row in found}
            assert len(nodes[table]) == len(found)
    for table in set(done.tables) & set(EDGE_TABLES):
        edge, found = EDGE_TABLES[table], rows(done, table)
        assert {row["src"] for row in found} <= nodes[edge.src]
        assert {row["dst"] for row in found} <= nodes[edge.dst]
        assert len({tuple(row[k] for k in edge.key) for row in found}) == len(found)


CELL = st.one_of(
    st.sampled_from(["u", "v", "i", "1", "5", "1600000000", "", " ", "NaN", "-1", "1e9"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufdd0"), max_size=6),
)
ROWS = st.lists(st.lists(CELL, min_size=4, max_size=4), min_size=1, max_size=12)


@given(ROWS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_cells_hold_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(cells)
    done = ratings(tmp_path_factory.mktemp("cells"), text.getvalue())
    assert done.report.rows == len(cells)
    consistent(done)


BYTES = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b'"', b"\n", b"u,i,4,1600000000\n", b'{"asin": "i"', b"}\n", b"{'a': 1}"]),
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize(
    ("source", "name", "head"),
    [
        ("tabular", "ratings.csv", HEAD.encode()),
        ("amazon", "r.json", b'{"reviewerID": "u", "asin": "i", "overall": 5}\n'),
        ("yelp", "u.json", b'{"user_id": "u", "yelping_since": "2012-01", "friends": "v, w"}\n'),
        ("movielens", "ratings.dat", b""),
        ("online_retail", "data.csv", b"InvoiceNo,StockCode"),
    ],
)
@given(data=BYTES)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_bytes_are_only_our_errors_come_out(
    tmp_path_factory: pytest.TempPathFactory, source: str, name: str, head: bytes, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    files: dict[str, str | bytes] = {name: head + data}
    if source == "tabular":
        files["shop.toml"] = RATINGS
    try:
        done = staged(folder, source, files)
    except KgError as e:
        assert "\n" not in str(e)  # noqa: PT017  # either outcome is right
        assert not (folder / "out").exists()
    else:
        consistent(done)
