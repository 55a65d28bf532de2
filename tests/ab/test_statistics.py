"""The statistics of tests beside worked examples, other ways to compute them, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kg.ab.statistics import (
    detectable,
    of_means,
    of_rates,
    sample_ratio,
    users_for_mean,
    users_for_rate,
)


@pytest.mark.parametrize(
    ("k1", "n1", "k0", "n0", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombes_table(k1: int, n1: int, k0: int, n0: int, low: float, high: float) -> None:
    """Interval of a difference of rates, as in table II of Newcombe 1998, method 10."""
    found = of_rates(k0, n0, k1, n1, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_a_rate_worked_out_by_hand() -> None:
    """200 and 260 of 1,000: z = .06 / √(.23 × .77 × .002) = 3.188; ratio 1.3, its logarithm give
    or take 1.96 × √(1/260 − 1/1000 + 1/200 − 1/1000)."""
    found = of_rates(200, 1000, 260, 1000, 0.95)
    assert (found.control, found.value, found.difference) == pytest.approx((0.2, 0.26, 0.06))
    z = 0.06 / np.sqrt(0.23 * 0.77 * 0.002)
    assert found.p == pytest.approx(2 * stats.norm.sf(z))
    spread = 1.959964 * np.sqrt(1 / 260 - 1 / 1000 + 1 / 200 - 1 / 1000)
    ends = np.exp(np.log(1.3) + np.array([-spread, spread])) - 1
    assert (found.relative, found.relative_low, found.relative_high) == pytest.approx(
        (0.3, *ends), rel=1e-6
    )


def test_where_nobody_did_it() -> None:
    """No ratio to nothing, a p-value of 1 where both groups did nothing, an interval all the
    same."""
    nothing = of_rates(0, 50, 0, 50, 0.95)
    assert (nothing.relative, nothing.p, nothing.difference) == (None, 1.0, 0.0)
    assert nothing.low < 0 < nothing.high
    assert of_rates(0, 50, 5, 50, 0.95).relative is None
    assert of_rates(5, 50, 0, 50, 0.95).relative == -1


def test_means_are_welchs() -> None:
    """Statistic, degrees of freedom and interval by the formulas."""
    x0 = np.array([3.0, 4, 1, 2.1, 6, 4.4, 0])
    x1 = np.array([5.0, 7, 9.5, 4, 6.2])
    v0, v1 = x0.var(ddof=1) / 7, x1.var(ddof=1) / 5
    df = (v0 + v1) ** 2 / (v0**2 / 6 + v1**2 / 4)
    difference = x1.mean() - x0.mean()
    half = stats.t.ppf(0.975, df) * np.sqrt(v0 + v1)
    found = of_means(x0, x1, 0.95)
    assert (found.low, found.high) == pytest.approx((difference - half, difference + half))
    t = difference / np.sqrt(v0 + v1)
    assert found.p == pytest.approx(2 * stats.t.sf(t, df))


def test_means_that_never_vary() -> None:
    same = of_means(np.ones(5), np.ones(5), 0.95)
    other = of_means(np.ones(5), np.full(5, 2.0), 0.95)
    assert (same.p, same.difference, other.p, other.relative) == (1, 0, 0, 1)


@pytest.mark.parametrize("kind", ["rate", "mean"])
def test_intervals_hold_as_often_as_they_say(kind: str) -> None:
    """Of 400 tests with a known difference and lift 95 % hold it, give or take 3 %."""
    rng = np.random.default_rng(5)
    held = np.zeros(2)
    for _ in range(400):
        if kind == "rate":
            k0, k1 = rng.binomial(400, 0.10), rng.binomial(600, 0.13)
            found, truth, lift = of_rates(k0, 400, k1, 600, 0.95), 0.03, 0.3
        else:
            x0, x1 = rng.gamma(2, 10, 400), rng.gamma(2, 12, 600)
            found, truth, lift = of_means(x0, x1, 0.95), 4, 0.2
        assert found.relative_low is not None
        assert found.relative_high is not None
        held += found.low <= truth <= found.high, found.relative_low <= lift <= found.relative_high
    assert held / 400 == pytest.approx([0.95, 0.95], abs=0.03)


def test_equal_groups_are_called_different_once_in_twenty() -> None:
    rng = np.random.default_rng(6)
    k = rng.binomial(500, 0.2, (400, 2))
    p = np.array([of_rates(a, 500, b, 500, 0.95).p for a, b in k.tolist()])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(
    ("base", "other", "power", "n"), [(0.5, 0.75, 0.9, 77), (0.2, 0.25, 0.8, 1094)]
)
def test_users_for_a_rate_as_r_has_it(base: float, other: float, power: float, n: int) -> None:
    """power.prop.test(p1 = .50, p2 = .75, power = .90) says 76.7 (R's own example); p1 = .20,
    p2 = .25, power = .80 says 1093.7."""
    assert users_for_rate(base, other - base, alpha=0.05, power=power) == n


def test_users_for_a_mean_as_in_the_text_books() -> None:
    """Half a standard deviation at 5 % and 80 %: 63 (62.8); at 90 %: 85 (84.1)."""
    assert users_for_mean(1.0, 0.5, alpha=0.05) == 63
    assert users_for_mean(1.0, 0.5, alpha=0.05, power=0.9) == 85


def test_that_many_users_find_it_four_times_in_five() -> None:
    """By simulation; and so do groups as large as `detectable` was asked for."""
    rng = np.random.default_rng(7)
    n = users_for_rate(0.1, 0.05, alpha=0.05)
    k0, k1 = rng.binomial(n, 0.1, 400), rng.binomial(n, 0.15, 400)
    found = [of_rates(a, n, b, n, 0.95).p < 0.05 for a, b in zip(k0, k1, strict=True)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    least = detectable(4.0, 100, 300, alpha=0.05)
    x0, x1 = rng.normal(0, 2, (1000, 100)), rng.normal(least, 2, (1000, 300))
    p = stats.ttest_ind(x1, x0, axis=1, equal_var=False).pvalue
    assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.04)


def test_sizes_as_planned_and_not() -> None:
    """χ² of 8,000 and 8,500 beside equal shares is 15.15: p = 9.9e-5."""
    assert sample_ratio([821, 179], [0.8, 0.2]) > 0.05
    assert sample_ratio([8000, 8500], [0.5, 0.5]) == pytest.approx(stats.chi2.sf(15.1515, 1), 1e-3)
