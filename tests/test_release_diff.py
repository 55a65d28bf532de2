"""What differs between two releases, counted on tables small enough to count by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kg.cli import main
from kg.release_diff import CATEGORIES, psi, release_diff


def users(**columns: list) -> pa.Table:
    return pa.table(columns)


def interests(*rows: tuple[str, str, float, int]) -> pa.Table:
    return pa.table(
        dict(zip(("src", "dst", "score", "rank"), map(list, zip(*rows, strict=True)), strict=True))
    )


A = {
    "users": users(userId=["a", "b", "c"], segment=["x", "x", "y"], frequency=[1, 2, 3]),
    CATEGORIES: interests(("a", "p", 0.5, 1), ("a", "q", 0.2, 2), ("b", "p", 0.1, 1)),
}
B = {
    "users": users(userId=["b", "a", "d"], segment=["x", "z", "z"], frequency=[2, 1, 9]),
    CATEGORIES: interests(("a", "p", 0.3, 1), ("a", "r", 0.2, 2), ("b", "p", 0.1, 1)),
}
DIFF = release_diff(("A", A), ("B", B))


def test_who_came_and_went() -> None:
    """a and b stay, d came, c went; a is in another segment."""
    assert (DIFF.users, DIFF.appeared, DIFF.gone, DIFF.changed) == (2, 1, 1, 1)
    changed = {p.name: p.changed for p in DIFF.properties}
    assert (changed["segment"], changed["frequency"]) == (1, 0)


def test_interests_that_appeared_and_went() -> None:
    """a's q went and r came; a's p fell by 0.2 and b's did not move."""
    (shift,) = DIFF.interests
    assert (shift.before, shift.after, shift.appeared, shift.gone) == (3, 3, 1, 1)
    assert shift.churn == pytest.approx(2 / 6)
    assert shift.score_change == pytest.approx(0.1)


def test_overlap_of_the_strongest() -> None:
    """a shares one of three, b its only one."""
    assert DIFF.top10_jaccard == pytest.approx((1 / 3 + 1) / 2)


def test_by_segment_of_the_later_release() -> None:
    """z has a, and d, who has no earlier interests."""
    found = {s.segment: (s.users, s.top10_jaccard) for s in DIFF.segments}
    assert found == {"z": (2, pytest.approx(1 / 3)), "x": (1, pytest.approx(1))}


def test_an_equal_spread_has_no_shift() -> None:
    values = pa.chunked_array([np.random.default_rng(0).normal(size=5000)])
    assert psi(values, values) == 0


def test_a_shift_by_a_standard_deviation_is_a_large_one() -> None:
    """And a small one stays below what is called little."""
    rng = np.random.default_rng(0)
    normal = pa.chunked_array([rng.normal(size=5000)])
    assert (psi(normal, pa.chunked_array([rng.normal(1, 1, 5000)])) or 0) > 0.25
    assert (psi(normal, pa.chunked_array([rng.normal(0.05, 1, 5000)])) or 1) < 0.1


def test_words_and_nulls_are_values() -> None:
    """Half of what had a value has none now: (0.5 − 1) ln 0.5 + (0.5 − 0.125) ln (0.5 / 0.125), an
    empty bin being half a user."""
    before, after = pa.chunked_array([["x"] * 4]), pa.chunked_array([["x", "x", None, None]])
    expected = -0.5 * np.log(0.5) + 0.375 * np.log(4)
    assert psi(before, after) == pytest.approx(expected)


def test_without_any_value_there_is_no_shift_to_tell() -> None:
    nothing = pa.chunked_array([pa.nulls(3, pa.float64())])
    assert psi(nothing, nothing) is None


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a live release and three candidates after it."""
    from gnn.config import TrainConfig
    from kg.ingest import ingest
    from kg.publish import publish
    from kg.store import open_store
    from kg.training import Training, train_release
    from loaders import stage

    folder, now = tmp_path_factory.mktemp("shop"), 1_780_000_000
    staged = stage("synthetic", [], folder / "in", now=now, options={"users": "120"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        for seed in range(4):
            training = Training(
                config=TrainConfig(dim=16, epochs=2, rank=8), encoder="none", seed=seed
            )
            card = train_release(store, folder / "kg.lbug.releases", training, now=now + seed)
            if seed == 0:
                publish(store, folder / "kg.lbug.releases", card.version, now=now)
    return folder


def test_the_commands(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`diff` tells two seeds apart; `prune --keep 1` leaves the newest and the live one."""
    shutil.copytree(shop, tmp_path / "shop")
    url = f"ladybug://{tmp_path}/shop/kg.lbug"

    def run(*argv: str) -> str:
        assert main(["releases", *argv, "--store", url]) == 0
        return capsys.readouterr().out

    versions = [row["version"] for row in json.loads(run("list", "--json"))]
    found = json.loads(run("diff", versions[0], versions[1], "--json"))
    assert (found["users"], found["appeared"], found["gone"]) == (120, 0, 0)
    assert 0 < found["top10Jaccard"] < 1
    assert "overlap of the ten strongest interests" in run("diff", versions[0])
    removed = json.loads(run("prune", "--keep", "1", "--yes", "--json"))
    assert sorted(removed["removed"]) == versions[1:3]
    assert removed["live"] == versions[0]
    left = [row["version"] for row in json.loads(run("list", "--json"))]
    assert left == [versions[0], versions[3]]
