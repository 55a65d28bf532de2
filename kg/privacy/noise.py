"""Whole numbers that one person can move only so far → the same with noise that hides the person.

The discrete Laplace mechanism (Ghosh, Roughgarden and Sundararajan 2009), drawn by OpenDP exactly
and from the operating system's randomness: there is no seed, since who knows it can take the noise
off again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kg.errors import MissingExtra

if TYPE_CHECKING:
    from opendp.mod import Measurement

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Noise:
    """Noise for numbers that differ by `reach` in all (L1) where one person is taken out."""

    reach: int
    epsilon: float
    """With the person no outcome is more than exp(epsilon) times as likely as without."""

    def added(self, exact: Ints) -> Ints:
        """[N] with noise. Raises MissingExtra."""
        return np.array(_mechanism(self.scale)(exact.tolist()), np.int64)

    @cached_property
    def scale(self) -> float:
        """The least for which OpenDP proves epsilon."""
        require()
        from opendp.mod import binary_search_param

        return float(binary_search_param(_mechanism, d_in=self.reach, d_out=self.epsilon, T=float))

    def within(self, sure: float = 0.95) -> float:
        """How far off a number is at most, with this probability."""
        require()
        from opendp.accuracy import discrete_laplacian_scale_to_accuracy

        return float(discrete_laplacian_scale_to_accuracy(self.scale, 1 - sure))


def require() -> None:
    """Raises MissingExtra."""
    try:
        from opendp.mod import enable_features
    except ImportError as e:
        raise MissingExtra("differential privacy", "private") from e
    enable_features("contrib")


def _mechanism(scale: float) -> Measurement:
    require()
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance

    return make_laplace(vector_domain(atom_domain(T="i64")), l1_distance(T="i64"), scale=scale)
