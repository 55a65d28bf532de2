"""Text from data and users is data, whatever it looks like: through load, query, profile, forget
and back unchanged, or rejected with a reason."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from kg.cli import main
from kg.errors import ConfigError
from kg.store import open_store
from loaders.lines import NOT_TEXT
from loaders.mapping import read_mapping
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]

STRINGS = {
    "quotes": "it's \"quoted\" ''twice''",
    "backticks": "`User` ``x``",
    "pattern": "x})-[]->(n) DETACH DELETE n //",
    "statement": "'; MATCH (n) DETACH DELETE n; RETURN '",
    "parameter": "$userId ${userId} {userId} %s {0}",
    "backslash": "\\' \\n \\u0041 \\",
    "comment": "/* x */ // y -- z",
    "bar": "a|b\\|c|\\N",
    "markup": "<b>&amp;</b> [red]x[/red] ]]>",
    "right to left": "\u202eabc\u202c \u200fשלום",
    "joined": "👩‍👩‍👧 e\u0301 é \ufeff",
    "controls": "a\x01\x1b[31m\x7f\x85b",
    "lines": "a\nb\r\nc\td\u2028e",
    "spaces": "  lead and trail  ",
    "option": "--store",
    "null": "null",
    "json": '{"a": [1, "b"]}',
    "wide": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd",
}
MAPPING = """
title = "odd"
[[files]]
match = "events.jsonl"
holds = "events"
[[files.edges]]
type = "REVIEWED"
src = "user"
dst = "item"
key = ["user", "item"]
scale = [1, 5]
set.rating = "stars"
set.text = "text"
set.note = "text"
[[files.edges]]
type = "IN_CATEGORY"
src = "item"
dst = "category"
[[files.nodes]]
label = "Item"
key = "item"
set.title = "text"
[[files.nodes]]
label = "User"
key = "user"
set.motto = "text"
"""


def row(user: str, **more: Any) -> dict[str, Any]:
    return {"user": user, "item": f"i {user}", "category": f"c {user}", "text": user,
            "stars": 5, **more}  # fmt: skip


def load(desk: Path, url: str, rows: list[dict[str, Any]]) -> int:
    folder = desk / "odd"
    folder.mkdir(exist_ok=True)
    (folder / "shop.toml").write_text(MAPPING)
    (folder / "events.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return main(["load", "tabular", str(folder), "--option", f"mapping={folder}/shop.toml",
                 "--store", url, "--json"])  # fmt: skip


def asked(url: str, text: str, **given: Any) -> list[list[Any]]:
    with open_store(url, read_only=True) as store:
        return store.query(text, given).rows


def test_hostile_text_comes_back_unchanged(empty_url: str, desk: Path) -> None:
    """Ids, category names, attributes and texts, found by the value itself as a parameter."""
    assert load(desk, empty_url, [row(s) for s in STRINGS.values()]) == 0
    for name, text in STRINGS.items():
        found = asked(
            empty_url,
            "MATCH (u:User {userId: $id})-[r:REVIEWED]->(i:Item)-[:IN_CATEGORY]->(c:Category) "
            "RETURN u.userId, u.motto, r.text, r.note, i.itemId, i.title, c.categoryId",
            id=text,
        )
        expected = [text, text, text, text, f"i {text}", text, f"c {text}"]
        assert found == [expected], name
    assert asked(empty_url, "MATCH (n:User) RETURN count(n)") == [[len(STRINGS)]]


def test_a_second_load_of_it_changes_nothing(empty_url: str, desk: Path) -> None:
    rows = [row(s) for s in STRINGS.values()]
    load(desk, empty_url, rows)
    with open_store(empty_url, read_only=True) as store:
        before = store.counts()
    load(desk, empty_url, rows)
    with open_store(empty_url, read_only=True) as store:
        assert store.counts() == before


def test_commands_take_it_and_give_it_back(empty_url: str, desk: Path, capsys: Output) -> None:
    """profile, recommend, query, export-user and forget by a hostile id; nobody else goes."""
    load(desk, empty_url, [row(s) for s in STRINGS.values()])
    capsys.readouterr()
    for name, text in list(STRINGS.items())[::2]:
        for argv in (["profile", "--json"], ["recommend", "--json"], ["export-user"]):
            assert main([*argv, "--store", empty_url, "--", text]) == 0, (name, argv)
            assert json.loads(capsys.readouterr().out)["userId"] == text
        argv = ["query", "user_events", f"userId={text}", "--json", "--store", empty_url]
        assert main(argv) == 0
        assert json.loads(capsys.readouterr().out)[0]["itemId"] == f"i {text}"
    for gone, text in enumerate(list(STRINGS.values())[::3], 1):
        assert main(["forget", "--yes", "--json", "--store", empty_url, "--", text]) == 0
        assert json.loads(capsys.readouterr().out)["users"] == 1
        assert main(["forget", "--verify", "--store", empty_url, "--", text]) == 0
        capsys.readouterr()
        assert asked(empty_url, "MATCH (n:User) RETURN count(n)") == [[len(STRINGS) - gone]]


def test_a_terminal_sees_no_control_characters(empty_url: str, desk: Path, capsys: Output) -> None:
    load(desk, empty_url, [row(STRINGS["controls"])])
    capsys.readouterr()
    assert main(["profile", "--store", empty_url, "--", STRINGS["controls"]]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_megabyte_of_text_comes_back(empty_url: str, desk: Path) -> None:
    long = "ä})-[" * 170_000
    assert load(desk, empty_url, [row("u", text=long)]) == 0
    assert asked(empty_url, "MATCH (:User)-[r:REVIEWED]->() RETURN r.text") == [[long]]


def test_a_megabyte_of_id_is_rejected(empty_url: str, desk: Path, capsys: Output) -> None:
    """A store's index holds none so long; the reason says so."""
    assert load(desk, empty_url, [row("u" * 1_000_000), row("ok")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["reject_reasons"] == {"a key of more than 8,000 bytes": 1}
    assert asked(empty_url, "MATCH (n:User) RETURN n.userId") == [["ok"]]


def test_a_null_byte_in_a_file_is_rejected(empty_url: str, desk: Path, capsys: Output) -> None:
    """No text holds one; the other rows load."""
    load(desk, empty_url, [row("ok")])
    path = desk / "odd" / "events.jsonl"
    path.write_bytes(path.read_bytes() + json.dumps(row("a?b")).replace("?", "\0").encode() + b"\n")
    capsys.readouterr()
    assert main(["load", "tabular", str(desk / "odd"), "--option", f"mapping={desk}/odd/shop.toml",
                 "--store", empty_url, "--json"]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out)["reject_reasons"] == {NOT_TEXT: 1}
    assert asked(empty_url, "MATCH (n:User) RETURN n.userId") == [["ok"]]


def test_an_escaped_null_never_cuts_a_text(empty_url: str, desk: Path) -> None:
    """Unicode's replacement character stands in its place."""
    load(desk, empty_url, [row("a\0b")])
    assert asked(empty_url, "MATCH (n:User) RETURN n.userId") == [["a\ufffdb"]]


@pytest.mark.parametrize("text", [*(s for s in STRINGS.values() if s != "null"), "a\0b"])
def test_a_hostile_attribute_name_is_refused(tmp_path: Path, text: str) -> None:
    """Names become part of a statement, so they are letters and digits."""
    path = tmp_path / "m.toml"
    path.write_text(MAPPING + f"set.{json.dumps(text)} = 'text'\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"m\.toml"):
        read_mapping(path)


def test_a_hostile_table_name_in_a_policy_is_refused(empty_url: str, desk: Path) -> None:
    (desk / "p.toml").write_text("[fields]\n'User`}) DELETE u //.x' = 'drop'\n")
    assert main(["load", "synthetic", "--policy", "p.toml", "--store", empty_url]) == 1


SECRET = "s3cret-Tr0ub4dor"


def everything_under(folder: Path) -> str:
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".key"]
    return "".join(p.read_bytes().decode("utf-8", "replace") for p in files)


@pytest.mark.parametrize(
    "url", ["bolt://neo4j:SECRET@127.0.0.1:1", "bolt://127.0.0.1:1", "neo4j://127.0.0.1:1"]
)
def test_a_password_is_in_no_message_log_or_file(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, caplog: pytest.LogCaptureFixture,
    url: str,
) -> None:  # fmt: skip
    """Nor where it was wrongly given in the URL."""
    monkeypatch.setenv("NEO4J_PASSWORD", SECRET)
    caplog.set_level(logging.DEBUG)
    for line in (["load", "synthetic"], ["forget", "ada", "--yes"], ["doctor"]):
        main([*line, "--store", url.replace("SECRET", SECRET)])
    said = "".join(capsys.readouterr()) + caplog.text + everything_under(desk)
    assert "127.0.0.1" in said
    assert SECRET not in said


def test_a_servers_password_is_in_no_log_or_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole session at the most talkative level: driver, our own, audit, exports, reports."""
    import os

    password = os.environ.get("NEO4J_PASSWORD", SECRET)
    if shop.url.startswith("ladybug"):
        monkeypatch.setenv("NEO4J_PASSWORD", password)
    caplog.set_level(logging.DEBUG)
    for line in ("profile ada", "export out", "forget ada --yes --json", "audit", "doctor --json",
                 "query --cypher NONSENSE"):  # fmt: skip
        main(line.split())
    said = "".join(capsys.readouterr()) + caplog.text + everything_under(shop.folder)
    assert password not in said


def test_a_pseudonym_key_is_in_no_message_log_or_file(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, caplog: pytest.LogCaptureFixture
) -> None:
    key = "ab" * 32
    monkeypatch.setenv("KG_PSEUDONYM_KEY", key)
    caplog.set_level(logging.DEBUG)
    assert load(desk, f"ladybug://{desk}/kg.lbug", [row("ada")]) == 0
    for line in ("profile ada", "forget ada --yes --json", "audit --json", "doctor --json"):
        main([*line.split(), "--store", f"ladybug://{desk}/kg.lbug"])
    said = "".join(capsys.readouterr()) + caplog.text + everything_under(desk)
    assert key not in said
