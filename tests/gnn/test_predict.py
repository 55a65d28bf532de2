"""Attributes foretold from vectors and items: planted ones are found, random ones are not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.predict import FEWEST, Judged, judge_attribute

N = 180


def shop(seed: int = 0) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray]:
    """Users of three values; vectors point to them, and each value has five items of its own."""
    rng = np.random.default_rng(seed)
    value = rng.integers(0, 3, N)
    vectors = (np.eye(3)[value] + 0.2 * rng.standard_normal((N, 3))).astype(np.float32)
    items = np.zeros((N, 15), np.float32)
    items[np.arange(N), 5 * value + rng.integers(0, 5, N)] = 1
    return vectors, sp.csr_matrix(items), np.array(["UK", "FR", "DE"], object)[value]


def by_model(found: Judged | str) -> dict[str, dict]:
    assert isinstance(found, Judged)
    return {row["model"]: row for row in found.table}


def test_a_planted_value_is_foretold() -> None:
    """By vectors and by items; the most frequent value says nothing."""
    found = by_model(judge_attribute(*shop(), seed=1))
    assert list(found) == ["most frequent", "logistic on items", "profile"]
    assert found["profile"]["macro_f1"] > 0.95
    assert found["logistic on items"]["auc"] > 0.95
    assert found["most frequent"]["auc"] == pytest.approx(0.5, abs=0.03)
    assert found["most frequent"]["macro_f1"] < 0.25
    assert {(row["users"], row["values"]) for row in found.values()} == {(N, 3)}


def test_a_value_of_chance_is_not() -> None:
    """Nobody is foretold by a model that saw their value."""
    vectors, items, value = shop()
    shuffled = np.random.default_rng(2).permutation(value)
    found = by_model(judge_attribute(vectors, items, shuffled, seed=1))
    assert found["profile"]["auc"] == pytest.approx(0.5, abs=0.12)
    assert found["logistic on items"]["auc"] == pytest.approx(0.5, abs=0.12)


def test_each_model_reads_its_own_side() -> None:
    """Where vectors know nothing, items still foretell."""
    vectors, items, value = shop()
    found = by_model(judge_attribute(np.zeros_like(vectors), items, value, seed=1))
    assert found["profile"]["auc"] == 0.5
    assert found["logistic on items"]["auc"] > 0.95


def test_two_values() -> None:
    vectors, items, value = shop()
    found = by_model(judge_attribute(vectors, items, np.where(value == "UK", "UK", "no"), seed=1))
    assert found["profile"]["auc"] > 0.98


def test_rare_values_and_silent_users_are_left_out() -> None:
    vectors, items, value = shop()
    value[:10] = None
    value[10 : 10 + FEWEST - 1] = "IS"
    found = by_model(judge_attribute(vectors, items, value, seed=1))
    assert found["profile"]["users"] == N - 10 - FEWEST + 1
    assert found["profile"]["values"] == 3


def test_too_little_to_learn_from_is_said() -> None:
    vectors, items, _ = shop()
    found = judge_attribute(vectors, items, np.full(N, "UK", object), seed=1)
    assert found == "fewer than two of its 1 values have 20 users"
    assert judge_attribute(vectors, items, np.full(N, None, object), seed=1) == (
        "fewer than two of its 0 values have 20 users"
    )
