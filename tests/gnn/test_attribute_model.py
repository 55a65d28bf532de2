"""Guesses of an attribute: calibrated, of those who declare none, and only where they beat plain
methods."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.attribute_model import (
    AttributeModel,
    fit_attribute,
    load_attribute,
    save_attribute,
)
from gnn.errors import ModelError
from gnn.predict import Judged, judge_attribute

N = 600
NAMES = np.array(["DE", "FR", "UK"], object)


def judged(spread: float, *, odds: tuple[float, ...] = (0.2, 0.3, 0.5), seed: int = 0):
    """Users of three values, whose vectors point to them but for `spread`; items say nothing."""
    rng = np.random.default_rng(seed)
    value = rng.choice(3, N, p=odds)
    vectors = (np.eye(3)[value] + spread * rng.standard_normal((N, 3))).astype(np.float32)
    items = sp.csr_matrix(rng.integers(0, 2, (N, 10)).astype(np.float32))
    found = judge_attribute(vectors, items, NAMES[value], seed=1)
    assert isinstance(found, Judged)
    return found, vectors, value


def test_a_planted_value_is_guessed() -> None:
    """Of nearly all, and it is worth writing."""
    found, vectors, value = judged(0.2)
    guessing = fit_attribute("country", found, vectors, seed=1)
    assert guessing.not_worth is None
    assert guessing.row["right"] > 0.95 > guessing.row["most_frequent"]
    model = guessing.model
    assert model.values == ("DE", "FR", "UK")
    assert (model.chances(vectors).argmax(axis=1) == value).mean() > 0.95


@pytest.mark.parametrize("values", [2, 3])
def test_chances_come_true(values: int) -> None:
    """Of users nobody has seen, whatever share each value has."""
    odds = (0.1, 0.2, 0.7) if values == 3 else (0.2, 0.0, 0.8)
    found, vectors, _ = judged(0.7, odds=odds)
    guessing = fit_attribute("country", found, vectors, seed=1)
    model = guessing.model
    rng = np.random.default_rng(9)
    value = rng.choice(3, 20_000, p=odds)
    new = (np.eye(3)[value] + 0.7 * rng.standard_normal((20_000, 3))).astype(np.float32)
    chance = model.chances(new)
    right = np.array(model.values)[chance.argmax(axis=1)] == NAMES[value]
    assert chance.shape == (20_000, values)
    assert chance.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.03)
    assert guessing.row["ece"] < 0.08


def test_who_declares_a_value_or_has_no_vector_is_not_guessed() -> None:
    """Null for them; the others have all three."""
    found, vectors, _ = judged(0.2)
    model = fit_attribute("country", found, vectors, seed=1).model
    some = vectors[:4].copy()
    some[1] = 0
    guessed = model.guesses(some, np.array([True, False, False, False]))
    assert guessed["predictedAttribute"].tolist() == [None, None, "country", "country"]
    assert [v is None for v in guessed["predictedValue"]] == [True, True, False, False]
    assert np.isnan(guessed["predictedChance"]).tolist() == [True, True, False, False]


def test_the_value_said_is_the_likeliest() -> None:
    """No other has a higher chance."""
    found, vectors, _ = judged(1.0, odds=(0.1, 0.2, 0.7))
    model = fit_attribute("country", found, vectors, seed=1).model
    said = model.guesses(vectors, np.zeros(N, np.bool_))
    assert np.allclose(said["predictedChance"], model.chances(vectors).max(axis=1))


def test_what_is_chance_is_not_worth_writing() -> None:
    """Values that vectors know nothing of."""
    found, vectors, _ = judged(100.0)
    assert "is not above" in str(fit_attribute("country", found, vectors, seed=1).not_worth)


def test_what_a_plain_method_knows_better_is_not_worth_writing() -> None:
    """Items that say it all, vectors that say something."""
    rng = np.random.default_rng(0)
    value = rng.integers(0, 3, N)
    vectors = (np.eye(3)[value] + 0.7 * rng.standard_normal((N, 3))).astype(np.float32)
    found = judge_attribute(vectors, sp.csr_matrix(np.eye(3)[value]), NAMES[value], seed=1)
    assert isinstance(found, Judged)
    assert "(logistic on items)" in str(fit_attribute("country", found, vectors, 1).not_worth)


def test_what_is_nearly_always_one_value_is_not_worth_writing() -> None:
    """Vectors that tell the rare ones a little: the likeliest value is the frequent one still."""
    found, vectors, _ = judged(1.2, odds=(0.08, 0.0, 0.92), seed=1)
    guessing = fit_attribute("country", found, vectors, seed=1)
    assert guessing.row["most_frequent"] > 0.9
    assert "the most frequent one for 9" in str(guessing.not_worth)


def test_it_is_kept_beside_the_model(tmp_path) -> None:
    """And gives the same chances again; a release without one has none; a broken one is told."""
    assert load_attribute(tmp_path) is None
    found, vectors, _ = judged(0.5)
    model = fit_attribute("country", found, vectors, seed=1).model
    save_attribute(model, tmp_path)
    again = load_attribute(tmp_path)
    assert isinstance(again, AttributeModel)
    assert np.array_equal(again.chances(vectors), model.chances(vectors))
    (tmp_path / "attribute.json").write_text("{}")
    with pytest.raises(ModelError, match="train a new release"):
        load_attribute(tmp_path)
