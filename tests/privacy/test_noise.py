"""Noise on released figures is there, of the scale that epsilon asks for, and hides one person."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kg.errors import MissingExtra
from kg.privacy.noise import Noise

MANY = 60_000


def drawn(exact: int, noise: Noise) -> np.ndarray:
    return noise.added(np.full(MANY, exact, np.int64))


@pytest.mark.parametrize(("reach", "epsilon"), [(1, 0.5), (3, 0.5), (1, 2.0)])
def test_its_spread_is_that_of_epsilon(reach: int, epsilon: float) -> None:
    """No mean, and the discrete Laplace distribution's variance at reach / epsilon; ten hundredths
    are six standard errors."""
    noise = Noise(reach, epsilon)
    q = np.exp(-epsilon / reach)
    variance = 2 * q / (1 - q) ** 2
    off = drawn(100, noise) - 100
    assert noise.scale == pytest.approx(reach / epsilon)
    assert abs(off.mean()) < 6 * np.sqrt(variance / MANY)
    assert off.var() == pytest.approx(variance, rel=0.1)


def test_a_neighbours_answers_are_nearly_as_likely() -> None:
    """With one person more no answer is more than exp(epsilon) times as likely, and those on
    either side are just that: a fifth is five standard errors."""
    noise = Noise(1, 1.0)
    without, with_one = drawn(10, noise), drawn(11, noise)
    among = np.arange(8, 14)
    a = np.array([(without == k).sum() for k in among])
    b = np.array([(with_one == k).sum() for k in among])
    expected = np.exp(np.where(among <= 10, 1.0, -1.0))
    assert a / b == pytest.approx(expected, rel=0.2)


def test_it_says_how_far_off_a_number_is() -> None:
    noise = Noise(1, 0.1)
    off = np.abs(drawn(0, noise))
    assert (off <= noise.within(0.95)).mean() == pytest.approx(0.95, abs=0.01)


def test_two_draws_differ() -> None:
    """A seed would be a way to take the noise off."""
    noise = Noise(1, 0.01)
    assert (drawn(0, noise) != drawn(0, noise)).mean() > 0.9


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp.mod", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[private\]'"):
        Noise(1, 1.0).added(np.zeros(1, np.int64))
