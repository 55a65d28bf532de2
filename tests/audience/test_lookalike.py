"""Users like some seeds: the ranking finds planted ones, and the curve says so honestly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kg.audience.lookalike import Space, _curve, lookalikes
from kg.audit import acts
from kg.cli import main
from kg.errors import GroupTooSmall, NotFound, ReleaseError
from kg.store import GraphStore, open_store
from kg.table_files import write_table
from tests.audience.crowd import NO_VECTOR, OBJECTS, USERS

SEEDS = USERS[0:24:2]
"""Twelve of the 29 tea drinkers who have a vector and do not object."""
TEA = {u for u in USERS[::2] if u != OBJECTS}


@pytest.fixture
def store(crowd_url: str) -> Iterator[GraphStore]:
    with open_store(crowd_url, read_only=True) as opened:
        yield opened


def test_those_of_the_same_taste_come_first(store: GraphStore) -> None:
    """All seventeen other tea drinkers before any coffee drinker, best first, no seed again."""
    found = lookalikes(store, SEEDS, 100)
    users = found.users["userId"].to_pylist()
    assert set(users[:17]) == TEA - set(SEEDS)
    assert (found.of, len(users), found.release) == (46, 46, "r2")
    score = found.users["score"].to_numpy()
    assert (np.diff(score) <= 0).all()
    assert found.users["rank"].to_pylist() == list(range(1, 47))


def test_who_objects_or_has_no_vector_is_neither_seed_nor_found(store: GraphStore) -> None:
    found = lookalikes(store, [*SEEDS, OBJECTS, NO_VECTOR], 100)
    assert (found.seeds, found.left_out) == (12, 2)
    assert {OBJECTS, NO_VECTOR}.isdisjoint(found.users["userId"].to_pylist())


def test_the_curve_of_a_planted_taste(store: GraphStore) -> None:
    """An audience of the other 29 holds all held-out seeds: they are tea drinkers. Of one of
    everybody the lift is 1."""
    curve = {p.size: p for p in lookalikes(store, SEEDS, 24).curve}
    assert curve[24].recall == 1
    assert curve[24].precision == pytest.approx(12 / 5 / 24)
    whole = {p.size: p for p in lookalikes(store, SEEDS, 1000).curve}
    assert [p.lift for size, p in whole.items() if size == max(whole)] == [pytest.approx(1)]
    assert all(p.lift_of_active < p.lift for size, p in curve.items() if 3 <= size <= 24)


def test_seeds_drawn_by_chance_have_no_lift() -> None:
    """The curve does not flatter: over many users, random seeds are found as chance finds them."""
    rng = np.random.default_rng(0)
    space = Space.of(rng.standard_normal((4000, 8)))
    seeds = rng.choice(4000, 400, replace=False)
    half = next(p for p in _curve(space, seeds, rng.random(4000), 1840, rng) if p.size == 1840)
    assert half.lift == pytest.approx(1, abs=0.12)


def test_a_score_of_one_is_the_average_seed() -> None:
    """And 0 is the average user."""
    rng = np.random.default_rng(1)
    space = Space.of(rng.standard_normal((500, 6)))
    seeds = np.arange(20)
    for shrinkage in (0.05, 1.0):
        score = space.scores(seeds, shrinkage)
        assert (score.mean(), score[seeds].mean()) == pytest.approx((0, 1))


def test_a_narrow_difference_beside_a_wide_one() -> None:
    """Where seeds differ along an axis that varies little, the covariance finds them and the mean
    alone does not: the shrinkage is chosen so."""
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((2000, 4)) * [10, 10, 10, 0.1]
    seeds = np.arange(60)
    vectors[seeds, 3] += 0.5
    space = Space.of(vectors)
    assert space.shrinkage(seeds, rng) == 0.05


def test_both_ways_of_asking_twice_give_the_same(store: GraphStore) -> None:
    """The order of the seeds, and saying one twice, changes nothing."""
    once = lookalikes(store, SEEDS, 10).users
    assert lookalikes(store, [*reversed(SEEDS), SEEDS[0]], 10).users == once


def test_few_seeds_are_refused(store: GraphStore) -> None:
    with pytest.raises(GroupTooSmall, match=r"fewer than 13 users.*seeds with a vector"):
        lookalikes(store, SEEDS, 10, smallest=13)


def test_a_small_audience_is_refused(store: GraphStore) -> None:
    with pytest.raises(GroupTooSmall, match="fewer than 10 users"):
        lookalikes(store, SEEDS, 9, smallest=10)


def test_an_unknown_seed_is_named(store: GraphStore) -> None:
    with pytest.raises(NotFound, match=r"no user 'zoe' in [^,]*$"):
        lookalikes(store, [*SEEDS, "zoe"], 10)
    with pytest.raises(NotFound, match=r"no user 'zoe' in .*, nor 1 more of the 14 seeds"):
        lookalikes(store, [*SEEDS, "zoe", "zed"], 10)


def test_without_a_release_there_is_nobody_to_be_like(tmp_path: Path) -> None:
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as empty:
        empty.ensure_schema()
        with pytest.raises(ReleaseError, match="no release is live"):
            lookalikes(empty, ["a"], 10)


def test_the_command(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, the curve for machines, and a line in the audit."""
    (desk / "seeds.txt").write_text("\n".join(SEEDS))
    asked = ["audience", "lookalike", "--seed", "seeds.txt", "-k", "17", "-o", "like.csv"]
    assert main([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["size"], said["of"], said["seeds"], said["file"]) == (17, 46, 12, "like.csv")
    assert {"size", "precision", "recall", "lift", "lift_of_active"} == set(said["curve"][0])
    rows = (desk / "like.csv").read_text().splitlines()
    assert rows[0] == "userId,rank,score"
    assert {row.split(",")[0] for row in rows[1:]} == TEA - set(SEEDS)
    (act,) = acts(desk / "home")
    assert (act.command, act.release, act.rows) == ("audience lookalike", "r2", {"User": 17})
    assert main(asked) == 0
    assert "17 of 46 users, like 12 seeds, by release r2, in like.csv" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tea.csv", "tea.parquet"])
def test_the_file_of_an_audience_is_seeds(
    desk: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """What `kg audience` wrote, it reads."""
    users = pa.table({"userId": list(SEEDS), "churnRisk": [0.5] * len(SEEDS)})
    write_table(users, desk / name)
    assert main(["audience", "lookalike", "--seed", name, "-k", "17", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seeds"] == 12
