"""Health gates: what may be shown to readers."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from kg.gates import check

HEALTH = {
    "effective_rank": 30.0,
    "mean_cosine": 0.1,
    "ndcg20_model": 0.2,
    "ndcg20_popularity": 0.1,
    "ece": 0.01,
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
    return [g.gate for g in check(health, which or tables()) if not g.passed]


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


def test_a_gate_says_figure_and_threshold() -> None:
    """The operator sees by how much."""
    gate = next(g for g in check(HEALTH | {"ece": 0.3}, tables()) if not g.passed)
    assert (gate.figure, gate.threshold) == (0.3, 0.05)
