"""query, profile, recommend and export as commands, on every store."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from kg.cli import main

Output = pytest.CaptureFixture[str]


def run(capsys: Output, url: str, *argv: str) -> tuple[str, str]:
    """What the command wrote on stdout and stderr; it must have gone well."""
    assert main([*argv, "--store", url]) == 0
    out, err = capsys.readouterr()
    return out, err


def run_json(capsys: Output, url: str, *argv: str) -> Any:
    out, err = run(capsys, url, *argv, "--json")
    assert err == ""
    return json.loads(out)


def test_query_table(shop_url: str, capsys: Output) -> None:
    """Named columns, a row a line."""
    out, _ = run(capsys, shop_url, "query", "similar_users", "userId=ada")
    assert out == (
        "rank  userId  score  valueTier  interest\n"
        "   1  eve         1  new        guitars\n"
        "   2  ben       0.8  loyal      guitars\n"
    )


def test_query_json_is_a_list_of_objects(shop_url: str, capsys: Output) -> None:
    """Keys are the columns, values keep their types."""
    found = run_json(capsys, shop_url, "query", "similar_users", "userId=ada", "k=1")
    assert found == [
        {"rank": 1, "userId": "eve", "score": 1.0, "valueTier": "new", "interest": "guitars"}
    ]


def test_query_json_without_rows(shop_url: str, capsys: Output) -> None:
    """No rows are an empty list."""
    assert run_json(capsys, shop_url, "query", "similar_users", "userId=ivy") == []


def test_query_csv(shop_url: str, capsys: Output) -> None:
    """A header, lists as JSON, raw numbers."""
    out, _ = run(capsys, shop_url, "query", "inferred_interests", "k=1", "--format", "csv")
    assert list(csv.reader(io.StringIO(out))) == [
        ["userId", "categoryId", "category", "score", "evidenceCount", "topEvidence"],
        ["gus", "music/guitars", "guitars", "0.5", "1", '["FRIEND_OF:ada"]'],
    ]


def test_query_parquet(shop_url: str, tmp_path: Path, capsys: Output) -> None:
    """Declared types, even of a column that is all null."""
    path = tmp_path / "new.parquet"
    run(capsys, shop_url, "query", "new_users", "days=4", "--format", "parquet", "-o", str(path))
    table = pq.read_table(path)
    assert str(table.schema.field("monetary").type) == "double"
    assert table["userId"].to_pylist() == ["eve", "fay"]


def test_query_into_a_file(shop_url: str, tmp_path: Path, capsys: Output) -> None:
    """--output writes the file and nothing on stdout."""
    path = tmp_path / "segments.json"
    out, _ = run(capsys, shop_url, "query", "segments", "--json", "-o", str(path))
    assert out == ""
    assert json.loads(path.read_text(encoding="utf-8"))[0]["segment"] == "guitars"


def test_query_says_when_it_cut(shop_url: str, capsys: Output) -> None:
    """A row cap that cut rows is said on stderr."""
    out, err = run(capsys, shop_url, "query", "segments", "--limit", "1")
    assert len(out.splitlines()) == 2
    assert err == "cut at 1 rows: there are more; --limit N asks for them\n"


def test_query_ad_hoc(shop_url: str, capsys: Output) -> None:
    """Cypher of the user's own."""
    text = "MATCH (u:User) RETURN count(*) AS users"
    assert run_json(capsys, shop_url, "query", "--cypher", text) == [{"users": 9}]


def test_query_ad_hoc_from_stdin(
    shop_url: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """- reads the text from stdin."""
    monkeypatch.setattr("sys.stdin", io.StringIO("RETURN 1 AS x"))
    assert run_json(capsys, shop_url, "query", "--cypher", "-") == [{"x": 1}]


@pytest.mark.parametrize(
    "text", ["CREATE (:User {userId: 'x'})", "MATCH (u:User) SET u.country = 'x' RETURN 1 AS x"]
)
def test_query_ad_hoc_is_read_only(shop_url: str, text: str, capsys: Output) -> None:
    """A write is refused in one line."""
    assert main(["query", "--cypher", text, "--store", shop_url]) == 1
    out, err = capsys.readouterr()
    assert (out, err.startswith("error: "), err.count("\n")) == ("", True, 1)


def test_cypher_takes_values(shop_url: str, capsys: Output) -> None:
    """Texts as name=text, all else as name:=JSON, so that no value stands in the query."""
    text = "MATCH (u:User) WHERE u.country = $c AND u.frequency > $n RETURN u.userId AS id"
    found = run_json(capsys, shop_url, "query", "--cypher", text, "c=UK", "n:=0")
    assert {"id": "ada"} in found
    assert run_json(capsys, shop_url, "query", "--cypher", text, "c=UK", "n:=99") == []
    assert main(["query", "--cypher", text, "c=UK", "n:=x", "--store", shop_url]) == 2
    assert "'x' is no JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["top_interests", "userId=AD"], "no user 'AD' in .*; ids that contain it: ada"),
        (["bought_together", "itemId=none"], "no item 'none' in "),
        (["category_audience", "categoryId=guitars"],
         "no category 'guitars' in .*; ids that contain it: music/guitars"),
    ],
)  # fmt: skip
def test_an_answer_about_nobody_says_so(
    shop_url: str, capsys: Output, argv: list[str], says: str
) -> None:
    """Rather than look like one about somebody with nothing to tell."""
    out, err = run(capsys, shop_url, "query", *argv, "--format", "json")
    assert json.loads(out) == []
    assert re.search(says, err)


def test_query_that_is_no_cypher(shop_url: str, capsys: Output) -> None:
    """A wrong text is one line too, however much the store has to say."""
    assert main(["query", "--cypher", "MATCH MATCH", "--store", shop_url]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_query_timeout(shop_url: str, capsys: Output) -> None:
    """A query that takes too long is stopped."""
    text = "UNWIND range(1, 20000000) AS a UNWIND range(1, 1000) AS b RETURN sum(a * b) AS x"
    assert main(["query", "--cypher", text, "--timeout", "0.3", "--store", shop_url]) == 1
    assert "error: " in capsys.readouterr().err


def test_query_names_the_wrong_parameter(shop_url: str, capsys: Output) -> None:
    """A value that does not convert is named."""
    assert main(["query", "best_users", "k=ten", "--store", shop_url]) == 1
    assert capsys.readouterr().err == "error: query best_users: k='ten': not a whole number\n"


def test_query_list(capsys: Output) -> None:
    """Without a name: every query and its sentence, without a store."""
    assert main(["query", "--json"]) == 0
    found = {q["name"]: q for q in json.loads(capsys.readouterr().out)}
    assert found["similar_users"]["sentence"] == "Who is like a user in taste, nearest first."
    assert found["similar_users"]["parameters"][1] == {
        "name": "k", "type": "int", "required": False, "default": 10,
    }  # fmt: skip


def test_query_describe(capsys: Output) -> None:
    """Signature, sentence, columns, file and text."""
    assert main(["query", "--describe", "segments"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("segments()\nWhich groups of like taste there are")
    assert "returns segment: string, users: int" in out
    assert "MATCH (u:User)" in out


def test_query_of_an_own_folder(
    shop_url: str, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--queries and KG_QUERIES add an analyst's folder; list parameters repeat."""
    text = (
        "// name: those(ids: strings)\n// Those.\n// returns: n: int\n"
        "MATCH (u:User) WHERE u.userId IN $ids RETURN count(*) AS n"
    )
    (tmp_path / "those.cypher").write_text(text, encoding="utf-8")
    argv = ("query", "those", "ids=ada", "ids=ben", "ids=nobody")
    assert run_json(capsys, shop_url, *argv, "--queries", str(tmp_path)) == [{"n": 2}]
    monkeypatch.setenv("KG_QUERIES", str(tmp_path))
    assert run_json(capsys, shop_url, *argv) == [{"n": 2}]


def test_profile_screen(shop_url: str, capsys: Output) -> None:
    """Who, since when, profile, activity, interests with evidence, similar users, freshness."""
    out, _ = run(capsys, shop_url, "profile", "ada")
    assert out.startswith("ada, member since 2022-05-27, first seen 2023-03-23\nsource: ")
    for part in (
        "source: country UK",
        "valueTier      champion",
        "recencyDays    9 days",
        "churnRisk      0.1                    chance of no event in the horizon after profileAsOf",
        "PURCHASED       3      2  2023-03-23  2023-06-21",
        "guitars     0.9  observed  1 review, 1 purchase, 1 followed user and 3 more; most: rev",
        "Telecaster",
        "eve",
        "release r2, as of 2023-07-01, scores are chances within 30 days of it",
    ):
        assert part in out, part


def test_profile_with_the_nearest_users(capsys: pytest.CaptureFixture[str], shop_url: str) -> None:
    """--similar asks the vectors of now, and the table says so."""
    out, _ = run(capsys, shop_url, "profile", "ada", "--similar", "1")
    assert "nearest user" in out
    found = run_json(capsys, shop_url, "profile", "ada", "--similar", "1")
    assert [s["userId"] for s in found["similar"]] == ["eve"]


def test_profile_json(shop_url: str, capsys: Output) -> None:
    """The same as one object, with the graph's own names."""
    found = run_json(capsys, shop_url, "profile", "ada")
    assert found["userId"] == "ada"
    assert found["profile"]["valueTier"] == "champion"
    assert found["categories"][0]["evidence"][0]["id"] == "REVIEWED:r1"
    assert found["freshness"]["asOf"] == 1688169600


def test_profile_cold_start_is_said(shop_url: str, capsys: Output) -> None:
    """A profile that stands on friends says so at the top."""
    out, _ = run(capsys, shop_url, "profile", "gus")
    assert "Cold start: the profile stands on friends only" in out


def test_profile_missing_is_said(shop_url: str, capsys: Output) -> None:
    """A user without a profile is shown, with what to run."""
    out, _ = run(capsys, shop_url, "profile", "ivy")
    assert "No profile: the user came after the live release r2. Run `kg refresh`" in out


def test_profile_of_nobody(shop_url: str, capsys: Output) -> None:
    """An unknown user is an error."""
    assert main(["profile", "nobody", "--store", shop_url]) == 1
    assert "error: no user 'nobody'" in capsys.readouterr().err


def test_recommend(shop_url: str, capsys: Output) -> None:
    """Ranked items and where each comes from."""
    out, _ = run(capsys, shop_url, "recommend", "ada", "-k", "2")
    assert out.splitlines()[0] == "From the user's profile."
    assert "why" not in out.splitlines()[1]
    assert [line.split()[1] for line in out.splitlines()[2:]] == ["tele", "piano"]


def test_recommend_why(shop_url: str, capsys: Output) -> None:
    """--why adds the reasons."""
    out, _ = run(capsys, shop_url, "recommend", "ada", "-k", "1", "--why")
    assert "most: bought Stratocaster" in out


def test_recommend_json(shop_url: str, capsys: Output) -> None:
    """One object with the list, reasons included."""
    found = run_json(capsys, shop_url, "recommend", "hal", "--k", "1")
    assert found["coldStart"] is True
    assert found["items"][0]["itemId"] == "knife"
    assert found["items"][0]["why"] == "popular: 3 users in the last 30 days"


def test_recommend_leaves_out_sensitive_categories(
    shop_url: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KG_SENSITIVE holds for recommendations."""
    monkeypatch.setenv("KG_SENSITIVE", "kitchen")
    found = run_json(capsys, shop_url, "recommend", "hal", "--k", "1")
    assert found["items"][0]["itemId"] == "strings"


def test_export(shop_url: str, tmp_path: Path, capsys: Output) -> None:
    """The command says what it wrote and where."""
    path = tmp_path / "shop"
    found = run_json(capsys, shop_url, "export", str(path))
    assert found["rows"]["User"] == 9
    assert sorted(p.stem for p in path.iterdir()) == sorted(found["rows"])
