"""Files of ours that were damaged: found by a checksum and named, never used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gnn.config import TrainConfig
from kg.cli import main
from kg.errors import StoreError
from kg.ingest import ingest
from kg.ladybug_store import seal
from kg.publish import publish
from kg.store import open_store
from kg.training import Training, train_release
from loaders import stage
from tests.store.tables import COUNTS, SHOP, load_shop, table

NOW = 1_780_000_000
TRAINING = Training(config=TrainConfig(dim=16, epochs=2, rank=4), encoder="none")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A closed embedded store that holds the shop."""
    path = tmp_path / "kg.lbug"
    with open_store(f"ladybug://{path}") as opened:
        opened.ensure_schema()
        load_shop(opened, SHOP)
    return path


def flip(path: Path, at: int) -> None:
    """One bit of it is another."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("part", [0.1, 0.35, 0.6, 0.85])
def test_a_changed_bit_of_the_embedded_file_is_found(
    store: Path, part: float, *, read_only: bool
) -> None:
    """Wherever it is; the engine itself would not see most of them. Undone, all is well."""
    at = int(store.stat().st_size * part)
    flip(store, at)
    with pytest.raises(StoreError, match=r"kg\.lbug: not the file that was closed"):
        open_store(f"ladybug://{store}", read_only=read_only)
    flip(store, at)
    with open_store(f"ladybug://{store}", read_only=read_only) as opened:
        assert opened.counts() == COUNTS


def test_pages_that_changed_places_are_found(store: Path) -> None:
    """The same bytes in another order are another file."""
    raw = store.read_bytes()
    first, last = raw[:4096], raw[-4096:]
    assert first != last
    middle = raw[4096:-4096]
    store.write_bytes(first + middle[4096:] + middle[:4096] + last)
    with pytest.raises(StoreError, match="not the file"):
        open_store(f"ladybug://{store}", read_only=True)


def test_a_truncated_embedded_file_is_found(store: Path) -> None:
    """And one that was removed makes room for a new one."""
    store.write_bytes(store.read_bytes()[:-4096])
    with pytest.raises(StoreError, match="not the file"):
        open_store(f"ladybug://{store}")
    store.unlink()
    with open_store(f"ladybug://{store}") as opened:
        opened.ensure_schema()
        assert opened.counts() == {}


def test_another_file_is_taken_where_one_says_so(store: Path, tmp_path: Path) -> None:
    """A copy of before, put in its place: the line says what to remove."""
    before = tmp_path / "before.lbug"
    shutil.copy(store, before)
    with open_store(f"ladybug://{store}") as opened:
        opened.delete_users(["ada"])
    shutil.copy(before, store)
    with pytest.raises(StoreError, match=r"remove .*kg\.lbug\.sum"):
        open_store(f"ladybug://{store}")
    store.with_name("kg.lbug.sum").unlink()
    with open_store(f"ladybug://{store}") as opened:
        assert opened.counts() == COUNTS


def test_a_large_file_that_was_not_touched_is_not_summed_for_readers(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of gigabytes does not wait; one that was touched since is summed, and so is one that
    is opened to write."""
    monkeypatch.setattr(seal, "LARGE", 1)
    closed = store.stat()
    flip(store, closed.st_size // 2)
    with pytest.raises(StoreError, match="not the file"):
        open_store(f"ladybug://{store}", read_only=True)
    os.utime(store, ns=(closed.st_atime_ns, closed.st_mtime_ns))
    open_store(f"ladybug://{store}", read_only=True).close()
    with pytest.raises(StoreError, match="not the file"):
        open_store(f"ladybug://{store}")


def test_what_is_written_is_sealed_anew(store: Path) -> None:
    """Each closing has a checksum of its own, and while a writer is there nobody compares."""
    first = store.with_name("kg.lbug.sum").read_text()
    url = f"ladybug://{store}"
    with open_store(url) as opened:
        opened.upsert("User", table("User", userId=["eve"]))
        assert not store.with_name("kg.lbug.sum").exists()
    assert store.with_name("kg.lbug.sum").read_text() != first
    with open_store(url, read_only=True) as opened:
        assert opened.counts()["User"] == COUNTS["User"] + 1


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store in which a release is live, and the release."""
    folder = tmp_path_factory.mktemp("live")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "60"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        train_release(store, folder / "kg.lbug.releases", TRAINING, now=NOW)
        publish(store, folder / "kg.lbug.releases", now=NOW, force="test")
    return folder


@pytest.mark.parametrize(
    "argv",
    [("publish", "--force", "x"), ("refresh", "--encoder", "none"), ("forget", "u001", "--yes")],
    ids=lambda argv: argv[0],
)
def test_a_damaged_release_is_named_and_not_used(
    live: Path,
    tmp_path: Path,
    argv: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bit of any of its files, the checkpoint's too: one line that names it."""
    monkeypatch.chdir(tmp_path)
    for name in ("KG_STORE", "KG_RELEASES"):
        monkeypatch.delenv(name, raising=False)
    (release,) = (live / "kg.lbug.releases").iterdir()
    sealed = [p for p in sorted(release.rglob("*")) if p.is_file() and p.suffix != ".jsonl"]
    assert any(p.suffix == ".safetensors" for p in sealed)
    for path in sealed:
        if path.name in ("SHA256SUMS", "card.json"):  # text: told apart as such
            continue
        flip(path, path.stat().st_size // 2)
        assert main([*argv, "--store", f"ladybug://{live}/kg.lbug"]) == 1, path
        error = capsys.readouterr().err
        assert f"{path} is not the file that was written" in error
        flip(path, path.stat().st_size // 2)
