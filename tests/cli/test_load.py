"""`kg load`: every row accounted for, a second load that changes nothing, nothing half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg.cli import main
from kg.store import open_store

Output = pytest.CaptureFixture[str]

REVIEWS = """\
{"reviewerID": "a", "asin": "x", "overall": 5.0, "reviewText": "good", "unixReviewTime": 1600000000}
{"reviewerID": "a", "asin": "x", "overall": 5.0, "reviewText": "good", "unixReviewTime": 1600000000}
{"reviewerID": "b", "asin": "x", "overall": 9.0, "reviewText": "bad", "unixReviewTime": 1600000000}
{"reviewerID": "b", "asin": "y", "overall": 2.0, "reviewText": "so", "unixReviewTime": 1600086400}
"""


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that holds nothing yet."""
    if request.param == "neo4j":
        return str(request.getfixturevalue("empty_neo4j"))
    return f"ladybug://{tmp_path}/kg.lbug"


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four rows: one a duplicate, one with a rating off the scale. Run from its folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "reviews.jsonl"
    path.write_text(REVIEWS, encoding="utf-8")
    return str(path)


def load_json(capsys: Output, url: str, *argv: str) -> Any:
    assert main(["load", *argv, "--store", url, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_row_is_accounted_for(url: str, reviews: str, capsys: Output) -> None:
    """rows = written + merged + rejected, and the store holds what was written."""
    found = load_json(capsys, url, "amazon", reviews)
    file = found["files"][0]
    assert (file["rows"], file["written"], file["merged"], file["rejected"]) == (4, 2, 1, 1)
    assert found["loaded"]["REVIEWED"] == {
        "created": 2, "updated": 0, "unchanged": 0, "deleted": 0,
    }  # fmt: skip
    with open_store(url, read_only=True) as store:
        assert store.counts() == {"User": 2, "Item": 2, "REVIEWED": 2}


def test_a_second_load_changes_nothing(url: str, reviews: str, capsys: Output) -> None:
    """The same files again create nothing."""
    load_json(capsys, url, "amazon", reviews)
    again = load_json(capsys, url, "amazon", reviews)
    assert [c["created"] for c in again["loaded"].values()] == [0, 0, 0]
    with open_store(url, read_only=True) as store:
        assert store.counts() == {"User": 2, "Item": 2, "REVIEWED": 2}


def test_a_load_of_something_new_says_how_much_and_not_whose(
    url: str, reviews: str, tmp_path: Path, capsys: Output
) -> None:
    """A review more, in a file of all of them."""
    load_json(capsys, url, "amazon", reviews)
    more = tmp_path / "more.jsonl"
    line = '{"reviewerID": "a", "asin": "y", "overall": 4.0, "unixReviewTime": 1600200000}'
    more.write_text(f"{REVIEWS}{line}\n", encoding="utf-8")
    found = load_json(capsys, url, "amazon", str(more))["loaded"]
    assert set(found["User"]) == {"created", "updated", "unchanged", "deleted"}
    kinds = [found[name] for name in ("REVIEWED", "RATED") if name in found]
    assert sum(count["created"] for count in kinds) == 1
    assert all(isinstance(n, int) for count in found.values() for n in count.values())


def test_rejects_are_kept(url: str, reviews: str, tmp_path: Path, capsys: Output) -> None:
    """A rejected row is in the file named by --rejects, with line and reason."""
    path = tmp_path / "bad.jsonl"
    found = load_json(capsys, url, "amazon", reviews, "--rejects", str(path))
    assert found["rejects"] == str(path)
    row = json.loads(path.read_text(encoding="utf-8"))
    assert (row["line"], row["reason"]) == (3, "rating off the scale 1 to 5")


def test_the_table_for_people(url: str, reviews: str, capsys: Output) -> None:
    """The sum, the findings, what the store did and where the rejects are."""
    assert main(["load", "amazon", reviews, "--store", url]) == 0
    out, err = capsys.readouterr()
    assert "= written  + merged  + rejected" in out
    assert "rating off the scale 1 to 5" in out
    assert f"in {url}" in out
    assert err == "1 rejected rows, each with its reason, are in rejects.jsonl\n"


def test_strict_writes_nothing(url: str, reviews: str, capsys: Output) -> None:
    """--strict stops at the first bad row, names it, and leaves the store as it was."""
    assert main(["load", "amazon", reviews, "--strict", "--store", url]) == 1
    assert "reviews.jsonl:3: rating off the scale 1 to 5" in capsys.readouterr().err
    assert not (Path(reviews).parent / "kg.lbug").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nothing", "x"], "nothing"),
        (["amazon", "none.jsonl"], "none.jsonl"),
        (["amazon"], "no path"),
    ],
)
def test_wrong_input_is_one_line(
    reviews: str, argv: list[str], says: str, tmp_path: Path, capsys: Output
) -> None:
    """An unknown source and a file that is not there are said in one line; no store is made."""
    assert main(["load", *argv, "--store", f"ladybug://{tmp_path}/kg.lbug"]) == 1
    err = capsys.readouterr().err
    assert (says in err, err.count("\n")) == (True, 1)
    assert not (tmp_path / "kg.lbug").exists()


def test_a_server_that_does_not_answer(reviews: str, capsys: Output) -> None:
    """It is said before the files are read."""
    assert main(["load", "amazon", reviews, "--store", "bolt://127.0.0.1:1"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_the_sources_there_are(capsys: Output) -> None:
    """--list names every source with what it reads."""
    assert main(["load", "--list", "--json"]) == 0
    found = {s["source"]: s["title"] for s in json.loads(capsys.readouterr().out)}
    assert found["ciao"].startswith("Ciao: product ratings")
    assert all(found.values())


def test_an_offline_load_writes_files_and_says_what_to_run(
    reviews: str, tmp_path: Path, capsys: Output
) -> None:
    """No store is touched; the command reads what was written."""
    assert main(["load", "amazon", reviews, "--offline", "out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["written"] == {"User": 2, "Item": 2, "REVIEWED": 2}
    assert found["import"] == f"neo4j-admin database import full @{tmp_path}/out/import.args"
    assert not found["imported"]
    assert (tmp_path / "out" / "import.args").is_file()
    assert not (tmp_path / "kg.lbug").exists()


def test_an_offline_load_has_no_store(reviews: str, capsys: Output) -> None:
    """The two say different things."""
    assert main(["load", "amazon", reviews, "--offline", "out", "--store", "ladybug://x"]) == 2
    assert "--store" in capsys.readouterr().err


def test_an_offline_load_keeps_off_a_folder_in_use(
    reviews: str, tmp_path: Path, capsys: Output
) -> None:
    """Before the files are read."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert main(["load", "amazon", reviews, "--offline", "out"]) == 1
    assert "not an empty folder" in capsys.readouterr().err


def test_a_failed_import_keeps_the_files_and_the_rejects(
    reviews: str, tmp_path: Path, capsys: Output
) -> None:
    """What was read is not lost; the command says what to run."""
    argv = ["load", "amazon", reviews, "--offline", "out", "--neo4j-home", str(tmp_path)]
    assert main(argv) == 1
    assert "neo4j-admin" in capsys.readouterr().err
    assert (tmp_path / "out" / "import.args").is_file()
    assert "off the scale" in (tmp_path / "rejects.jsonl").read_text()
