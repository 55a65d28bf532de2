"""Audiences, arms, exports and results follow a rotation of keys, and an erasure finds them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kg.cli import main
from kg.errors import InputError
from kg.privacy.keys import Keyring, read_ring
from kg.privacy.rekey_files import rekey_files
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]

ONE = Keyring((b"1" * 32,))
TWO = Keyring((b"1" * 32, b"2" * 32))
WRITTEN = ("audience.csv", "audience.parquet", "arms.csv", "arms.parquet")


def rotate(file: str, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    assert main(["keys", "rotate", file]) == 0
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", file)
    return read_ring(Path(file))


def read(file: str | Path) -> pl.DataFrame:
    return pl.read_csv(file) if str(file).endswith("csv") else pl.read_parquet(file)


@pytest.fixture
def written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An audience and the arms of a test, in both kinds of file."""
    monkeypatch.setenv("KG_MIN_GROUP", "1")
    for file in WRITTEN:
        if file.startswith("audience"):
            assert main(["audience", "where", "userId is not null", "-o", file]) == 0
        else:
            assert main(["ab", "assign", file, "--experiment", "x"]) == 0
    return shop


def test_audiences_and_arms_are_under_the_new_key(
    written: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From plain ids to the first key, and to a second; nothing else in them changes."""
    before = {file: read(file) for file in WRITTEN}
    for key in ("a.key", "b.key"):
        ring = rotate(key, monkeypatch)
        for file, table in before.items():
            expected = table.with_columns(ring.users(table["userId"]))
            assert read(file).equals(expected), (file, key)


def test_nobody_changes_the_arm_after_a_rotation(
    written: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate("a.key", monkeypatch)
    before = read("arms.csv")
    assert main(["ab", "assign", "arms.csv", "--experiment", "x"]) == 0
    assert read("arms.csv").equals(before.sort("userId"))


@pytest.mark.parametrize("as_source", [True, False])
def test_an_erasure_finds_them_after_a_rotation(
    written: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output, as_source: bool
) -> None:
    """By the source's id and by the pseudonym; the search looks where the erasure does."""
    rotate("a.key", monkeypatch)
    name = rotate("b.key", monkeypatch).user("hal")
    who = "hal" if as_source else name
    capsys.readouterr()
    assert main(["forget", "--verify", who, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["files"]
    assert {Path(path).name for path in found} == set(WRITTEN)
    assert main(["forget", who, "--yes"]) == 0
    assert main(["forget", "--verify", who]) == 0
    for file in WRITTEN:
        assert name not in read(file)["userId"].to_list()
        assert len(read(file)) == 8


def test_an_erasure_finds_files_of_every_key_so_far(
    written: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the rotation did not reach still names the user as the key before did."""
    first = rotate("a.key", monkeypatch).user("ada")
    kept = Path("audience.csv").read_bytes()
    rotate("b.key", monkeypatch)
    Path("audience.csv").write_bytes(kept)
    assert first in read("audience.csv")["userId"].to_list()
    assert main(["forget", "--verify", "ada"]) == 1
    assert main(["forget", "ada", "--yes"]) == 0
    assert first not in read("audience.csv")["userId"].to_list()


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_export_is_under_the_new_key(
    kind: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what an export after the rotation is, cited evidence and events too."""
    assert main(["export", "before", "--format", kind]) == 0
    for key in ("a.key", "b.key"):
        rotate(key, monkeypatch)
        assert main(["export", key[0], "--format", kind]) == 0
        files = sorted(p.name for p in Path(key[0]).iterdir())
        files.remove(f"Protection.{kind}")
        for file in files:
            was, now = (read(Path(folder) / file) for folder in ("before", key[0]))
            assert was.sort(pl.all()).equals(now.sort(pl.all())), (file, key)


def test_results_in_other_forms_follow_by_the_form_of_a_pseudonym(tmp_path: Path) -> None:
    """Whatever the column, key or place."""
    user, event = ONE.user("ada"), ONE.events(pl.Series(["r1"]))[0]
    text = f'[{{"who": "{user}", "topEvidence": ["FOLLOWS:{user}", "RATED:{event}"], "n": 1}}]\n'
    files = [tmp_path / name for name in ("r.json", "r.jsonl", "r.graphml", "r.csv")]
    for file in files:
        file.write_text(text)
    again = TWO.raised("event", pl.Series([event]))[0]
    for _ in range(2):
        assert rekey_files(files, TWO).left == ()
        for file in files:
            expected = text.replace(user, TWO.user("ada")).replace(event, again)
            assert file.read_text() == expected


def test_files_of_plain_ids_that_cannot_be_told_are_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """They stay as they are."""
    text = "MATCH (u:User) RETURN u.userId AS who"
    assert main(["query", "--cypher", text, "--format", "json", "-o", "r.json"]) == 0
    before = Path("r.json").read_bytes()
    capsys.readouterr()
    rotate("a.key", monkeypatch)
    assert f"{Path('r.json').absolute()} may hold users' ids" in capsys.readouterr().err
    assert Path("r.json").read_bytes() == before


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    for ring in (ONE, TWO):
        with pytest.raises(InputError, match=r"cannot put .*a\.parquet under the new key"):
            rekey_files([tmp_path / "a.parquet"], ring)
