"""What arms did beside the control: from events, from a file, and when not to trust it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kg.ab.assign import SCHEMA, assign
from kg.ab.report import Outcomes, outcomes, outcomes_of_file, report
from kg.cli import main
from kg.errors import GroupTooSmall, InputError, QueryError
from kg.store import GraphStore, open_store
from kg.table_files import write_table
from tests import small_shop
from tests.small_shop import ago

DAY = 86_400


@pytest.fixture
def store(shop_store: GraphStore) -> GraphStore:
    return shop_store


def assigned(days: dict[str, float]) -> pa.Table:
    """Users who got an arm so many days before the end, control and mail in turn."""
    users = sorted(days)
    columns = {
        "userId": users,
        "experiment": ["x"] * len(users),
        "arm": ["control" if k % 2 == 0 else "mail" for k in range(len(users))],
        "share": [0.5] * len(users),
        "valueTier": [None] * len(users),
        "assignedAt": [ago(days[u]) for u in users],
    }
    return pa.table(columns, schema=SCHEMA)


ALL = assigned({"ada": 50, "ben": 50, "cleo": 50, "dan": 50})


def values(found: Outcomes) -> dict[str, float]:
    return dict(zip(found.rows["userId"].to_pylist(), found.rows["value"].to_pylist(), strict=True))


def test_events_before_the_assignment_do_not_count(store: GraphStore) -> None:
    """Ada bought 100, 45 and 10 days ago, ben 35, 20 and 5, cleo twice 15, dan 200."""
    assert values(outcomes(store, ALL)) == {"ada": 1, "ben": 1, "cleo": 1, "dan": 0}
    found = outcomes(store, ALL, measure="events")
    assert values(found) == {"ada": 2, "ben": 3, "cleo": 2, "dan": 0}
    late = assigned({"ada": 20, "ben": 20, "cleo": 14.9, "dan": 1})
    found = outcomes(store, late, measure="events")
    assert values(found) == {"ada": 1, "ben": 2, "cleo": 0, "dan": 0}


def test_money_leaves_cancelled_pieces_out(store: GraphStore) -> None:
    """Ben's guitar of 35 days ago was cancelled."""
    found = values(outcomes(store, ALL, measure="money"))
    assert found == {"ada": 50, "ben": 90, "cleo": 120, "dan": 0}


def test_a_window_of_days(store: GraphStore) -> None:
    """From the moment of the assignment, and users whose window is not over are left out: the
    last event is five days old."""
    found = outcomes(store, ALL, measure="events", days=30)
    assert values(found) == {"ada": 1, "ben": 1, "cleo": 0, "dan": 0}
    found = outcomes(store, assigned({"ada": 50, "ben": 50, "cleo": 34, "dan": 35}), days=30)
    assert (sorted(values(found)), found.waiting) == (["ada", "ben", "dan"], 1)


def test_arms_that_are_younger_than_all_events_say_nothing(store: GraphStore) -> None:
    """Rather than that no arm did anything: the last purchase is five days old."""
    with pytest.raises(QueryError, match="before anybody got an arm; load what came since"):
        outcomes(store, assigned({"ada": 4, "ben": 4, "cleo": 4, "dan": 4}))


def test_a_window_that_is_over_for_nobody(store: GraphStore) -> None:
    """Is an error that says how far the events go."""
    with pytest.raises(QueryError, match="nobody's 90 days are over: the last PURCHASED"):
        outcomes(store, ALL, days=90)


def test_events_without_times_need_a_file(store: GraphStore) -> None:
    with pytest.raises(QueryError, match="RATED has no times here: give the outcome as a file"):
        outcomes(store, ALL, event="RATED")


def test_an_unknown_event_or_one_without_money(store: GraphStore) -> None:
    with pytest.raises(QueryError, match="no event type 'BOUGHT'; there are VIEWED"):
        outcomes(store, ALL, event="BOUGHT")
    with pytest.raises(QueryError, match="VIEWED has no prices"):
        outcomes(store, ALL, event="VIEWED", measure="money")


def many(n: int, rate: dict[str, float], shares: dict[str, float]) -> tuple[pa.Table, Outcomes]:
    """Arms of n users by share, of whom exactly that rate did it."""
    sizes = {arm: round(n * share) for arm, share in shares.items()}
    arm = np.repeat(list(sizes), list(sizes.values()))
    users = [f"u{k}" for k in range(len(arm))]
    did = np.concatenate([np.arange(k) < round(rate[a] * k) for a, k in sizes.items()])
    table = {
        "userId": users, "experiment": ["x"] * len(users), "arm": arm,
        "share": [shares[a] for a in arm.tolist()], "valueTier": [None] * len(users),
        "assignedAt": [0] * len(users),
    }  # fmt: skip
    rows = pa.table({"userId": users, "value": did.astype(float)})
    return pa.table(table, schema=SCHEMA), Outcomes(rows, "bought", True)


def test_a_planted_lift_is_found() -> None:
    """200 and 260 of 1,000: 6 points, p = .0014, the interval without 0."""
    told = report(*many(2000, {"control": 0.2, "mail": 0.26}, {"control": 0.5, "mail": 0.5}))
    control, mail = told.arms
    assert (control.arm, control.effect, control.says) == ("control", None, "the control")
    assert mail.effect is not None
    assert mail.effect.p == pytest.approx(0.00143, abs=1e-4)
    assert mail.effect.relative == pytest.approx(0.3)
    assert mail.says == "better than the control"
    assert (told.mismatch, told.gone, told.waiting) == (False, 0, 0)
    assert told.needed == 25_583  # 20 % → 21 %, as R's power.prop.test says


def test_no_difference_is_not_called_one() -> None:
    told = report(*many(2000, {"control": 0.2, "mail": 0.21}, {"control": 0.5, "mail": 0.5}))
    assert told.arms[1].says == "no difference shown"
    assert told.arms[1].detectable == pytest.approx(0.0501, abs=2e-4)


def test_several_arms_share_the_confidence() -> None:
    """Three beside a control: each interval is of 98.33 %, and wider for it."""
    shares = dict.fromkeys(("control", "a", "b", "c"), 0.25)
    rate = {"control": 0.2, "a": 0.24, "b": 0.2, "c": 0.1}
    told = report(*many(4000, rate, shares))
    assert told.confidence == pytest.approx(1 - 0.05 / 3)
    says = {a.arm: a.says for a in told.arms}
    assert says == {
        "control": "the control", "a": "no difference shown", "b": "no difference shown",
        "c": "worse than the control",
    }  # fmt: skip
    two = report(*many(2000, rate, {"control": 0.5, "a": 0.5}))
    assert two.arms[1].says == "better than the control"


def test_sizes_that_were_not_planned_are_an_alarm() -> None:
    table, found = many(2000, {"control": 0.2, "mail": 0.2}, {"control": 0.5, "mail": 0.5})
    lost = table.slice(0, 1850)  # 150 of mail never came through
    told = report(lost, found)
    assert told.mismatch
    assert told.mismatch_p < 0.001


def test_an_arm_of_few_is_not_shown() -> None:
    given = many(30, {"control": 0.2, "mail": 0.2}, {"control": 0.5, "mail": 0.5})
    with pytest.raises(GroupTooSmall, match=r"\(arm control, whose outcome counts\)"):
        report(*given, smallest=16)


def test_a_control_that_is_not_there() -> None:
    given = many(30, {"control": 0.2, "mail": 0.2}, {"control": 0.5, "mail": 0.5})
    with pytest.raises(InputError, match="no arm 'post'; there are control, mail"):
        report(*given, control="post")


def test_an_outcome_file_counts_absent_users_as_nothing() -> None:
    given = pa.table({"userId": ["ben", "zoe"], "value": [2.5, 1.0]})
    found = outcomes_of_file(ALL, given, "f.csv")
    assert values(found) == {"ada": 0, "ben": 2.5, "cleo": 0, "dan": 0}
    assert not found.is_rate


@pytest.mark.parametrize(
    ("users", "value", "says"),
    [
        (["ada", "ada"], [1.0, 0.0], "a user has two rows"),
        (["ada", None], [1.0, 0.0], "no userId or no value"),
        (["ada", "ben"], [1.0, float("nan")], "no finite number"),
        (["zoe", "yan"], [1.0, 0.0], "none of its users is in the assignment"),
    ],
)
def test_an_outcome_file_must_make_sense(
    users: list[str | None], value: list[float], says: str
) -> None:
    given = pa.table({"userId": pa.array(users, pa.string()), "value": value})
    with pytest.raises(InputError, match=says):
        outcomes_of_file(ALL, given, "f.csv")


def test_the_command(desk: Path, crowd_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From assignment to report, with an outcome file in which all of one arm did it."""
    assert main(["ab", "assign", "t.csv", "--experiment", "spring"]) == 0
    with open_store(crowd_url, read_only=True) as store:
        rows = assign(store, "spring", {"control": 0.5, "treatment": 0.5}, now=0).rows
    treated = rows.filter(pa.compute.equal(rows["arm"], "treatment"))["userId"]
    write_table(pa.table({"userId": treated, "value": [1.0] * len(treated)}), Path("out.csv"))
    capsys.readouterr()
    assert main(["ab", "report", "t.csv", "--outcome", "out.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [a["value"] for a in told["arms"]] == [0, 1]
    assert told["arms"][1]["says"] == "better than the control"
    assert main(["ab", "report", "t.csv", "--outcome", "out.csv"]) == 0
    out = capsys.readouterr().out
    assert "spring: value in out.csv" in out
    assert "sizes are as planned" in out


def test_who_is_gone_is_left_out(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users whom the store does not have any more, as after an erasure; and that is said."""
    assert main(["ab", "assign", "t.csv", "--experiment", "x"]) == 0
    text = (desk / "t.csv").read_text()
    (desk / "t.csv").write_text(text + "zoe,x,control,0.5,,0\n")
    (desk / "out.csv").write_text("userId,value\nu00,3\nzoe,1\n")
    assert main(["ab", "report", "t.csv", "--outcome", "out.csv"]) == 0
    assert "1 users are left out: erased since" in capsys.readouterr().out


@pytest.fixture
def shop_desk(shop_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KG_STORE", shop_url)
    monkeypatch.setenv("KG_MIN_GROUP", "2")
    return tmp_path


def test_the_command_on_events(shop_desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Money a user since the assignment, from the store."""
    write_table(ALL, Path("t.parquet"))
    assert main(["ab", "report", "t.parquet", "--measure", "money", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(a["arm"], a["value"]) for a in told["arms"]] == [("control", 85), ("mail", 45)]
    assert told["outcome"] == "money a user after the assignment"
    assert small_shop.VERSION  # the shop's own release plays no part
