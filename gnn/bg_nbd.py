"""Days on which users came → whether they come back, when, and how often: BG/NBD.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way: each user comes at a steady
rate of their own, and after each visit may leave for good. Rates are gamma distributed over users
(r, alpha), chances of leaving beta (a, b). The unit of time is a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from gnn.pairs import distinct
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ENOUGH = 30
"""Users who came back below which no rate is claimed."""
MOST = 20_000
"""Users it is fitted on, evenly drawn where there are more."""
BOUNDS = ((-6.0, 6.0), (-3.0, 9.0), (-6.0, 6.0), (-6.0, 6.0))
"""Of the logarithms of r, alpha, a and b."""


@dataclass(frozen=True)
class Visits:
    """[U] columns, as of a moment."""

    days: Ints
    """Distinct days with a visit; 0 for users without"""
    last: Doubles
    """Days from the first visit to the last"""
    age: Doubles
    """Days from the first visit to the moment"""

    @property
    def again(self) -> Doubles:
        """[U] visits after the first"""
        return np.maximum(self.days - 1, 0).astype(np.float64)

    def where(self, rows: NDArray[np.generic]) -> Visits:
        return Visits(self.days[rows], self.last[rows], self.age[rows])


def visits_of(user: Ints, at: Ints, n_users: int, now: int) -> Visits:
    """Of dated acts before `now` (epoch s)."""
    who, day = distinct(user, at // DAY)
    days = np.bincount(who, minlength=n_users)
    first, last = np.full(n_users, now / DAY), np.zeros(n_users)
    np.minimum.at(first, who, day)
    np.maximum.at(last, who, day)
    known = days > 0
    return Visits(days, np.where(known, last - first, 0), np.where(known, now / DAY - first, 0))


class BgNbd(BaseModel):
    """The answers are [U]; meaningless for users without a visit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, v: Visits) -> Doubles:
        """Chance that the user has not left."""
        x = v.again
        odds = self.a / (self.b + np.maximum(x, 1) - 1)
        odds = odds * ((self.alpha + v.age) / (self.alpha + v.last)) ** (self.r + x)
        return np.asarray(1 / (1 + np.where(x > 0, odds, 0)), np.float64)

    def back(self, v: Visits, days: float) -> Doubles:
        """Chance of a visit within so many days."""
        silent = ((self.alpha + v.age) / (self.alpha + v.age + days)) ** (self.r + v.again)
        return np.asarray(self.alive(v) * (1 - silent), np.float64)

    def expected(self, v: Visits, days: float) -> Doubles:
        """Visits within so many days (equation 10 of the paper)."""
        x, a = v.again, self.a if abs(self.a - 1) > 1e-4 else 1.0001
        top, since = self.alpha + v.age, self.alpha + v.age + days
        series = hyp2f1(self.r + x, self.b + x, a + self.b + x - 1, days / since)
        grown = 1 - (top / since) ** (self.r + x) * series
        return np.asarray((a + self.b + x - 1) / (a - 1) * grown * self.alive(v), np.float64)

    def wait(self, v: Visits) -> Doubles:
        """Median days to the next visit; infinite where as likely as not none comes."""
        alive = self.alive(v)
        comes = alive > 0.5
        odds = np.divide(alive, alive - 0.5, out=np.ones_like(alive), where=comes)
        with np.errstate(over="ignore"):
            days = (self.alpha + v.age) * (odds ** (1 / (self.r + v.again)) - 1)
        return np.where(comes, days, np.inf)


def fit_bg_nbd(visits: Visits) -> BgNbd | None:
    """By maximum likelihood; None where fewer than ENOUGH came back."""
    known = np.flatnonzero(visits.days > 0)
    if (visits.days > 1).sum() < ENOUGH:
        return None
    v = visits.where(known[:: -(-len(known) // MOST)])
    x, last, age = v.again, v.last, v.age

    def loss(logs: Doubles) -> float:
        r, alpha, a, b = np.exp(logs)
        rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
        stays = betaln(a, b + x) - (r + x) * np.log(alpha + age)
        leaves = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
        leaves = np.where(x > 0, leaves, -np.inf)
        return -float((rate + np.logaddexp(stays, leaves)).mean())

    start = np.array([0.0, np.log(max(float(age.mean()), 1.0)), 0.0, 1.0])
    found = minimize(loss, start, bounds=BOUNDS, method="L-BFGS-B")
    r, alpha, a, b = (float(p) for p in np.exp(found.x))
    return BgNbd(r=r, alpha=alpha, a=a, b=b)
