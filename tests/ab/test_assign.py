"""Arms: balanced in every tier, kept for good, and drawn by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from kg.ab.assign import SCHEMA, _arms_of, _cut, _hashes, assign, check_former
from kg.audit import acts
from kg.cli import main
from kg.errors import ConfigError, GroupTooSmall, InputError, NotFound
from kg.privacy.consent import withdraw
from kg.store import GraphStore, open_store
from tests.audience import crowd
from tests.audience.crowd import OBJECTS, USERS

HALF = {"control": 0.5, "treatment": 0.5}
THREE = {"a": 0.5, "b": 0.3, "c": 0.2}


@pytest.fixture
def store(crowd_url: str) -> Iterator[GraphStore]:
    with open_store(crowd_url, read_only=True) as opened:
        yield opened


def arms(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["userId"].to_pylist(), rows["arm"].to_pylist(), strict=True))


def test_every_tier_has_each_arms_share(store: GraphStore) -> None:
    """To within one user; of 59 who do not object."""
    rows = assign(store, "x", THREE, now=5).rows
    assert rows.schema == SCHEMA
    assert rows["userId"].to_pylist() == [u for u in USERS if u != OBJECTS]
    assert set(rows["assignedAt"].to_pylist()) == {5}
    found = Counter(zip(rows["valueTier"].to_pylist(), rows["arm"].to_pylist(), strict=True))
    size = Counter(rows["valueTier"].to_pylist())
    for (tier, arm), n in found.items():
        assert abs(n - THREE[arm] * size[tier]) <= 1


def test_seed_and_name_decide_alone(store: GraphStore) -> None:
    """The same again on any store and day; another seed or name is another draw."""
    one = arms(assign(store, "x", HALF, now=5).rows)
    assert one == arms(assign(store, "x", HALF, now=9).rows)
    for name, seed in (("x", 8), ("y", 7)):
        other = arms(assign(store, name, HALF, now=5, seed=seed).rows)
        assert 10 < sum(one[u] != other[u] for u in one) < 50
    assert "".join(one[u][0] for u in USERS[:12]) == "tttttctcctct"


def test_who_came_later_moves_nobody(store: GraphStore) -> None:
    """And the arms of all have their shares again."""
    first = assign(store, "x", THREE, now=5, only=USERS[:31])
    then = assign(store, "x", THREE, now=6, former=first.rows)
    before, after = arms(first.rows), arms(then.rows)
    assert (first.new, then.new, then.gone) == (31, 28, 0)
    assert before == {u: after[u] for u in before}
    assert Counter(then.rows["assignedAt"].to_pylist()) == {5: 31, 6: 28}
    sizes = Counter(after.values())
    assert all(abs(sizes[arm] - share * 59) <= 3 for arm, share in THREE.items())
    again = assign(store, "x", THREE, now=7, former=then.rows)
    assert (again.rows, again.new) == (then.rows, 0)


def test_a_tier_that_changed_moves_nobody(store: GraphStore) -> None:
    """The arm and the tier in the file are those of the day it was given."""
    rows = assign(store, "x", HALF, now=5).rows
    place = SCHEMA.get_field_index("valueTier")
    moved = rows.set_column(place, SCHEMA.field(place), pa.array(["lost"] * 59))
    again = assign(store, "x", HALF, now=6, former=moved)
    assert again.rows == moved


def test_only_some(store: GraphStore) -> None:
    """Who objects gets no arm though named."""
    rows = assign(store, "x", HALF, now=5, only=[*USERS[:10], OBJECTS]).rows
    assert rows["userId"].to_pylist() == USERS[:10]
    with pytest.raises(NotFound, match="no user 'zoe'"):
        assign(store, "x", HALF, now=5, only=["zoe"])


def test_an_arm_of_few_is_refused(store: GraphStore) -> None:
    with pytest.raises(GroupTooSmall, match=r"fewer than 13 users.*\(arm c\)"):
        assign(store, "x", THREE, now=5, smallest=13)


def test_hashes_are_even_and_blind_to_names() -> None:
    """Ids in a row fall evenly into a hundred bins, and two salts have nothing in common."""
    ids = pa.chunked_array([pa.array([f"u{k}" for k in range(20_000)])])
    one, two = (_hashes(ids, salt) / 2.0**64 for salt in ("a", "b"))
    counts = np.histogram(one, 100, (0, 1))[0]
    assert stats.chisquare(counts).pvalue > 0.001
    assert abs(stats.spearmanr(one, two).statistic) < 0.03


def test_parts_that_do_not_come_out_even_are_left_to_chance() -> None:
    """Three users in halves: two are in the first arm for half of the starts."""
    firsts = [int(_cut(3, np.array([0.5, 0.5]), s)[0]) for s in np.linspace(0, 0.999, 1000)]
    assert Counter(firsts) == {1: 500, 2: 500}


def test_a_user_is_as_likely_in_each_arm_as_its_share() -> None:
    """Over 400 salts, in tiers of odd sizes, everybody is in `a` about half of the time."""
    fresh = pa.table(
        {
            "userId": [f"u{k}" for k in range(17)],
            "valueTier": ["lost"] * 3 + ["new"] * 9 + [None] * 5,
        }
    )
    none = SCHEMA.empty_table()
    share = np.zeros(17)
    for k in range(400):
        order = np.argsort(_hashes(fresh["userId"], str(k)), kind="stable")
        share[order] += _arms_of(fresh.take(pa.array(order)), none, THREE, str(k)) == 0
    assert np.abs(share / 400 - 0.5).max() < 0.11  # four standard errors


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"a": 1.0}, "two arms or more"),
        ({"a": 0.5, "b": 0.4}, "add up to 0.9"),
        ({"a": 1.5, "b": -0.5}, "arm 'a': its share 1.5"),
    ],
)
def test_arms_must_make_sense(store: GraphStore, given: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        assign(store, "x", given, now=5)


@pytest.mark.parametrize("file", ["spring.csv", "spring.parquet"])
def test_the_command_twice(desk: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run changes nothing in the file."""
    asked = ["ab", "assign", file, "--experiment", "spring"]
    assert main(asked) == 0
    assert "59 users got an arm, 59 have one, in spring" in capsys.readouterr().out
    before = (desk / file).read_bytes()
    assert main(asked) == 0
    assert "0 users got an arm" in capsys.readouterr().out
    assert (desk / file).read_bytes() == before
    assert [(a.command, a.rows) for a in acts(desk / "home")] == [("ab assign", {"User": 59})] * 2


def test_an_audience_is_tested(desk: Path) -> None:
    """Among the users of an exported audience."""
    assert main(["audience", "where", 'country = "UK"', "-o", "uk.csv"]) == 0
    assert main(["ab", "assign", "t.csv", "--experiment", "x", "--among", "uk.csv"]) == 0
    assert sorted(pl.read_csv("t.csv")["userId"].to_list()) == USERS[:30]


def test_a_file_of_other_arms_or_another_experiment_is_refused(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And left as it is."""
    asked = ["ab", "assign", "t.csv", "--experiment"]
    assert main([*asked, "x"]) == 0
    before = (desk / "t.csv").read_bytes()
    assert main([*asked, "y"]) == 1
    assert "t.csv is of experiment 'x', not 'y'" in capsys.readouterr().err
    assert main([*asked, "x", "--arm", "control=0.4", "--arm", "treatment=0.6"]) == 1
    assert "t.csv has the arms control=0.5, treatment=0.5" in capsys.readouterr().err
    (desk / "t.csv").write_text("userId,arm\nu00,control\n")
    assert main([*asked, "x"]) == 1
    assert "t.csv: no column 'experiment'" in capsys.readouterr().err
    (desk / "t.csv").write_bytes(before)


def test_a_user_twice_in_the_file_is_an_error(store: GraphStore) -> None:
    rows = assign(store, "x", HALF, now=5).rows
    with pytest.raises(InputError, match="a user is in it twice"):
        check_former(pa.concat_tables([rows, rows.slice(0, 1)]), "x", HALF, "f")


def test_who_objects_later_is_left_out(tmp_path: Path) -> None:
    """The others keep their arms."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        crowd.load(store)
        first = assign(store, "x", HALF, now=5)
        withdraw(store, tmp_path / "none", ["u07"], now=6)
        then = assign(store, "x", HALF, now=7, former=first.rows)
    before = arms(first.rows)
    del before["u07"]
    assert (then.gone, then.new, arms(then.rows)) == (1, 0, before)
