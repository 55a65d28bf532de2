"""Values far from the rest of their column: marked, never dropped.

A value is an outlier when its logarithm lies more than three interquartile ranges outside the
quartiles (Tukey's far-out fence; shops' prices, quantities and counts are near log-normal, so the
fence is on the logarithm). Quartiles come from a histogram of fixed bins, so that memory does not
grow and the order of the rows does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

OUTLIER = "outlier"
WATCHED = ("price", "quantity", "weight")
_LOW, _HIGH, _PER_DECADE = -6, 12, 100
_LEAST_RANGE = 0.1
"""Decades: a column that is nearly constant has no outliers within a quarter."""
_LEAST_ROWS = 20


@dataclass
class Spread:
    """How the positive values of a column are spread."""

    counts: np.ndarray

    @classmethod
    def empty(cls) -> Spread:
        return cls(np.zeros((_HIGH - _LOW) * _PER_DECADE, np.int64))

    def add(self, values: pl.Series) -> None:
        positive = values.filter(values > 0).to_numpy()
        if len(positive):
            place = np.floor((np.log10(positive) - _LOW) * _PER_DECADE).astype(np.int64)
            place = np.clip(place, 0, len(self.counts) - 1)
            self.counts += np.bincount(place, minlength=len(self.counts))

    def fence(self) -> tuple[float, float] | None:
        """Lowest and highest value that is no outlier; None where there are too few to say."""
        total = self.counts.sum()
        if total < _LEAST_ROWS:
            return None
        below = np.cumsum(self.counts)
        first, third = (
            _LOW + (np.searchsorted(below, total * q) + 0.5) / _PER_DECADE for q in (0.25, 0.75)
        )
        reach = 3 * max(third - first, _LEAST_RANGE)
        return float(10 ** (first - reach)), float(10 ** (third + reach))


def outside(fences: Mapping[str, tuple[float, float]]) -> dict[str, pl.Expr]:
    """By column, whether a row's value is beyond its fence."""
    return {
        name: (~pl.col(name).is_between(low, high) & (pl.col(name) > 0)).fill_null(False)
        for name, (low, high) in fences.items()
    }
