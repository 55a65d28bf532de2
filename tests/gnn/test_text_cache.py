"""Vectors on disk: found again, never half there, shared by processes."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from gnn import text
from gnn.errors import CacheError
from gnn.text import ReviewEncoder
from gnn.text_cache import HEADER, Halves, Keys, TextCache
from tests.gnn.test_text import passes, random_texts
from tests.gnn.tiny_encoder import tiny_bert

DIM = 4


def rows(first: int, count: int) -> tuple[Keys, Halves]:
    """Keys and vectors that can be told from each other."""
    n = np.arange(first, first + count, dtype=np.uint64)
    keys = np.stack([n * np.uint64(0x9E3779B97F4A7C15), n], axis=1)
    return keys, np.repeat(n[:, None], DIM, axis=1).astype(np.float16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("tiny"))


def shards(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.shard"))


def test_a_second_run_encodes_nothing(folder: Path, tmp_path: Path) -> None:
    """Another encoder over the same cache makes no pass and gives the same bits."""
    texts = [*random_texts(100), None, ""]
    first = ReviewEncoder.open(str(folder), cache=tmp_path)
    vectors = first.encode(texts)
    second = ReviewEncoder.open(str(folder), cache=tmp_path)
    calls = passes(second)
    assert (second.encode(texts) == vectors).all()
    assert calls == []
    assert (first.encoded, second.encoded) == (100, 0)


def test_a_run_with_and_without_a_cache_agree(folder: Path, tmp_path: Path) -> None:
    """Keeping vectors does not change them."""
    texts = random_texts(30)
    with_cache = ReviewEncoder.open(str(folder), cache=tmp_path).encode(texts)
    assert (ReviewEncoder.open(str(folder)).encode(texts) == with_cache).all()


def test_only_new_texts_are_encoded(folder: Path, tmp_path: Path) -> None:
    """Eleven new texts among a hundred are eleven."""
    encoder = ReviewEncoder.open(str(folder), cache=tmp_path)
    encoder.encode(random_texts(90))
    encoder.encode([*random_texts(90), *random_texts(11, seed=9)])
    assert encoder.encoded == 101


def test_other_settings_use_other_shards(folder: Path, tmp_path: Path) -> None:
    """A vector is never read under another fingerprint."""
    texts = random_texts(10)
    ReviewEncoder.open(str(folder), cache=tmp_path).encode(texts)
    other = ReviewEncoder.open(str(folder), cache=tmp_path, pooling="max")
    other.encode(texts)
    assert other.encoded == 10


def test_what_was_encoded_before_a_crash_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work is kept block by block: a stop in the third block keeps two."""
    monkeypatch.setattr(text, "BLOCK", 10)

    def stop(_label: str, done: int, _total: int | None) -> None:
        if done > 20:
            raise KeyboardInterrupt

    encoder = ReviewEncoder.open(str(folder), cache=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(random_texts(40), progress=stop)
    again = ReviewEncoder.open(str(folder), cache=tmp_path)
    again.encode(random_texts(40))
    assert again.encoded == 20


def damage(path: Path, kind: str) -> None:
    raw = bytearray(path.read_bytes())
    if kind == "cut":
        del raw[-10:]
    elif kind == "cut in the header":
        del raw[HEADER.size - 3 :]
    elif kind == "empty":
        raw.clear()
    else:
        raw[{"magic": 0, "key": HEADER.size + 5, "vector": len(raw) - 7}[kind]] ^= 0xFF
    path.write_bytes(raw)


@pytest.mark.parametrize("kind", ["cut", "cut in the header", "empty", "magic", "key", "vector"])
def test_a_damaged_shard_is_found_and_made_again(folder: Path, tmp_path: Path, kind: str) -> None:
    """No byte of a torn or altered shard is believed; its texts are encoded again."""
    texts = random_texts(20)
    vectors = ReviewEncoder.open(str(folder), cache=tmp_path).encode(texts)
    damage(shards(tmp_path)[0], kind)
    encoder = ReviewEncoder.open(str(folder), cache=tmp_path)
    assert (encoder.encode(texts) == vectors).all()
    assert encoder.encoded == 20
    fresh = ReviewEncoder.open(str(folder), cache=tmp_path)
    fresh.encode(texts)
    assert fresh.encoded == 0


def test_keys_are_found_among_many_shards(tmp_path: Path) -> None:
    """Each key gets its own vector, unknown keys are said to be unknown, order is kept."""
    cache = TextCache(tmp_path, DIM)
    for first in range(0, 500, 50):
        cache.append(*rows(first, 50))
    keys, vectors = rows(490, 20)  # ten known, ten not
    shuffled = np.random.default_rng(0).permutation(20)
    known, found = cache.find(keys[shuffled])
    assert (known == (shuffled < 10)).all()
    assert (found == vectors[shuffled][known]).all()


def test_what_another_process_adds_is_seen(tmp_path: Path) -> None:
    """An open cache finds shards that came later, and stands shards that went away."""
    mine, theirs = TextCache(tmp_path, DIM), TextCache(tmp_path, DIM)
    mine.find(rows(0, 5)[0])
    theirs.append(*rows(0, 5))
    assert mine.find(rows(0, 5)[0])[0].all()
    shards(tmp_path)[0].unlink()
    assert not mine.find(rows(0, 5)[0])[0].any()


def write_and_read(folder: Path, worker: int) -> None:
    cache = TextCache(folder, DIM)
    for at in range(20):
        cache.append(*rows(at * 10 + worker % 2 * 5, 10))  # neighbours overlap, pairs are equal
        keys, vectors = rows(at * 10 + worker % 2 * 5, 10)
        known, found = cache.find(keys)
        assert known.all()
        assert (found == vectors).all()


def test_processes_that_write_at_once_do_no_harm(tmp_path: Path) -> None:
    """Four writers of overlapping texts leave whole shards that hold every text."""
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=write_and_read, args=(tmp_path, k)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    keys, vectors = rows(0, 200)
    known, found = TextCache(tmp_path, DIM).find(keys)
    assert known.all()
    assert (found == vectors).all()


def test_a_folder_that_cannot_be_written_is_one_line(folder: Path, tmp_path: Path) -> None:
    """The line names the folder and what to change."""
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="KG_HOME"):
        ReviewEncoder.open(str(folder), cache=tmp_path / "file" / "cache")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error, and the unfinished file is gone."""

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    cache = TextCache(tmp_path, DIM)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CacheError, match="No space left"):
        cache.append(*rows(0, 3))
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_writer_are_swept(tmp_path: Path) -> None:
    """An unfinished file nobody holds goes, one that another process is at stays."""
    left, held = tmp_path / "left.part", tmp_path / "held.part"
    left.touch()
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        TextCache(tmp_path, DIM)
        assert list(tmp_path.iterdir()) == [held]


def test_no_text_is_written(folder: Path, tmp_path: Path) -> None:
    """The cache holds hashes and numbers: the words of a review are not in its files."""
    ReviewEncoder.open(str(folder), cache=tmp_path).encode(["love my guitar"])
    assert all(b"guitar" not in p.read_bytes() for p in shards(tmp_path))
