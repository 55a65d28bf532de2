"""Purchases up to a moment → the money a user will spend in the next twelve months.

Visits by BG/NBD, money of a visit by Gamma-Gamma (Fader, Hardie and Lee 2005, "RFM and CLV"); then
a log-linear regression on that and on last year's spend, taught by what came true in the last
quarter of the data, which corrects both where spending grows, or where the two disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import spearmanr
from sklearn.linear_model import PoissonRegressor

from gnn.bg_nbd import BgNbd, Visits, fit_bg_nbd, visits_of
from gnn.graph import UNDATED
from gnn.orders import known_left, lines_of, ratio
from gnn.tables import GraphTables
from gnn.windows import DAY

Doubles = NDArray[np.float64]

YEAR = 365.0
QUARTER = 4
"""The last 1 / QUARTER of the time is what is judged, and the one before it teaches the judged."""
SHORTEST = 7
"""Days of a quarter below which nothing can be told."""
ENOUGH = 30
"""Users who must have bought in the part that teaches."""
CENT = 0.01
"""Added before a logarithm: no money is not infinitely far from some."""


class Spend(BaseModel):
    """Gamma-Gamma: money of one visit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    p: float
    q: float
    gamma: float

    def per_visit(self, number: Doubles, mean: Doubles) -> Doubles:
        """[U] expected, for users whose `number` of visits cost `mean` each."""
        top = self.p * (self.gamma + number * mean)
        return np.asarray(top / (self.p * number + self.q - 1), np.float64)


class Head(BaseModel):
    """exp(intercept + log(values) · coefficient)"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coefficient: tuple[float, ...]
    intercept: float

    def __call__(self, values: Doubles) -> Doubles:
        """[U, F] money → [U] money."""
        logits = np.log(values + CENT) @ np.asarray(self.coefficient) + self.intercept
        return np.asarray(np.exp(logits), np.float64)


class ValueModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    visits: BgNbd
    spend: Spend
    head: Head | None
    """None where there was too little to learn it from"""
    days: float
    """What the head was taught to foretell"""


@dataclass(frozen=True)
class Bought:
    """[U] columns of what users bought before a moment, returned pieces taken out as far as it was
    known by then."""

    visits: Visits
    """Days with money spent"""
    mean: Doubles
    """Money of such a day"""
    last_year: Doubles
    """Money of the last 365 days, or of all the days there are, scaled to a year"""


def bought_before(graph: GraphTables, at: int) -> Bought | None:
    """None where nothing was bought."""
    lines, n = lines_of(graph, at), graph.users.num_rows
    if lines is None:
        return None
    money = np.nan_to_num(lines.price) * known_left(graph, lines, at)
    paid = (money > 0) & (lines.at != UNDATED)
    user, when, money = lines.user[paid], lines.at[paid], money[paid]
    if not len(user):
        return None
    visits = visits_of(user, when, n, at)
    recent = when >= at - YEAR * DAY
    return Bought(
        visits=visits,
        mean=np.nan_to_num(ratio(np.bincount(user, money, n), visits.days)),
        last_year=np.bincount(user[recent], money[recent], n).astype(np.float64),
    )


def fit_value(
    graph: GraphTables, start: int, now: int
) -> tuple[ValueModel | None, list[dict[str, Any]]]:
    """What serves is fitted on all purchases before `now`; what is judged, on those before the last
    quarter of the time from `start`, in which last year's spend and BG/NBD alone stand beside it.
    None where too few bought again."""
    days = min(YEAR, (now - start) / DAY / QUARTER)
    if days < SHORTEST:
        return None, []
    cut, earlier = now - int(days * DAY), now - int(2 * days * DAY)
    judged = _fit(graph, start, earlier, cut, days)
    rows = [] if judged is None else _judge(judged, graph, start, cut, now)
    return _fit(graph, start, cut, now, days), rows


def _fit(graph: GraphTables, start: int, cut: int, now: int, days: float) -> ValueModel | None:
    """As of `now`; the head by what came true from `cut` to then."""
    today = _processes(graph, now)
    if today is None:
        return None
    visits, spend = today
    then, bought = _processes(graph, cut), bought_before(graph, cut)
    head = None
    if then is not None and bought is not None:
        known = bought.visits.days > 0
        came = spent_between(graph, cut, now)[known]
        if (came > 0).sum() >= ENOUGH:
            head = _head(_inputs(*then, bought, days, (cut - start) / DAY)[known], came)
    return ValueModel(visits=visits, spend=spend, head=head, days=days)


def _processes(graph: GraphTables, at: int) -> tuple[BgNbd, Spend] | None:
    bought = bought_before(graph, at)
    if bought is None:
        return None
    visits = fit_bg_nbd(bought.visits)
    return None if visits is None else (visits, _fit_spend(bought))


def _fit_spend(bought: Bought) -> Spend:
    known = bought.visits.days > 0
    x, z = bought.visits.days[known].astype(np.float64), bought.mean[known]

    def loss(logs: Doubles) -> float:
        p, q, gamma = np.exp(logs)
        each = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        each += (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
        return -float(each.mean())

    first = np.array([1.0, 1.0, np.log(z.mean())])
    bounds = ((-4.0, 6.0), (0.05, 6.0), (-6.0, 20.0))  # q > 1: the mean exists
    p, q, gamma = np.exp(minimize(loss, first, bounds=bounds, method="L-BFGS-B").x)
    return Spend(p=float(p), q=float(q), gamma=float(gamma))


def _inputs(
    visits: BgNbd, spend: Spend, bought: Bought, days: float, history_days: float
) -> Doubles:
    """[U, 2] money of the next `days`: by the processes, and as in the last year."""
    per_visit = spend.per_visit(bought.visits.days.astype(np.float64), bought.mean)
    scaled = bought.last_year * days / min(YEAR, history_days)
    return np.stack([visits.expected(bought.visits, days) * per_visit, scaled], axis=1)


def _head(values: Doubles, came: Doubles) -> Head:
    logs = np.log(values + CENT)
    mean, scale = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-6)
    unit = came.mean()
    # mean-consistent for any money, not counts alone (Gourieroux et al. 1984)
    model = PoissonRegressor(alpha=0.01, max_iter=500).fit((logs - mean) / scale, came / unit)
    coefficient = model.coef_ / scale
    intercept = float(model.intercept_ + np.log(unit) - coefficient @ mean)
    return Head(coefficient=tuple(float(c) for c in coefficient), intercept=intercept)


def spent_between(graph: GraphTables, start: int, end: int) -> Doubles:
    """[U] money of purchases in [start, end), whatever was returned of them taken out."""
    lines, n = lines_of(graph, end), graph.users.num_rows
    if lines is None:
        return np.zeros(n)
    then = lines.at >= start  # UNDATED is below every time.
    return np.bincount(lines.user[then], lines.spent[then], n).astype(np.float64)


def expected_value(model: ValueModel, graph: GraphTables, at: int, start: int) -> Doubles:
    """[U] money of the 365 days after `at`; NaN for users who have spent nothing. `start` is where
    the source begins."""
    bought = bought_before(graph, at)
    if bought is None:
        return np.full(graph.users.num_rows, np.nan)
    return _foretell(model, bought, YEAR, (at - start) / DAY)


def _foretell(model: ValueModel, bought: Bought, days: float, history_days: float) -> Doubles:
    """The head foretells the days it was taught; beyond, visits grow as the process says."""
    near = _inputs(model.visits, model.spend, bought, model.days, history_days)
    value = near[:, 0] if model.head is None else model.head(near)
    further = ratio(
        model.visits.expected(bought.visits, days),
        model.visits.expected(bought.visits, model.days),
    )
    return np.where(bought.visits.days > 0, value * further, np.nan)


def _judge(
    model: ValueModel, graph: GraphTables, start: int, cut: int, now: int
) -> list[dict[str, Any]]:
    bought = bought_before(graph, cut)
    if bought is None:
        return []
    known = bought.visits.days > 0
    came = spent_between(graph, cut, now)[known]
    history = (cut - start) / DAY
    both = _inputs(model.visits, model.spend, bought, model.days, history)[known]
    said = {
        "last year's spend": both[:, 1],
        "BG/NBD": both[:, 0],
        "profile": _foretell(model, bought, model.days, history)[known],
    }
    return [{"model": name, **errors(value, came), "days": model.days}
            for name, value in said.items()]  # fmt: skip


def errors(said: Doubles, came: Doubles) -> dict[str, float | int | None]:
    """Mean absolute error in money; rank correlation; money of the tenth said to be worth most over
    a tenth of all; and all money said over all that came."""
    total, top = float(came.sum()), max(1, len(came) // 10)
    best = np.argsort(-said, kind="stable")[:top]
    varied = len(np.unique(said)) > 1 and len(np.unique(came)) > 1
    return {
        "n": len(came),
        "mae": float(np.abs(said - came).mean()),
        "spearman": float(spearmanr(said, came).statistic) if varied else None,
        "decile_lift": float(came[best].sum() / total * len(came) / top) if total else None,
        "said/came": float(said.sum() / total) if total else None,
    }
