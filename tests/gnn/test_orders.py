"""Ten customers' orders worked out by hand: baskets, and what came back."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.orders import basket_size, basket_value, lines_of, return_rate
from tests.gnn.planted import DAY, acts, tables

NOW = 100 * DAY
# user, item, day, order, pieces, price, cancelled
LINES = [
    (0, 0, 10, "a", 2, 10.0, 0), (0, 1, 10, "a", 1, 30.0, 0), (0, 0, 20, "b", 1, 10.0, 0),
    (1, 0, 10, "c", 4, 5.0, 4), (1, 1, 30, "d", 4, 5.0, 1),
    (2, 0, 10, None, 1, 7.0, 0), (2, 1, 10, None, 1, 3.0, 0), (2, 2, 11, None, 1, 2.0, 0),
    (3, 0, 10, "e", 1, None, 0), (3, 1, 10, "e", 1, 8.0, 0), (3, 1, 50, "f", 1, None, 0),
    (4, 2, 10, "g", 2, 4.0, 0), (4, 2, 10, "g", 3, 4.0, 0),
    (5, 0, 10, "h", 10, 1.0, 0),
    (6, 0, 10, "i", None, 6.0, None),
    (7, 0, 99, "j", 1, 100.0, 0), (7, 1, 99, "k", 1, 50.0, 0),
    (8, 0, 10, "l", 2, 9.0, 2),
]  # fmt: skip
USER, ITEM, DAYS, ORDER, PIECES, PRICE, CANCELLED = zip(*LINES, strict=True)
BOUGHT = acts(
    USER, ITEM, [d * DAY for d in DAYS], orderId=pa.array(ORDER, pa.string()),
    quantity=pa.array(PIECES, pa.float64()), price=pa.array(PRICE, pa.float64()),
    cancelledQuantity=pa.array(CANCELLED, pa.float64()),
)  # fmt: skip
# user 0 sends one of three pieces back, user 5 twelve of ten, user 7 one after the moment; user 6
# sends back what they never bought
BACK = acts(
    [0, 5, 7, 6], [0, 0, 0, 2], [30 * DAY, 40 * DAY, 200 * DAY, 30 * DAY],
    quantity=pa.array([1.0, 12.0, 1.0, 1.0]),
)  # fmt: skip
SHOP = tables(10, 3, {"PURCHASED": BOUGHT, "RETURNED": BACK})
SOLD = lines_of(SHOP, NOW)


def test_basket_value_is_the_mean_money_of_an_order():
    """User 0 spent 50 and 10; user 1's order c was cancelled whole and d by one; lines without an
    order are one order a day (user 2); an order without a price says nothing of money (user 3)."""
    expected = [30, 15, 6, 8, 20, 10, 6, 75, np.nan, np.nan]
    assert basket_value(SOLD, 10) == pytest.approx(expected, nan_ok=True)


def test_basket_size_is_the_mean_number_of_different_items():
    """User 4's two lines are of one item; user 8 kept nothing."""
    expected = [1.5, 1, 1.5, 1.5, 1, 1, 1, 1, np.nan, np.nan]
    assert basket_size(SOLD, 10) == pytest.approx(expected, nan_ok=True)


def test_return_rate_is_of_pieces():
    """User 0 one of four, user 1 five of eight by the purchases' own columns, user 5 no more than
    was bought; what was never bought does not count (user 6)."""
    expected = [0.25, 5 / 8, 0, 0, 0, 1, 0, 0, 1, np.nan]
    assert return_rate(SHOP, SOLD, NOW) == pytest.approx(expected, nan_ok=True)


def test_a_return_and_its_mark_on_the_purchase_count_once():
    """The same two pieces, said twice."""
    bought = acts([0], [0], [DAY], quantity=[4.0], cancelledQuantity=[2.0])
    back = acts([0], [0], [2 * DAY], quantity=[2.0])
    shop = tables(1, 1, {"PURCHASED": bought, "RETURNED": back})
    assert return_rate(shop, lines_of(shop, NOW), NOW).tolist() == [0.5]


def test_only_orders_before_the_moment_count():
    """As of day 15 user 0 has order a alone."""
    assert basket_value(lines_of(SHOP, 15 * DAY), 10)[0] == 50


def test_orders_of_different_users_are_different_orders():
    """Even where they share an id."""
    bought = acts([0, 1], [0, 1], [DAY, DAY], orderId=["x", "x"], price=[2.0, 4.0])
    lines = lines_of(tables(2, 2, {"PURCHASED": bought}), NOW)
    assert basket_value(lines, 2).tolist() == [2, 4]
