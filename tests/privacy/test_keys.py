"""Pseudonyms: the same id gives the same one, another key another, and no way back without it."""

from __future__ import annotations

import hmac
import json
import stat
from pathlib import Path

import polars as pl
import pytest

from kg.cli import main
from kg.errors import ConfigError
from kg.person import Person, person
from kg.privacy.keys import Keyring, read_ring, write_ring
from kg.privacy.rotation import rotate
from kg.privacy.state import pseudonyms
from kg.releases import read_card, read_tables
from kg.store import open_store
from tests import small_shop
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]

ONE = Keyring((b"1" * 32,))
TWO = Keyring((b"1" * 32, b"2" * 32))
REVIEWS = [
    {"reviewerID": user, "asin": "x", "overall": 5.0, "reviewText": "good",
     "unixReviewTime": 1_600_000_000}
    for user in ("ann", "bob")
]  # fmt: skip


def test_a_pseudonym_is_an_hmac() -> None:
    expected = hmac.digest(b"1" * 32, b"user\0ann", "sha256").hex()[:32]
    assert ONE.user("ann") == f"p1_{expected}"
    assert ONE.users(pl.Series(["ann", None])).to_list() == [f"p1_{expected}", None]


def test_a_second_key_goes_on_top() -> None:
    """The ring's pseudonym is the second key's hash of the first one's pseudonym."""
    again = hmac.digest(b"2" * 32, f"user\0{ONE.user('ann')}".encode(), "sha256").hex()[:32]
    assert TWO.user("ann") == f"p2_{again}"
    assert TWO.steps("ann") == ["ann", ONE.user("ann"), TWO.user("ann")]


def test_what_is_under_the_new_key_already_stays() -> None:
    """So that a rotation that was cut off can be run again."""
    ids = pl.Series([ONE.user("ann"), TWO.user("bob")])
    assert TWO.raised("user", ids).to_list() == [TWO.user("ann"), TWO.user("bob")]


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    write_ring(tmp_path / "a.key", TWO)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    assert read_ring(tmp_path / "a.key") == TWO


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    write_ring(tmp_path / "a.key", ONE)
    with pytest.raises(ConfigError, match="never overwritten"):
        write_ring(tmp_path / "a.key", TWO)


def test_a_wrong_key_file_is_not_quoted(tmp_path: Path) -> None:
    """What is in it may be a secret of another kind."""
    (tmp_path / "a.key").write_text("hunter2")
    with pytest.raises(ConfigError) as caught:
        read_ring(tmp_path / "a.key")
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def reviews(desk: Path) -> str:
    path = desk / "reviews.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in REVIEWS))
    return str(path)


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, ring: Keyring) -> Path:
    path = folder / f"{ring.id}.key"
    if not path.exists():
        write_ring(path, ring)
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(path))
    return path


def load(url: str, reviews: str) -> int:
    return main(["load", "amazon", reviews, "--store", url, "--json"])


def users_of(url: str) -> set[str]:
    with open_store(url, read_only=True) as store:
        return {row[0] for row in store.query("MATCH (u:User) RETURN u.userId").rows}


def test_a_load_with_a_key_stores_pseudonyms(
    empty_url: str, reviews: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing in the store says who it was: not even the events' ids."""
    use(monkeypatch, desk, ONE)
    assert load(empty_url, reviews) == 0
    assert users_of(empty_url) == {ONE.user("ann"), ONE.user("bob")}
    with open_store(empty_url, read_only=True) as store:
        events = store.query("MATCH ()-[r:REVIEWED]->() RETURN r.eventId").rows
        said = pseudonyms(store)
    assert not any("ann" in row[0] for row in events)
    assert said is not None
    assert said.key_id == ONE.id


def test_a_second_load_changes_nothing(
    empty_url: str, reviews: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, desk, ONE)
    load(empty_url, reviews)
    load(empty_url, reviews)
    with open_store(empty_url, read_only=True) as store:
        counts = store.counts()
    assert (counts["User"], counts["REVIEWED"]) == (2, 2)


@pytest.mark.parametrize("other", [None, TWO])
def test_another_key_or_none_is_refused(
    empty_url: str, reviews: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output,
    other: Keyring | None,
) -> None:  # fmt: skip
    """Before the files are read; the store is as it was."""
    use(monkeypatch, desk, ONE)
    load(empty_url, reviews)
    if other is None:
        monkeypatch.delenv("KG_PSEUDONYM_KEY_FILE")
    else:
        use(monkeypatch, desk, other)
    assert load(empty_url, reviews) == 1
    assert f"holds pseudonyms of key {ONE.id}" in capsys.readouterr().err
    assert len(users_of(empty_url)) == 2


def test_a_key_for_a_store_of_plain_ids_is_refused(
    empty_url: str, reviews: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    load(empty_url, reviews)
    use(monkeypatch, desk, ONE)
    assert load(empty_url, reviews) == 1
    assert "plain ids" in capsys.readouterr().err
    assert users_of(empty_url) == {"ann", "bob"}


def shown(store_url: str, user: str) -> Person:
    with open_store(store_url, read_only=True) as store:
        return person(store, user)


def rotated(shop: Shop, monkeypatch: pytest.MonkeyPatch, ring: Keyring) -> None:
    """With the new ring written before, as a run that was cut off leaves it."""
    file = shop.folder / f"{ring.id}.key"
    write_ring(file, ring)
    rotate(shop.url, shop.releases, file)
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(file))


def same(before: Person, after: Person, ring: Keyring) -> None:
    """Everything but the names."""
    assert after.user_id == ring.user(before.user_id)
    assert after.profile == before.profile
    assert after.attributes == before.attributes
    assert after.activity == before.activity
    for old, new in zip(
        [*before.categories, *before.items], [*after.categories, *after.items], strict=True
    ):
        assert (new.id, new.score, new.basis) == (old.id, old.score, old.basis)
        kinds = [(e.kind, e.title, e.text) for e in old.evidence]
        assert [(e.kind, e.title, e.text) for e in new.evidence] == kinds
        tied = [e.user_id for e in old.evidence if e.user_id]
        assert [e.user_id for e in new.evidence if e.user_id] == [ring.user(u) for u in tied]
    similar = [(ring.user(s.user_id), s.score) for s in before.similar]
    assert [(s.user_id, s.score) for s in after.similar] == similar


def test_a_rotation_loses_no_profile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain ids become pseudonyms, then get a second key: profiles, interests and evidence stay."""
    everyone = ["ada", "ben", "cleo", "dan", "eve", "fay", "gus", "hal", "ivy"]
    before = {user: shown(shop.url, user) for user in everyone}
    with shop.open() as store:
        counts = store.counts()
    for ring in (ONE, TWO):
        rotated(shop, monkeypatch, ring)
        assert users_of(shop.url) == {ring.user(u) for u in everyone}
        for user in everyone:
            same(before[user], shown(shop.url, ring.user(user)), ring)
    with shop.open() as store:
        assert store.counts() == counts | {"Protection": 1}
        assert (
            store.query(
                "MATCH (a:User)-[:FRIEND_OF]->(b:User) WHERE a.userId > b.userId RETURN a.userId"
            ).rows
            == []
        )


def test_a_rotation_takes_the_releases_along(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tables name the new pseudonyms, their cards the key; the seals hold."""
    rotated(shop, monkeypatch, ONE)
    tables = read_tables(shop.releases, small_shop.VERSION)
    assert ONE.user("ada") in tables["users"]["userId"].to_pylist()
    cited = tables["edges/INTERESTED_IN.Category"]["topEvidence"].to_pylist()
    assert f"FOLLOWS:{ONE.user('ben')}" in cited[0]
    assert read_card(shop.releases, small_shop.VERSION).pseudonym_key == ONE.id


def test_nothing_in_the_release_has_the_old_names(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated(shop, monkeypatch, ONE)
    for name, table in read_tables(shop.releases, small_shop.VERSION).items():
        if name != "items":
            assert "'ada'" not in str(table.to_pylist()), name
            assert "FOLLOWS:ada" not in str(table.to_pylist()), name


def test_a_rotation_that_was_cut_off_is_finished(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loads are refused meanwhile; the same command again gives the same as one that ran."""
    import kg.privacy.rotation as module

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    file = shop.folder / "new.key"
    write_ring(file, ONE)
    with monkeypatch.context() as patch:
        for name in ("_in_place", "_into_a_new_file"):
            patch.setattr(module, name, dies)
        with pytest.raises(KeyboardInterrupt):
            rotate(shop.url, shop.releases, file)
    assert users_of(shop.url) >= {"ada"}
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(file))
    (shop.folder / "r.jsonl").write_text(json.dumps(REVIEWS[0]))
    assert load(shop.url, str(shop.folder / "r.jsonl")) == 1
    rotate(shop.url, shop.releases, file)
    assert ONE.user("ada") in users_of(shop.url)
    assert load(shop.url, str(shop.folder / "r.jsonl")) == 0


def test_the_commands(
    shop: Shop, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """`kg keys rotate`, and then every reading command takes the source's id."""
    assert main(["keys", "rotate", "a.key", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["users"], done["releases"]) == (9, [small_shop.VERSION])
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", "a.key")
    pseudonym = read_ring(desk / "a.key").user("ada")
    for user in ("ada", pseudonym):
        assert main(["profile", user, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["userId"] == pseudonym
        assert main(["recommend", user, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["userId"] == pseudonym
        assert main(["query", "top_interests", f"userId={user}", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_users_id_without_the_key(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Says which key is needed; a pseudonym needs none."""
    rotated(shop, monkeypatch, ONE)
    monkeypatch.delenv("KG_PSEUDONYM_KEY_FILE")
    assert main(["profile", "ada"]) == 1
    assert f"pseudonyms of key {ONE.id}" in capsys.readouterr().err
    assert main(["profile", ONE.user("ada")]) == 0


def test_a_new_key(desk: Path, capsys: Output) -> None:
    assert main(["keys", "new", "a.key", "--json"]) == 0
    out = capsys.readouterr().out
    ring = read_ring(desk / "a.key")
    assert json.loads(out) == {"file": "a.key", "keyId": ring.id}
    assert ring.keys[0].hex() not in out
