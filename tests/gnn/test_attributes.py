"""Ten customers worked out by hand: recency, frequency, money, tenure, tier."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from gnn.attributes import activity_of, cold_start, fifths_of, rfm_score, value_tier
from gnn.graph import events
from gnn.orders import monetary
from tests.gnn.planted import DAY, acts, tables

NOW = 100 * DAY
# user: (day, price, quantity, cancelled) of each purchase; user 9 bought nothing
PURCHASES = {
    0: [(99, 10, 5, 0), (98, 10, 5, 0), (60, 50, 2, 0), (20, 10, 1, 0)],
    1: [(97, 20, 2, 2), (50, 20, 2, 1), (10, 5, 1, 0)],  # 0 + 20 + 5: cancellations taken out
    2: [(95, 1, None, None)],  # a quantity that is not given is one piece
    3: [(90, 100, 1, 0), (90, 100, 1, 0)],  # two events on one day
    4: [(70, None, 3, 0), (40, 4, 1, 0)],  # no price: nothing known to be spent
    5: [(65, 2, 3, 5)],  # more cancelled than bought does not give money back
    6: [(30, 8, 1, 0), (29, 8, 1, 0), (28, 8, 1, 0)],
    7: [(20, 300, 1, 0)],
    8: [(1, 1, 1, 0)],
}
ROWS = [(user, *row) for user, rows in PURCHASES.items() for row in rows]
USER, DAYS, PRICE, QUANTITY, CANCELLED = zip(*ROWS, strict=True)
BOUGHT = acts(
    USER,
    [0] * len(USER),
    [d * DAY for d in DAYS],
    price=pa.array(PRICE, pa.float64()),
    quantity=pa.array(QUANTITY, pa.float64()),
    cancelledQuantity=pa.array(CANCELLED, pa.float64()),
)
SHOP = tables(10, 1, {"PURCHASED": BOUGHT})
ACTIVITY = activity_of(events(SHOP), SHOP, NOW)


def test_recency_is_the_days_since_the_last_event():
    """In days of 86,400 seconds before the moment; unknown for the user without events."""
    expected = [1, 3, 5, 10, 30, 35, 70, 80, 99, np.nan]
    assert ACTIVITY.recency_days == pytest.approx(expected, nan_ok=True)


def test_frequency_counts_days_not_events():
    """Two purchases on one day are one day of activity."""
    assert ACTIVITY.frequency.tolist() == [4, 3, 1, 1, 2, 1, 3, 1, 1, 0]


def test_tenure_is_the_days_since_the_first_event():
    """A user of one event has been here as long as they have been away."""
    expected = [80, 90, 5, 10, 60, 35, 72, 80, 99, np.nan]
    assert ACTIVITY.tenure_days == pytest.approx(expected, nan_ok=True)


def test_late_events_are_counted_by_age():
    """User 0: 1 and 2 days ago, then 40, then 80; user 3 twice 10, user 8 99 days ago."""
    assert ACTIVITY.lately[[0, 3, 5, 8]].tolist() == [[2, 2, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_money_leaves_out_cancelled_pieces():
    """Σ price x (quantity − cancelledQuantity), never below 0 for a purchase."""
    expected = [50 + 50 + 100 + 10, 25, 1, 200, 4, 0, 24, 300, 1, 0]
    assert monetary(SHOP, NOW) == pytest.approx(expected)


def test_money_counts_only_what_was_spent_before():
    """As of day 60 user 0 has spent one piece at 10."""
    assert monetary(SHOP, 60 * DAY)[0] == 10


def test_without_prices_money_is_unknown():
    """Null for everyone, not 0."""
    unpriced = tables(10, 1, {"PURCHASED": BOUGHT.drop_columns(["price"])})
    assert monetary(unpriced, NOW) is None


def test_tiers_follow_the_grid():
    """By fifths of recency (R), frequency (F) and money (M), from 0, of nine users: the fifth is
    five times the users strictly below, over nine.

    user  below R, F, M   R  F  M  (F + M + 1) // 2
    0     8  8  7         4  4  3  4   champion
    1     7  6  5         3  3  2  3   champion
    2     6  0  1         3  0  0  0   new
    3     5  0  6         2  0  3  2   loyal
    4     4  5  3         2  2  1  2   loyal
    5     3  0  0         1  0  0  0   lost
    6     2  6  4         1  3  2  3   at risk
    7     1  0  8         0  0  4  2   at risk
    8     0  0  1         0  0  0  0   lost
    """
    assert value_tier(ACTIVITY, monetary(SHOP, NOW)).tolist() == [
        "champion", "champion", "new", "loyal", "loyal", "lost", "at risk", "at risk", "lost", None,
    ]  # fmt: skip


def test_the_rfm_score_is_the_fifths_as_digits():
    """R, F and M of the table above, one added: user 0 is 5, 5, 4; user 7 is 1, 1, 5."""
    money = monetary(SHOP, NOW)
    score = rfm_score(ACTIVITY, money, fifths_of(ACTIVITY, money)).tolist()
    assert score == ["554", "443", "411", "314", "332", "211", "243", "115", "111", None]


def test_without_prices_the_rfm_score_has_two_digits():
    """Recency and frequency."""
    assert rfm_score(ACTIVITY, None, fifths_of(ACTIVITY, None))[[0, 7]].tolist() == ["55", "11"]


def test_without_prices_the_tier_is_of_recency_and_frequency():
    """User 7 spent most but came once, long ago."""
    assert value_tier(ACTIVITY, None)[7] == "lost"


def test_a_return_is_no_activity():
    """Sending something back on day 99 does not make a silent user recent."""
    back = acts([8], [0], [99 * DAY])
    graph = tables(10, 1, {"PURCHASED": BOUGHT, "RETURNED": back})
    assert activity_of(events(graph), graph, NOW).recency_days[8] == 99


def test_without_times_frequency_counts_events():
    """Recency, tenure and tier are then unknown."""
    timeless = tables(2, 1, {"VIEWED": acts([0, 0, 0], [0, 0, 0])})
    activity = activity_of(events(timeless), timeless, None)
    assert activity.frequency.tolist() == [3, 0]
    assert np.isnan(activity.recency_days).all()
    assert value_tier(activity, None).tolist() == [None, None]


def test_a_friend_in_two_ways_is_one_tie():
    """Following each other and being friends is one other user."""
    both = {
        "FOLLOWS": pa.table({"src": [0, 1], "dst": [1, 0]}),
        "FRIEND_OF": pa.table({"src": [0], "dst": [1]}),
    }
    graph = replace(SHOP, social=both)
    assert activity_of(events(graph), graph, NOW).ties.tolist() == [1, 1] + [0] * 8


def test_cold_start_names_the_best_evidence():
    """Events before friends before text; user 9 has nothing but a friend, and then nothing."""
    social = {"FOLLOWS": pa.table({"src": [9], "dst": [0]})}
    none = np.zeros(10, np.bool_)
    graph = replace(SHOP, social=social)
    assert cold_start(activity_of(events(graph), graph, NOW), none)[[0, 9]].tolist() == [
        "events",
        "friends",
    ]
    assert cold_start(ACTIVITY, none)[9] == "nothing"
