"""Health gates: what may be shown to readers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg.gate_case import Case, Thresholds
from kg.gates import check

HEALTH = {
    "effective_rank": 30.0,
    "mean_cosine": 0.1,
    "ndcg20_model": 0.2,
    "ndcg20_popularity": 0.1,
    "ece": 0.01,
    "place_seen": 0.9,
    "place_held_out": 0.8,
    "repeat_error": 0.0,
}


def tables(embedding: float = 1.0, score: float = 0.5) -> dict[str, pa.Table]:
    vector = pa.array([[embedding, 0.0]], pa.list_(pa.float32(), 2))
    return {
        "users": pa.table({"userId": ["ann"], "embedding": vector, "monetary": [None]}),
        "edges/INTERESTED_IN.Category": pa.table(
            {"src": ["ann"], "dst": ["tea"], "score": [score]}
        ),
    }


def failed(health: dict[str, Any], which: dict[str, pa.Table] | None = None) -> list[str]:
    return [g.gate for g in check(Case(health, which or tables())) if not g.passed]


def test_a_healthy_candidate_passes() -> None:
    """No gate stops a good release."""
    assert failed(HEALTH) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_vector_that_is_no_number_is_stopped(bad: float) -> None:
    """NaN and infinity never reach the graph."""
    assert failed(HEALTH, tables(embedding=bad)) == ["finite"]


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_a_score_that_is_no_chance_is_stopped(bad: float) -> None:
    """Interest scores are probabilities."""
    assert failed(HEALTH, tables(score=bad)) == ["scores_are_chances"]


@pytest.mark.parametrize(
    ("figure", "gate"),
    [
        ({"effective_rank": 1.2}, "not_collapsed"),
        ({"mean_cosine": 0.99}, "not_collapsed"),
        ({"ndcg20_model": 0.05}, "not_below_popularity"),
        ({"ece": 0.3}, "calibrated"),
        ({"place_seen": 0.8, "place_held_out": 0.95}, "no_leak"),
        ({"repeat_error": 0.01}, "repeatable"),
    ],
)
def test_a_bad_figure_is_stopped(figure: dict[str, float], gate: str) -> None:
    """Each figure has its gate."""
    assert failed(HEALTH | figure) == [gate]


def test_a_figure_the_data_cannot_give_stops_nothing() -> None:
    """A set without a test period can still be published."""
    assert failed({}) == []


def test_error_that_chance_explains_stops_nothing() -> None:
    """On little data even right probabilities look off."""
    assert failed(HEALTH | {"ece": 0.1, "ece_by_chance": 0.08}) == []
    places = {"place_seen": 0.8, "place_held_out": 0.95, "place_error": 0.04}
    assert failed(HEALTH | places) == []


def test_a_gate_says_figure_and_threshold() -> None:
    """The operator sees by how much."""
    gate = next(g for g in check(Case(HEALTH | {"ece": 0.3}, tables())) if not g.passed)
    assert (gate.figure, gate.threshold) == (0.3, 0.05)


def release(frequency: list[int], *, taste: float = 1.0, said: int = 40) -> dict[str, pa.Table]:
    """Forty users and ten items; the first `said` users have an interest."""
    rng = np.random.default_rng(0)
    names = [f"u{n}" for n in range(40)]
    users = taste * rng.normal(size=(40, 4))
    items = rng.normal(size=(10, 4))

    def vectors(rows: np.ndarray) -> pa.Array:
        return pa.array(rows.tolist(), pa.list_(pa.float32(), 4))

    return {
        "users": pa.table(
            {"userId": names, "embedding": vectors(users), "coldStart": ["events"] * 40,
             "frequency": frequency, "segment": ["a"] * 30 + ["b"] * 10}
        ),
        "items": pa.table({"embedding": vectors(items), "scoreBias": np.arange(10.0)}),
        "edges/INTERESTED_IN.Category": pa.table(
            {"src": names[:said], "dst": ["tea"] * said, "score": [0.5] * said, "rank": [1] * said}
        ),
    }  # fmt: skip


STEADY = release(list(range(40)))


def stopped(candidate: dict[str, pa.Table], live: dict[str, pa.Table] | None = None) -> list[str]:
    return [g.gate for g in check(Case(HEALTH, candidate, live)) if not g.passed]


def test_the_same_release_again_passes() -> None:
    """Against itself nothing drifts."""
    assert stopped(STEADY, STEADY) == []


def test_scores_without_taste_are_stopped() -> None:
    """Users' vectors so short that only popularity is left."""
    assert stopped(release(list(range(40)), taste=0.001)) == ["personal"]


def test_silence_about_active_users_is_stopped() -> None:
    """Thirty of forty have no interest; some of them are named."""
    (gate,) = [g for g in check(Case(HEALTH, release(list(range(40)), said=10))) if not g.passed]
    assert (gate.gate, gate.figure) == ("covers", 0.25)
    assert gate.says == "10 of 40 users with events have an interest"
    assert gate.users[0] == "u10"


def test_a_property_that_jumps_is_stopped() -> None:
    """Everybody's frequency is ten times what it was."""
    moved = release([1_000 + n for n in range(40)])
    (gate,) = [g for g in check(Case(HEALTH, moved, STEADY)) if not g.passed]
    assert gate.gate == "steady_properties"
    assert gate.says.startswith("PSI of frequency is")


def test_interests_that_all_change_are_stopped() -> None:
    """Tea for coffee: the users with the least overlap are named."""
    coffee = STEADY["edges/INTERESTED_IN.Category"].set_column(1, "dst", [["coffee"] * 40])
    candidate = STEADY | {"edges/INTERESTED_IN.Category": coffee}
    (gate,) = [g for g in check(Case(HEALTH, candidate, STEADY)) if not g.passed]
    assert (gate.gate, gate.figure) == ("steady_interests", 1.0)
    assert len(gate.users) == 10


def test_segments_that_fall_together_are_stopped() -> None:
    """Names may change; three quarters and one quarter may not become one."""
    users = STEADY["users"]
    place = users.schema.get_field_index("segment")
    one = STEADY | {"users": users.set_column(place, "segment", [["z"] * 40])}
    assert stopped(one, STEADY) == ["steady_segments"]
    renamed = STEADY | {"users": users.set_column(place, "segment", [["c"] * 30 + ["d"] * 10])}
    assert stopped(renamed, STEADY) == []


def test_a_threshold_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every setting does."""
    monkeypatch.setenv("KG_GATE_COVERAGE", "0.9")
    assert Thresholds().coverage == 0.9


def test_behind_popularity_is_stopped_however_few_users_judged_it() -> None:
    """The error is said beside the figures, and leaves the decision to who may force it."""
    behind = {"ndcg20_model": 0.09, "ndcg20_popularity": 0.1, "ndcg20_error": 0.01}
    (gate,) = [g for g in check(Case(HEALTH | behind, tables())) if not g.passed]
    assert gate.gate == "not_below_popularity"
    assert gate.says.endswith("standard error 0.01")
