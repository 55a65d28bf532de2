"""Features and outcomes → probabilities that can be trusted."""

import numpy as np
import pytest

from gnn.calibration import Calibration, auc, fit_calibration, judge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60_000, 2)).astype(np.float32)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def came(probability, seed=1):
    return np.random.default_rng(seed).random(len(probability)) < probability


def test_a_planted_logistic_is_found():
    """The coefficients that made the outcomes come back."""
    fitted = fit_calibration(X, came(sigmoid(-2 + 1.5 * X[:, 0] - 0.5 * X[:, 1])), ("a", "b"))
    weights = np.array(fitted.coefficient) / fitted.scale
    assert weights == pytest.approx([1.5, -0.5], abs=0.06)


def test_planted_probabilities_are_recovered():
    """Where the truth is bent, the monotone curve follows it: the error stays below one point."""
    truth = sigmoid(-3 + np.where(X[:, 0] > 0, 3, 0.3) * X[:, 0])
    half = len(X) // 2
    fitted = fit_calibration(X[:half], came(truth)[:half], ("a", "b"))
    assert fitted.curve_from
    assert np.abs(fitted.probability(X[half:]) - truth[half:]).mean() < 0.01


def test_the_curve_helps_where_the_logistic_is_wrong():
    """Without it the bent truth is missed by more than twice as much."""
    truth = sigmoid(-3 + np.where(X[:, 0] > 0, 3, 0.3) * X[:, 0])
    fitted = fit_calibration(X, came(truth), ("a", "b"))
    plain = fitted.model_copy(update={"curve_from": (), "curve_to": ()})
    error = [np.abs(f.probability(X) - truth).mean() for f in (fitted, plain)]
    assert error[0] < error[1] / 2


def test_the_curve_keeps_the_order():
    """A higher logit is never a lower probability, beyond the last knot too."""
    fitted = fit_calibration(X, came(sigmoid(-2 + X[:, 0])), ("a", "b"))
    line = np.stack([np.linspace(-9, 9, 500), np.zeros(500)], axis=1).astype(np.float32)
    assert (np.diff(fitted.probability(line)) > 0).all()


def test_weights_stand_for_rows_left_out():
    """A tenth of the negatives at weight ten gives the probabilities of all of them."""
    y = came(sigmoid(-3 + X[:, 0]))
    keep = y | (np.arange(len(y)) % 10 == 0)
    weight = np.where(y[keep], 1, 10).astype(np.float32)
    sampled = fit_calibration(X[keep], y[keep], ("a", "b"), weight)
    assert sampled.probability(X).mean() == pytest.approx(y.mean(), rel=0.03)


def test_too_few_outcomes_give_no_probability():
    """Nine positives are not enough to claim a chance."""
    y = np.arange(len(X)) < 9
    assert fit_calibration(X, y, ("a", "b")) is None


def test_a_constant_feature_is_harmless():
    """A column without variance takes no weight and gives no NaN."""
    x = np.column_stack([X[:, 0], np.full(len(X), 7)]).astype(np.float32)
    fitted = fit_calibration(x, came(sigmoid(X[:, 0])), ("a", "same"))
    assert fitted.coefficient[1] == pytest.approx(0, abs=1e-6)


def test_it_survives_json():
    """What is stored with a release predicts the same."""
    fitted = fit_calibration(X, came(sigmoid(-2 + X[:, 0])), ("a", "b"))
    again = Calibration.model_validate_json(fitted.model_dump_json())
    assert (again.probability(X) == fitted.probability(X)).all()


def test_true_probabilities_have_a_small_calibration_error():
    """The ECE of the truth is near to what chance alone gives it."""
    truth = sigmoid(-1 + X[:, 0]).astype(np.float32)
    figures = judge(truth, came(truth))
    assert figures["ece"] < 0.006
    assert figures["ece_by_chance"] == pytest.approx(figures["ece"], abs=0.003)


def test_the_calibration_error_is_the_planted_one():
    """Chances stated a tenth too high have an ECE of a tenth."""
    truth = np.full(50_000, 0.3, np.float32)
    assert judge(truth + 0.1, came(truth))["ece"] == pytest.approx(0.1, abs=0.01)


def test_auc_of_one_outcome_is_unknown():
    """Where everything came true there is nothing to rank."""
    assert auc(np.array([0.1, 0.2], np.float32), np.array([True, True])) is None


def test_nothing_to_judge():
    """No rows: no figures, and no NaN."""
    empty = np.zeros(0, np.float32)
    assert judge(empty, empty.astype(bool))["ece"] is None
