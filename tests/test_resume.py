"""A training process that is killed, and `kg train --resume`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.killed_shop import Site, site_at, trained
from benchmarks.kills import run, started
from kg.errors import ReleaseError
from kg.files import hold
from kg.privacy.erasure import forget
from kg.releases import versions
from kg.resume import TRAINING, kept_training
from kg.store import open_store
from tests.gnn.tiny_encoder import tiny_bert

SHOP = ("synthetic", "--option", "users=80", "--option", "items=40", "--option", "events=2500")
TRAIN = ("train", "--set", "dim=16", "--set", "epochs=20", "--set", "patience=20", "--set",
         "rank=4")  # fmt: skip


def done(site: Site, *argv: str) -> None:
    code, said = run(site, *argv)
    assert code == 0, said


def killed(site: Site, file: str, *argv: str) -> None:
    """As soon as the file of a stage is there."""
    process, said = started(site, argv)
    while not list(site.releases.glob(f"{TRAINING}*/{file}")):
        assert process.is_alive(), said.read_text()
        time.sleep(0.002)
    process.kill()
    process.join()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A loaded shop."""
    site = site_at(None, tmp_path / "site", tiny_bert(tmp_path / "encoder"))
    done(site, "load", *SHOP)
    site.save("loaded")
    return site


def left(site: Site) -> list[Path]:
    return list(site.releases.glob(f"{TRAINING}*"))


def test_a_killed_training_is_resumed(site: Site) -> None:
    """Killed in the training and in the refit: the candidate is that of an undisturbed run, in
    every table, weight and figure, and nothing is left. Another seed is refused, and changes
    nothing."""
    done(site, *TRAIN)
    wanted = trained(site)
    site.restore("loaded")
    killed(site, "training.safetensors", *TRAIN, "--resume")
    killed(site, "training-on-everything.safetensors", *TRAIN, "--resume")
    code, said = run(site, *TRAIN, "--resume", "--seed", "8")
    assert code == 1
    assert "was of seed 7 (now 8)" in said
    assert len(said.strip().splitlines()) == 1
    assert left(site)
    done(site, *TRAIN, "--resume")
    assert trained(site) == wanted
    assert left(site) == []


def leave(releases: Path, name: str) -> None:
    """What a killed process leaves."""
    folder = releases / f"{TRAINING}{name}.kg-part"
    folder.mkdir(parents=True)
    (folder / "training.safetensors").write_text(name)


def test_without_resume_what_was_left_is_removed(tmp_path: Path) -> None:
    """A training that begins anew begins with nothing."""
    leave(tmp_path, "old")
    with kept_training(tmp_path, resume=False) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_the_newest_is_gone_on_with(tmp_path: Path) -> None:
    """Of two that were killed; at the end both go."""
    for age, name in enumerate(("new", "old")):
        leave(tmp_path, name)
        os.utime(tmp_path / f"{TRAINING}{name}.kg-part", (1e9 - age, 1e9 - age))
    with kept_training(tmp_path, resume=True) as folder:
        assert (folder / "training.safetensors").read_text() == "new"
    assert list(tmp_path.iterdir()) == []


def test_a_training_under_way_is_not_taken(tmp_path: Path) -> None:
    """Its process lives: another begins its own."""
    leave(tmp_path, "mine")
    held = hold(tmp_path / f"{TRAINING}mine.kg-part")
    assert held is not None
    with kept_training(tmp_path, resume=True) as folder:
        assert list(folder.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == [f"{TRAINING}mine.kg-part"]
    os.close(held)


@pytest.mark.parametrize(
    ("error", "stays"), [(ReleaseError("no room"), 0), (KeyboardInterrupt(), 1), (SystemExit(), 1)]
)
def test_what_stays_after_an_end(tmp_path: Path, error: BaseException, stays: int) -> None:
    """An interrupted training can be gone on with; one that cannot work is cleared away."""
    with pytest.raises(type(error)), kept_training(tmp_path, resume=False):
        raise error
    assert len(list(tmp_path.iterdir())) == stays


def test_an_erasure_removes_unfinished_trainings(tmp_path: Path) -> None:
    """They learned from the person's events."""
    from tests.store.tables import SHOP as TABLES
    from tests.store.tables import load_shop

    leave(tmp_path / "releases", "old")
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        store.ensure_schema()
        load_shop(store, TABLES)
        forget(store, tmp_path / "releases", ["ada"], now=1)
    assert list((tmp_path / "releases").iterdir()) == []
    assert versions(tmp_path / "releases") == []
