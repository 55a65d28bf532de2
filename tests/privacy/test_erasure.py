"""Erasure: nothing of the person is left in any place we know of, and a search proves it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnn.text_cache import TextCache
from gnn.text_keys import distinct, keys_of
from kg.audit import acts
from kg.cli import main
from kg.config import settings
from kg.errors import ConfigError, NotFound
from kg.privacy.erasure import Forgotten, Found, forget, search
from kg.privacy.keys import Keyring, write_ring
from kg.privacy.rotation import rotate
from kg.privacy.tombstones import erasure_key
from kg.releases import read_tables
from kg.stale import marks
from kg.store import open_store
from loaders.protect import ERASED
from tests import small_shop
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]
NOW = small_shop.AS_OF + 10
ONE = Keyring((b"1" * 32,))


def erase(shop: Shop, *users: str) -> Forgotten:
    with shop.open() as store:
        return forget(store, shop.releases, users, now=NOW)


def look(shop: Shop, *users: str) -> Found:
    with open_store(shop.url, read_only=True) as store:
        return search(store, shop.releases, users)


def fill_cache(shop: Shop, *texts: str) -> None:
    keys = keys_of(distinct(list(texts))[0])
    TextCache(shop.home / "text" / "enc", 4).append(keys, np.ones((len(keys), 4), np.float16))


def cached(shop: Shop, text: str) -> bool:
    known, _ = TextCache(shop.home / "text" / "enc", 4).find(keys_of(distinct([text])[0]))
    return bool(known[0])


def test_before_an_erasure_every_place_knows_the_user(shop: Shop) -> None:
    """The search finds what there is to find, or its "nothing" would mean nothing."""
    assert main(["export", "out", "--json"]) == 0
    found = look(shop, "ada")
    assert found.store == {
        "User": 1, "PURCHASED": 3, "REVIEWED": 1, "FOLLOWS": 4, "FRIEND_OF": 1,
        "INTERESTED_IN.Category": 2, "INTERESTED_IN.Item": 2, "SIMILAR_TO": 5,
    }  # fmt: skip
    assert found.cited == 4  # ben twice, gus twice
    assert set(found.releases) == {small_shop.VERSION}
    assert list(found.files) == [str(shop.folder / "out")]
    assert not found.nothing


def test_nothing_of_the_user_is_left(shop: Shop) -> None:
    """In the store, releases and text cache; others' evidence goes with the refresh."""
    fill_cache(shop, "These strings sing.")
    done = erase(shop, "ada")
    assert done.users == 1
    assert done.edges["PURCHASED"] == 3
    assert done.texts == 1
    found = look(shop, "ada")
    assert (found.store, found.releases, found.files, found.vectors) == ({}, {}, {}, 0)
    assert found.tombstones == 1


def test_who_cites_the_user_is_marked(shop: Shop) -> None:
    """Their profiles hold a part of the erased one until they are profiled anew."""
    done = erase(shop, "ada")
    with shop.open() as store:
        stale = set(marks(store)["userId"].to_pylist())
    assert stale >= {"ben", "eve", "dan", "gus"}
    assert done.stale == len(stale)


def test_a_release_no_longer_names_the_user(shop: Shop) -> None:
    """Neither as a row nor as evidence of others, who keep their rows."""
    before = read_tables(shop.releases, small_shop.VERSION)
    erase(shop, "ada")
    after = read_tables(shop.releases, small_shop.VERSION)
    for name, table in after.items():
        assert "'ada'" not in str(table.to_pylist()), name
        assert ":ada'" not in str(table.to_pylist()), name
    interests = "edges/INTERESTED_IN.Category"
    assert after[interests].num_rows == before[interests].num_rows - 2
    gus = next(r for r in after[interests].to_pylist() if r["src"] == "gus")
    assert gus["topEvidence"] == []


def test_a_text_that_another_user_wrote_keeps_its_vector(shop: Shop) -> None:
    with shop.open() as store:
        store.query(
            "MATCH (u:User {userId: 'dan'})-[r:REVIEWED]->() SET r.text = 'These strings sing.'",
            read_only=False,
        )
    fill_cache(shop, "These strings sing.", "Sharp, but rusts in a day.")
    assert erase(shop, "ada").texts == 0
    assert cached(shop, "These strings sing.")
    assert erase(shop, "dan").texts == 1
    assert not cached(shop, "These strings sing.")
    assert cached(shop, "Sharp, but rusts in a day.")


def test_a_vector_that_comes_back_is_found(shop: Shop) -> None:
    """The tombstone knows erased texts by keyed hashes."""
    fill_cache(shop, "These strings sing.")
    erase(shop, "ada")
    fill_cache(shop, "These strings sing.")
    assert look(shop, "ada").vectors == 1


@pytest.mark.parametrize("format_", ["parquet", "csv", "graphml"])
def test_exports_lose_the_users_rows(shop: Shop, format_: str) -> None:
    """Rows that name the user go; rows that cite them stay, without the citation."""
    path = shop.folder / ("out.graphml" if format_ == "graphml" else "out")
    assert main(["export", "--format", format_, str(path)]) == 0
    assert look(shop, "ada").files
    erase(shop, "ada")
    assert look(shop, "ada").files == {}
    data = b"".join(p.read_bytes() for p in ([path] if path.is_file() else path.iterdir()))
    if format_ != "parquet":  # which is compressed
        assert b"ada" not in data
        assert b"gus" in data


def test_files_of_named_queries_lose_them_too(shop: Shop) -> None:
    """Those, too, are taken out of the store, and leave a line in the audit."""
    assert main(["query", "best_users", "--format", "csv", "-o", "best.csv"]) == 0
    assert [(a.command, a.rows) for a in acts(shop.home)] == [("query best_users", {"rows": 6})]
    assert look(shop, "ada").files
    erase(shop, "ada")
    assert look(shop, "ada").files == {}
    assert "ada" not in Path("best.csv").read_text()


def test_results_of_queries_lose_them_too(shop: Shop) -> None:
    text = "MATCH (u:User) RETURN u.userId AS u, u.country AS c"
    for name in ("r.csv", "r.json", "r.parquet"):
        kind = name.partition(".")[2]
        assert main(["query", "--cypher", text, "--format", kind, "-o", name]) == 0
    assert len(look(shop, "ada").files) == 3
    erase(shop, "ada")
    assert look(shop, "ada").files == {}
    assert len(json.loads(Path("r.json").read_text())) == 8


def review(user: str) -> str:
    row = {"reviewerID": user, "asin": "x", "overall": 5.0, "reviewText": f"by {user}",
           "unixReviewTime": 1_600_000_000}  # fmt: skip
    return json.dumps(row) + "\n"


def test_rejects_lose_them_too(shop: Shop) -> None:
    Path("r.jsonl").write_text(review("ada").replace("5.0", "9.0") + review("ben"))
    assert main(["load", "amazon", "r.jsonl", "--json"]) == 0
    assert "ada" in Path("rejects.jsonl").read_text()
    erase(shop, "ada")
    assert "ada" not in Path("rejects.jsonl").read_text()


def test_a_replayed_file_does_not_bring_the_user_back(shop: Shop, capsys: Output) -> None:
    """Those rows are rejects with a reason of their own."""
    Path("r.jsonl").write_text(review("ada") + review("zoe"))
    erase(shop, "ada")
    assert main(["load", "amazon", "r.jsonl", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["reject_reasons"] == {ERASED: 1}
    assert (report["files"][0]["written"], report["files"][0]["rejected"]) == (1, 1)
    assert look(shop, "ada").store == {}


def test_a_load_that_began_before_the_erasure_is_refused(shop: Shop, tmp_path: Path) -> None:
    """It did not know of the tombstone."""
    from kg.ingest import ingest
    from loaders import stage

    Path("r.jsonl").write_text(review("ada"))
    staged = stage("amazon", [Path("r.jsonl")], tmp_path / "staged", now=1_700_000_000)
    erase(shop, "ada")
    with shop.open() as store, pytest.raises(ConfigError, match="read the files again"):
        ingest(staged, store)


def test_a_load_without_the_erasure_key_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    Path("r.jsonl").write_text(review("ada"))
    erase(shop, "ada")
    monkeypatch.setenv("KG_HOME", str(shop.folder / "another home"))
    assert main(["load", "amazon", "r.jsonl"]) == 1
    assert "no erasure key" in capsys.readouterr().err


def test_a_store_of_pseudonyms_forgets_by_the_sources_id(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its tombstone holds through the next rotation."""
    for ring, user in ((ONE, "ada"), (Keyring((*ONE.keys, b"2" * 32)), "ben")):
        file = shop.folder / f"{ring.id}.key"
        write_ring(file, ring)
        rotate(shop.url, shop.releases, file)
        monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(file))
        assert erase(shop, user).users == 1
    found = look(shop, "ada", "ben")
    assert (found.store, found.releases, found.tombstones) == ({}, {}, 2)
    Path("r.jsonl").write_text(review("ada") + review("ben") + review("zoe"))
    assert main(["load", "amazon", "r.jsonl", "--json"]) == 0
    assert look(shop, "ada", "ben").store == {}


def test_an_erasure_that_was_cut_off_is_done_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is in the store until the end, so that the second run finds all there is."""
    import kg.privacy.erasure as module

    fill_cache(shop, "These strings sing.")

    def dies(*_: object, **__: object) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "in_files", dies)
        with pytest.raises(KeyboardInterrupt):
            erase(shop, "ada")
    assert look(shop, "ada").store["User"] == 1
    assert erase(shop, "ada").users == 1
    found = look(shop, "ada")
    assert (found.store, found.releases, found.vectors) == ({}, {}, 0)
    fill_cache(shop, "These strings sing.")
    assert look(shop, "ada").vectors == 1


def test_a_second_erasure_finds_nothing(shop: Shop) -> None:
    erase(shop, "ada")
    again = erase(shop, "ada")
    assert (again.users, again.edges, again.releases) == (0, {}, {})


def test_a_stranger_is_not_found(shop: Shop) -> None:
    """And gets no tombstone: it may be a slip of the pen."""
    with pytest.raises(NotFound, match="none of 1 users"):
        erase(shop, "nobody")
    with shop.open() as store:
        assert "Tombstone" not in store.counts()


def test_a_report_is_signed(shop: Shop) -> None:
    """A changed figure shows; nothing in it names the user."""
    done = erase(shop, "ada")
    key = erasure_key(settings())
    assert done.is_signed_by(key)
    assert not done.model_copy(update={"users": 0}).is_signed_by(key)
    assert "ada" not in done.model_dump_json()


def test_the_command(shop: Shop, capsys: Output) -> None:
    """Erase, verify, check the report; a changed report is refused."""
    assert main(["forget", "--verify", "ada"]) == 1
    assert main(["forget", "ada", "--yes", "--json"]) == 0
    capsys.readouterr()
    Path("who.txt").write_text("ben\ncleo\n")
    assert main(["forget", "--file", "who.txt", "--yes", "--json"]) == 0
    report = capsys.readouterr().out
    Path("report.json").write_text(report)
    assert main(["forget", "--check", "report.json"]) == 0
    Path("report.json").write_text(report.replace('"users": 2', '"users": 3'))
    assert main(["forget", "--check", "report.json"]) == 1
    assert "was changed" in capsys.readouterr().err


def test_nobody_is_wrong_usage(desk: Path) -> None:
    assert main(["forget", "--yes"]) == 2
