"""Outcomes of two groups → lift with its interval, whether the groups' sizes are as planned, and
how many users a lift needs.

Rates: the difference by Newcombe's hybrid of Wilson's intervals (Newcombe 1998, method 10), the
ratio by Katz's logarithm, the p-value by the chi-square test. Means: Welch's t; the ratio by the
delta method. Sizes: the chi-square test of the counts (Fabijan et al. 2019 call for alarm below
.001). Numbers of users: the usual normal approximation for two equal groups (Fleiss 1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ratio = tuple[float | None, float | None, float | None]

MISMATCH = 0.001
"""Below this p-value the arms' sizes are no chance."""
POWER = 0.8


@dataclass(frozen=True)
class Effect:
    """Of a group beside the control. Relative figures are None where the control has none."""

    control: float
    value: float
    difference: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    p: float
    """Two-sided"""


def of_rates(k0: int, n0: int, k1: int, n1: int, confidence: float) -> Effect:
    """`k0` of `n0` in the control and `k1` of `n1` in the group did it; both n are above 0."""
    p0, p1 = k0 / n0, k1 / n1
    low0, high0 = stats.binomtest(k0, n0).proportion_ci(confidence, method="wilson")
    low1, high1 = stats.binomtest(k1, n1).proportion_ci(confidence, method="wilson")
    ratio: Ratio = (None, None, None)
    if k0 and k1:
        risk = stats.contingency.relative_risk(k1, n1, k0, n0)
        ends = risk.confidence_interval(confidence)
        ratio = (float(risk.relative_risk) - 1, float(ends.low) - 1, float(ends.high) - 1)
    elif k0:
        ratio = (-1.0, None, None)
    table = np.array([[k0, n0 - k0], [k1, n1 - k1]])
    p = 1.0
    if (table.sum(axis=0) > 0).all():
        p = float(stats.chi2_contingency(table, correction=False).pvalue)
    return Effect(
        p0, p1, p1 - p0,
        p1 - p0 - math.hypot(p1 - low1, high0 - p0),
        p1 - p0 + math.hypot(high1 - p1, p0 - low0),
        *ratio, p,
    )  # fmt: skip


def of_means(x0: Floats, x1: Floats, confidence: float) -> Effect:
    """Of each user's figure; both groups have two users or more."""
    m0, m1 = float(x0.mean()), float(x1.mean())
    v0, v1 = (float(x.var(ddof=1)) / len(x) for x in (x0, x1))
    if v0 + v1 == 0:
        same = 1.0 if m0 == m1 else 0.0
        relative = m1 / m0 - 1 if m0 > 0 else None
        return Effect(m0, m1, m1 - m0, m1 - m0, m1 - m0, relative, relative, relative, same)
    test = stats.ttest_ind(x1, x0, equal_var=False)
    ends = test.confidence_interval(confidence)
    ratio: Ratio = (None, None, None)
    if m0 > 0:
        z = stats.norm.ppf(0.5 + confidence / 2)
        spread = z * math.sqrt(v1 + (m1 / m0) ** 2 * v0) / m0
        ratio = (m1 / m0 - 1, m1 / m0 - 1 - spread, m1 / m0 - 1 + spread)
    return Effect(m0, m1, m1 - m0, float(ends.low), float(ends.high), *ratio, float(test.pvalue))


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> float:
    """p of sizes as far from the planned shares as these, were they chance."""
    expected = np.asarray(shares) * sum(counts)
    return float(stats.chisquare(counts, expected).pvalue)


def users_for_rate(base: float, difference: float, *, alpha: float, power: float = POWER) -> int:
    """Users in each of two groups, so that a rate that goes from `base` to `base + difference` is
    found with chance `power`."""
    other = min(max(base + difference, 0.0), 1.0)
    a, b = _quantiles(alpha, power)
    middle = (base + other) / 2
    none = math.sqrt(2 * middle * (1 - middle))
    some = math.sqrt(base * (1 - base) + other * (1 - other))
    return math.ceil(((a * none + b * some) / (other - base)) ** 2)


def users_for_mean(
    variance: float, difference: float, *, alpha: float, power: float = POWER
) -> int:
    """The same of a mean."""
    a, b = _quantiles(alpha, power)
    return math.ceil(2 * variance * ((a + b) / difference) ** 2)


def detectable(variance: float, n0: int, n1: int, *, alpha: float, power: float = POWER) -> float:
    """The smallest difference of a rate or mean that groups of this size find with that chance."""
    a, b = _quantiles(alpha, power)
    return (a + b) * math.sqrt(variance * (1 / n0 + 1 / n1))


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return float(stats.norm.ppf(1 - alpha / 2)), float(stats.norm.ppf(power))
