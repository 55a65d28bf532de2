"""Prices' places and brands, worked out by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from gnn.categories import categories_of
from gnn.goods import PLACE, brand_affinity, median_of, price_band, with_price_places
from gnn.graph import events
from tests.gnn.planted import DAY, acts, tables

PRICES = [1.0, 2.0, 2.0, 4.0, 100.0, None, 7.0, 8.0]
BRANDS = ["A", "A", "B", "B", " B ", None, "C", ""]
# items 0 to 5 are of category 0, the others of 1
OF = [0, 0, 0, 0, 0, 0, 1, 1]


def shop(rows, behaviour="VIEWED", at=None, **more):
    user, item = zip(*rows, strict=True)
    table = acts(user, item, at or [DAY] * len(user), **more)
    graph = tables(max(user) + 1, 8, {behaviour: table}, category_of=OF)
    said = graph.items.append_column("price", pa.array(PRICES)).append_column(
        "brand", pa.array(BRANDS)
    )
    return replace(graph, items=said)


def placed(graph, at=None):
    return with_price_places(graph, categories_of(graph).share, at)


def places(graph, at=None):
    return placed(graph, at).items[PLACE].to_pylist()


def test_a_place_is_the_share_of_the_category_that_costs_less():
    """Of five priced items; the same price counts half. Two prices place nothing in category 1, and
    no price has no place."""
    expected = [0.1, 0.4, 0.4, 0.7, 0.9, None, None, None]
    assert places(shop([(0, 0)])) == pytest.approx(expected)


def test_without_a_list_price_what_was_paid_counts():
    """Item 5 was sold at 3, 3 and 50 before the moment: 3 is the middle, above three of six."""
    sold = shop([(0, 5)] * 4, "PURCHASED", [1, 2, 3, 99], price=[3.0, 50.0, 3.0, 0.5])
    assert places(sold, at=50)[5] == pytest.approx((3 + 0.5) / 6)


def test_the_band_is_the_middle_choice():
    """Places .1 .4 .4 → middle; .4 .7 .9 → high; .1 .1 (the same item twice) .4 are two items."""
    rows = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 3), (1, 4), (2, 0), (2, 0), (2, 1)]
    graph = placed(shop(rows))
    assert price_band(events(graph), graph.items).tolist() == ["middle", "high", None]


def test_brands_chosen_more_than_by_others():
    """Everyone: A 1/2, B 1/4, C 1/4. User 0 chose B three times of four; user 1 only A, which is
    twice what others do; user 2 chose C once, which is too little to say."""
    graph = shop([(0, 2), (0, 3), (0, 4), (0, 0), (1, 0), (1, 1), (2, 6), (2, 0)])
    popularity = np.array([0.25, 0.25, 0.25, 0, 0, 0, 0.25, 0], np.float32)
    found = brand_affinity(events(graph), graph.items, popularity)
    assert found.tolist() == ["B", "A", None]


def test_the_brand_that_stands_out_most_is_first():
    """Three of five are of B, where .3 is usual: 3 log 2 = 2.1; two of C for .1: 2 log 4 = 2.8."""
    rows = [(0, 2), (0, 3), (0, 4), (0, 6), (0, 6)]
    graph = shop(rows)
    popularity = np.array([0.3, 0.3, 0.1, 0.1, 0.1, 0, 0.1, 0], np.float32)
    assert brand_affinity(events(graph), graph.items, popularity).tolist() == ["C, B"]


def test_without_brands_nothing_is_said():
    """Null."""
    graph = tables(1, 2, {"VIEWED": acts([0], [0], [1])})
    assert brand_affinity(events(graph), graph.items, np.ones(2, np.float32)).tolist() == [None]


def test_the_median_of_an_even_number_is_between():
    """And unknown for a group without values."""
    found = median_of(np.array([0, 0, 2]), np.array([4.0, 1.0, 5.0]), 3)
    assert found == pytest.approx([2.5, np.nan, 5], nan_ok=True)
