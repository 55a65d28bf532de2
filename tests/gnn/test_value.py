"""What users will spend, on planted customers and by hand."""

import numpy as np
import pytest

from gnn.bg_nbd import BgNbd
from gnn.orders import known_left, lines_of
from gnn.value import (
    Head,
    Spend,
    ValueModel,
    bought_before,
    errors,
    expected_value,
    fit_value,
    spent_between,
)
from tests.gnn.planted import DAY, acts, tables
from tests.gnn.test_bg_nbd import planted

USER, AT = planted()
N, END = 3000, 300 * DAY
PRICE = np.random.default_rng(1).gamma(2.0, 10.0, N)[USER] * np.random.default_rng(2).gamma(
    4.0, 0.25, len(USER)
)
SHOP = tables(N, 1, {"PURCHASED": acts(USER, np.zeros_like(USER), AT, price=PRICE)})
MODEL, ROWS = fit_value(SHOP, 0, END)


def test_the_profile_beats_last_year_s_spend():
    """In money and in order, on the last quarter, which taught nothing that is judged."""
    by_model = {row["model"]: row for row in ROWS}
    plain, ours = by_model["last year's spend"], by_model["profile"]
    assert ours["mae"] < 0.95 * plain["mae"]
    assert ours["spearman"] > plain["spearman"]


def test_the_money_said_is_the_money_that_comes():
    """In sum to within a fifth."""
    assert ROWS[-1]["said/came"] == pytest.approx(1, abs=0.2)


def test_who_bought_nothing_has_no_value():
    """Unknown, not 0."""
    graph = tables(2, 1, {"PURCHASED": acts([0], [0], [DAY], price=[5.0])})
    value = expected_value(MODEL, graph, 100 * DAY, 0)
    assert value[0] > 0
    assert np.isnan(value[1])


def test_money_of_a_visit_is_drawn_to_that_of_all():
    """p = q = 2, gamma = 10: users spend 20 on average; one visit of 50 says 2 (10 + 50) / 3."""
    spend = Spend(p=2, q=2, gamma=10)
    found = spend.per_visit(np.array([0.0, 1.0, 1e6]), np.array([0.0, 50.0, 50.0]))
    assert found == pytest.approx([20, 40, 50], rel=1e-4)


def test_a_year_is_the_taught_days_grown_as_visits_grow():
    """A steady user (nobody leaves): four times a quarter."""
    visits = BgNbd(r=1e3, alpha=1e4, a=1e-6, b=1e6)
    spend, head = Spend(p=1e6, q=2, gamma=1e-3), Head(coefficient=(1.0, 0.0), intercept=0.0)
    model = ValueModel(visits=visits, spend=spend, head=head, days=365 / 4)
    days = [d * DAY for d in range(0, 100, 10)]
    graph = tables(1, 1, {"PURCHASED": acts([0] * 10, [0] * 10, days, price=[8.0] * 10)})
    assert expected_value(model, graph, 100 * DAY, 0) == pytest.approx([36.5 * 8], rel=0.01)


def test_a_return_counts_from_when_it_came():
    """Two of four pieces come back on day 5: on day 4 nobody knew."""
    bought = acts([0, 0], [0, 0], [DAY, 2 * DAY], quantity=[3.0, 1.0], cancelledQuantity=[2.0, 0.0])
    back = acts([0], [0], [5 * DAY], quantity=[2.0])
    graph = tables(1, 1, {"PURCHASED": bought, "RETURNED": back})
    assert known_left(graph, lines_of(graph, 4 * DAY), 4 * DAY).tolist() == [3, 1]
    assert known_left(graph, lines_of(graph, 6 * DAY), 6 * DAY).tolist() == [1.5, 0.5]


def test_what_comes_later_is_not_seen():
    """Purchases at the moment and after it are no part of what is known at it."""
    graph = tables(1, 1, {"PURCHASED": acts([0, 0], [0, 0], [DAY, 9 * DAY], price=[5.0, 7.0])})
    before = bought_before(graph, 9 * DAY)
    assert (before.mean.tolist(), before.last_year.tolist()) == ([5], [5])
    assert spent_between(graph, 9 * DAY, 10 * DAY).tolist() == [7]


def test_the_figures_by_hand():
    """Said 1, 2, 9 for 0, 4, 6: errors 1, 2, 3; the best said is the best of three: 6 of 10."""
    found = errors(np.array([1.0, 2.0, 9.0]), np.array([0.0, 4.0, 6.0]))
    assert found == {
        "n": 3,
        "mae": 2,
        "spearman": pytest.approx(1),
        "decile_lift": pytest.approx(1.8),
        "said/came": pytest.approx(1.2),
    }


def test_without_prices_there_is_no_value():
    """Visits alone are no money."""
    graph = tables(N, 1, {"PURCHASED": acts(USER, np.zeros_like(USER), AT)})
    assert fit_value(graph, 0, END) == (None, [])
