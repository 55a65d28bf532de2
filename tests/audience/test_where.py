"""Audiences by condition and interest: who is in them, and which are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg.audience.where import where
from kg.audit import acts
from kg.cli import main
from kg.cli.audience import _show
from kg.errors import GroupTooSmall, NotFound, QueryError
from kg.store import GraphStore, open_store
from tests.audience.crowd import OBJECTS, USERS


@pytest.fixture
def store(crowd_url: str) -> Iterator[GraphStore]:
    with open_store(crowd_url, read_only=True) as opened:
        yield opened


def ids(store: GraphStore, *args: object, **more: object) -> list[str]:
    return where(store, *args, **more).users["userId"].to_pylist()  # type: ignore[arg-type]


def test_a_condition_chooses_by_properties(store: GraphStore) -> None:
    """By id, with the properties the condition names."""
    found = where(store, 'valueTier = "champion" and churnRisk >= 0.5')
    assert found.users["userId"].to_pylist() == [
        u for k, u in enumerate(USERS) if k >= 30 and k % 3 == 0
    ]
    assert found.users.column_names == ["userId", "valueTier", "churnRisk"]


def test_what_the_source_says_can_be_asked_for(store: GraphStore) -> None:
    assert ids(store, 'country = "UK" and churnRisk >= 0.4') == USERS[24:30]


def test_who_objects_is_in_no_audience(store: GraphStore) -> None:
    """Nor counted among those who could be."""
    found = where(store, "userId is not null")
    assert OBJECTS not in found.users["userId"].to_pylist()
    assert (found.users.num_rows, found.of) == (59, 59)
    assert OBJECTS not in ids(store, interested_in=["drinks/tea"])


def test_an_interest_in_a_category_or_below_it(store: GraphStore) -> None:
    """Highest score first."""
    tea = ids(store, interested_in=["drinks/tea"])
    assert tea == [u for u in USERS[::2] if u != OBJECTS]
    assert set(ids(store, interested_in=["drinks"])) == set(USERS) - {OBJECTS}


def test_condition_and_interest_together(store: GraphStore) -> None:
    found = where(store, "churnRisk < 0.2", interested_in=["coffee"])
    assert found.users.column_names == ["userId", "churnRisk", "interestScore"]
    assert found.users["userId"].to_pylist() == USERS[1:12:2]


def test_each_of_several_interests_is_asked_for(store: GraphStore) -> None:
    """With the weakest score; nobody likes both tea and coffee."""
    assert ids(store, interested_in=["drinks/tea", "coffee"]) == []
    both = where(store, interested_in=["drinks", "coffee"]).users
    assert both.num_rows == 30


def test_a_least_score(store: GraphStore) -> None:
    assert ids(store, interested_in=["drinks/tea"], min_score=0.9) == USERS[0:13:2]


def test_a_small_audience_is_refused(store: GraphStore) -> None:
    """Without saying how many there are."""
    assert len(ids(store, "churnRisk < 0.16", smallest=10)) == 10
    with pytest.raises(GroupTooSmall, match=r"^fewer than 11 users, too small") as e:
        ids(store, "churnRisk < 0.16", smallest=11)
    assert "10 " not in str(e.value)


def test_a_value_that_nobody_has_is_named(store: GraphStore) -> None:
    with pytest.raises(GroupTooSmall, match="valueTier: no user has 'chmpion'; did you mean 'cham"):
        ids(store, 'valueTier = "chmpion"', smallest=1)


def test_values_of_the_source_are_not_listed(store: GraphStore) -> None:
    """They may be personal."""
    with pytest.raises(GroupTooSmall) as e:
        ids(store, 'country = "DE"', smallest=1)
    assert "UK" not in str(e.value)


def test_a_name_of_two_categories_needs_an_id(store: GraphStore) -> None:
    with pytest.raises(QueryError, match="'tea' is the name of 2 categories: drinks/tea, other/te"):
        ids(store, interested_in=["tea"])


def test_an_unknown_category_has_near_ones(store: GraphStore) -> None:
    with pytest.raises(NotFound, match=r"no category 'COFF' in .*ids that contain it: drinks"):
        ids(store, interested_in=["COFF"])


def test_no_audience_of_a_sensitive_category(store: GraphStore) -> None:
    """Nor of one below it."""
    with pytest.raises(QueryError, match="'drinks/tea' is sensitive"):
        ids(store, interested_in=["drinks/tea"], sensitive={"drinks"})


def test_vectors_and_consent_cannot_be_asked_for(store: GraphStore) -> None:
    for name in ("embedding", "profiling"):
        with pytest.raises(QueryError, match=f"no property '{name}'"):
            ids(store, f"{name} is null")


@pytest.mark.parametrize("file", ["a.csv", "a.parquet"])
def test_an_export_is_whole_and_written_down(desk: Path, file: str) -> None:
    """The file has all rows; the audit has who, how many and where, and not what was asked."""
    assert main(["audience", "where", 'country = "UK"', "-o", file]) == 0
    table = pl.read_csv(file) if file.endswith("csv") else pl.from_arrow(pq.read_table(file))
    assert table["userId"].to_list() == USERS[:30]
    (act,) = acts(desk / "home")
    assert (act.command, act.rows, act.files) == (
        "audience where", {"User": 30}, [str(desk / file)],
    )  # fmt: skip
    assert "UK" not in (desk / "home" / "audit.jsonl").read_text()


def test_ten_is_the_smallest_where_nothing_is_set(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written."""
    asked = ["audience", "where", "churnRisk < 0.15", "-o", "a.csv"]
    assert main(asked) == 1
    assert "fewer than 10 users" in capsys.readouterr().err
    assert not (desk / "a.csv").exists()
    assert acts(desk / "home")[0].failed == "GroupTooSmall"
    monkeypatch.setenv("KG_MIN_GROUP", "9")
    assert main(asked) == 0


def test_on_the_screen_the_first_ones(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audience", "where", "churnRisk >= 0"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == ["… and 39 more: -o FILE writes all", "59 of 59 users"]


def test_moments_are_dates_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """Files and JSON have the seconds."""
    _show(pa.table({"userId": ["u01"], "createdAt": [86_400], "evidenceCount": [86_400]}), None)
    assert capsys.readouterr().out.splitlines()[1].split() == ["u01", "1970-01-02", "86400"]


def test_for_machines(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audience", "where", 'country = "UK"', "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["size"], found["of"], found["users"][0]) == (
        30,
        59,
        {"userId": "u00", "country": "UK"},
    )


@pytest.mark.parametrize(
    "asked", [[], ["churnRisk > 0", "-o", "a.txt"], ["--interested-in", "tea", "--min-score", "2"]]
)
def test_wrong_usage(desk: Path, asked: list[str]) -> None:
    assert main(["audience", "where", *asked]) == 2
