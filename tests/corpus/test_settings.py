"""Policies, files of user ids, a source's word on profiling: each mistake is told, and where."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kg.cli import main
from kg.cli.people import people
from kg.errors import ConfigError
from kg.store import open_store
from loaders.policy import read_policy
from tests.corpus.case import HEAD, ROW
from tests.loaders.tables import RATINGS, rows, staged

Output = pytest.CaptureFixture[str]

POLICIES: dict[str, tuple[bytes, str]] = {
    "bytes that are no text": (b"\xff", "is not text in UTF-8"),
    "UTF-16": ('[fields]\n"User.city" = "keep"\n'.encode("utf-16"), "is not text in UTF-8"),
    "empty": (b"", ":1: .*fields"),
    "a key twice": (b'[fields]\n"User.city" = "keep"\n"User.city" = "drop"\n', "line 3"),
    "an open text": (b'[fields]\n"User.city" = "keep\n', "line 2"),
    "JSON": (b'{"fields": {}}', "line 1"),
    "deep lists": (b"x = " + b"[" * 5000, "nested too deep"),
    "5,000 digits": (b"x = " + b"9" * 5000, "thousands of digits"),
    "fields that are a list": (b"fields = []\n", ":1: fields"),
    "fields that are a text": (b'fields = "keep"\n', ":1: fields"),
    "an unknown table": (b'[fields]\n"User.city" = "keep"\n"Shop.city" = "keep"\n', ":3: .*'Shop'"),
    "an edge of ours": (b'[fields]\n"INTERESTED_IN.score" = "keep"\n', ":2: .*INTERESTED_IN"),
    "no table": (b'[fields]\ncity = "keep"\n', ":2: 'city' is not table.property"),
    "no property": (b'[fields]\n"User." = "keep"\n', ":2: 'User.' is not table.property"),
    "an unknown action": (b'[fields]\n"User.city" = "burn"\n', ":2: User.city: 'burn' is not"),
    "an action that is a number": (b'[fields]\n"User.city" = 5\n', ":2: User.city: 5 is not"),
    "an action of 10 MB": (b'[fields]\n"User.city" = "' + b"x" * 10_000_000 + b'"\n', ":2: .*…"),
    "a key": (b'[fields]\n"User.userId" = "keep"\n', ":2: 'User.userId' is a key"),
    "another section": (b"[fields]\n[rules]\n", ":2: rules"),
    "a table of a field": (b'[fields.User]\ncity = "keep"\n', "User"),
}  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_cannot_work_is_told(tmp_path: Path, name: str) -> None:
    """In one line, with its file."""
    data, error = POLICIES[name]
    path = tmp_path / "policy.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=error) as caught:
        read_policy(path)
    message = str(caught.value)
    assert "policy.toml" in message
    assert "\n" not in message
    assert len(message) < 1500


def test_a_policy_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b'\xef\xbb\xbf[fields]\r\n"User.city" = "drop"\r\n')
    assert read_policy(path).action("User", "city") == "drop"


IDS: dict[str, tuple[bytes, list[str]]] = {
    "one a line": (b"u\nv\n", ["u", "v"]),
    "no newline at the end": (b"u\nv", ["u", "v"]),
    "CR LF": (b"u\r\nv\r\n", ["u", "v"]),
    "CR": (b"u\rv\r", ["u", "v"]),
    "byte order mark": (b"\xef\xbb\xbfu\nv\n", ["u", "v"]),
    "blank lines": (b"\nu\n \n\t\nv\n\n", ["u", "v"]),
    "twice": (b"u\nv\nu\n", ["u", "v"]),
    "spaces belong to an id": (b" u\nv \n", [" u", "v "]),
    "other scripts": ("ü\n中\n".encode(), ["ü", "中"]),
    "line separators of Unicode": ("u\u2028x\nv\x0bx\n".encode(), ["u\u2028x", "v\x0bx"]),
    "commas and quotes": (b'"u",1\nv;w\n', ['"u",1', "v;w"]),
    "ten MB": (b"x" * 10_000_000 + b"\nv\n", ["x" * 10_000_000, "v"]),
}
BAD_IDS: dict[str, tuple[bytes, str]] = {
    "UTF-16": ("u\nv\n".encode("utf-16"), "byte 0 is not UTF-8"),
    "UTF-16 without a mark": ("u\nv\n".encode("utf-16-le"), r"ids\.txt:1: holds a NUL"),
    "Latin-1": (b"u\nv\xe9\n", "byte 3 is not UTF-8"),
    "a NUL": (b"u\nv\0\n", r"ids\.txt:2: holds a NUL"),
    "packed": (b"\x1f\x8b\x08\0\0", "byte 1 is not UTF-8"),
}


@pytest.mark.parametrize("name", IDS)
def test_a_file_of_ids_is_read_line_by_line(tmp_path: Path, name: str) -> None:
    data, ids = IDS[name]
    (tmp_path / "ids.txt").write_bytes(data)
    assert people(None, tmp_path / "ids.txt") == ids


@pytest.mark.parametrize("name", BAD_IDS)
def test_a_file_of_ids_that_is_no_text_is_told(tmp_path: Path, name: str) -> None:
    data, error = BAD_IDS[name]
    (tmp_path / "ids.txt").write_bytes(data)
    with pytest.raises(ConfigError, match=error):
        people(None, tmp_path / "ids.txt")


def test_ids_from_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        people(None, tmp_path)


COMMANDS = (["forget", "--yes"], ["consent", "withdraw"], ["consent", "give"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", ["UTF-16", "a NUL"])
def test_no_user_is_touched_by_a_file_that_is_no_text(
    tmp_path: Path, capsys: Output, command: list[str], name: str
) -> None:
    """One line on stderr, exit code 1, no store made."""
    (tmp_path / "ids.txt").write_bytes(BAD_IDS[name][0])
    store = tmp_path / "kg.lbug"
    argv = [*command, "--file", str(tmp_path / "ids.txt"), "--store", f"ladybug://{store}"]
    assert main(argv) == 1
    assert "ids.txt" in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize(
    ("cell", "says"),
    [("false", False), ("0", False), ("No", False), ("true", True), ("1", True), ("", None),
     ("maybe", False), ("2", False), ("NaN", False), ("objected", False)],
)  # fmt: skip
def test_a_sources_word_on_profiling_is_yes_no_or_nothing(
    tmp_path: Path, cell: str, says: bool | None
) -> None:
    """A word that is neither is taken for an objection, and is a finding."""
    mapping = 'title = "x"\n[[files]]\nmatch = "u.csv"\nholds = "users"\n[[files.nodes]]\n'
    mapping += 'label = "User"\nkey = "id"\nset.profiling = "ok"\n'
    files = {"shop.toml": mapping, "u.csv": f"id,ok\nu,{cell}\n"}
    done = staged(tmp_path, "tabular", files)
    assert rows(done, "User") == [{"userId": "u", "profiling": says}]
    strange = cell in ("maybe", "2", "NaN", "objected")
    assert done.report.findings.get("profiling is not true or false", 0) == strange


SHOWN: dict[str, tuple[dict[str, bytes], str]] = {
    "an open header": ({"ratings.csv": b'user,"item\n'}, "ratings.csv: line 1 leaves a quote open"),
    "cut gzip": ({"ratings.csv.gz": b"\x1f\x8b\x08\0"}, "ratings.csv.gz: damaged or cut short"),
    "a zip archive": ({"ratings.csv": b"PK\x03\x04..."}, "ratings.csv: is a zip archive"),
    "no row": ({"ratings.csv": HEAD}, "ratings.csv: there is no row to load"),
    "no Parquet": ({"ratings.parquet": b"PAR1"}, "ratings.parquet: is not a Parquet file"),
    "no TOML": ({"shop.toml": b"[[", "ratings.csv": HEAD}, "shop.toml"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_command_says_it_in_one_line(tmp_path: Path, capsys: Output, name: str) -> None:
    """`kg load` exits 1, and no store is made."""
    files, said = SHOWN[name]
    folder = tmp_path / "in"
    folder.mkdir()
    for file, data in {"shop.toml": RATINGS.encode(), **files}.items():
        (folder / file).write_bytes(data)
    store = tmp_path / "kg.lbug"
    argv = ["load", "tabular", str(folder), "--option", f"mapping={folder}/shop.toml"]
    assert main([*argv, "--store", f"ladybug://{store}"]) == 1
    out = capsys.readouterr()
    assert out.out == ""
    assert said in " ".join(out.err.split())
    assert "Traceback" not in out.err
    assert not store.exists()


def test_the_command_accounts_for_every_row(tmp_path: Path, capsys: Output) -> None:
    """A file with a bit of everything: what is in the store is what the report says was written."""
    lines = [ROW, ROW, b"v,j,9,1600000000\n", b"\xff,j,4,1600000000\n", b"w,j\n", b"\n",
             b"x,k,5,253402300799\n", b"y,k,NaN,1600000000\n", b"z,k,3,1600000000\n",
             b'q,k,"3,1600000000\nr,k,3,1600000000\n']  # fmt: skip
    (tmp_path / "shop.toml").write_text(RATINGS)
    (tmp_path / "ratings.csv").write_bytes(HEAD + b"".join(lines))
    url, kept = f"ladybug://{tmp_path}/kg.lbug", tmp_path / "rejects.jsonl"
    argv = ["load", "tabular", str(tmp_path / "ratings.csv"), "--store", url, "--json"]
    argv += ["--option", f"mapping={tmp_path}/shop.toml", "--rejects", str(kept)]
    assert main(argv) == 0
    report = json.loads(capsys.readouterr().out)
    (file,) = report["files"]
    assert (file["rows"], file["written"], file["merged"], file["rejected"]) == (10, 2, 1, 7)
    told = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert [t["line"] for t in told] == [4, 5, 6, 7, 8, 9, 11]
    with open_store(url, read_only=True) as store:
        assert store.counts()["RATED"] == 2


def test_strict_says_the_first_line_and_writes_nothing(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "shop.toml").write_text(RATINGS)
    (tmp_path / "ratings.csv").write_bytes(HEAD + ROW + b"\xff,j,4,1600000000\n,,,\n")
    store = tmp_path / "kg.lbug"
    argv = ["load", "tabular", str(tmp_path / "ratings.csv"), "--store", f"ladybug://{store}"]
    assert main([*argv, "--option", f"mapping={tmp_path}/shop.toml", "--strict"]) == 1
    assert "ratings.csv:3: not text in this encoding" in " ".join(capsys.readouterr().err.split())
    assert not store.exists()


@pytest.mark.parametrize("where", ["", "nowhere/rejects.jsonl", "pipe", "/dev/null"])
def test_rejects_go_to_a_file_or_the_command_says_so_first(
    tmp_path: Path, capsys: Output, where: str
) -> None:
    """Not into a folder, where an erasure would not find them; nor over a device."""
    (tmp_path / "shop.toml").write_text(RATINGS)
    (tmp_path / "ratings.csv").write_bytes(HEAD + ROW + b"\n")
    os.mkfifo(tmp_path / "pipe")
    store = tmp_path / "kg.lbug"
    argv = ["load", "tabular", str(tmp_path / "ratings.csv"), "--store", f"ladybug://{store}"]
    argv += ["--option", f"mapping={tmp_path}/shop.toml", "--rejects", str(tmp_path / where)]
    assert main(argv) == 1
    assert "--rejects" in capsys.readouterr().err
    assert not store.exists()


def test_people_are_needed() -> None:
    """Neither a name nor a file is wrong usage, not a traceback."""
    assert main(["forget", "--yes"]) == 2
