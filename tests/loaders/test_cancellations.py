"""Which purchase a return takes back."""

from __future__ import annotations

import polars as pl

from loaders.cancellations import COLUMNS, match

Line = tuple[str, str, str, int | None, float, float]
"""user, item, event, time, pieces, price."""


def matched(purchases: list[Line], returns: list[Line]) -> tuple[dict[str, str], dict[str, float]]:
    """Return → purchase; purchase → pieces taken back."""
    types = dict(zip(COLUMNS, [pl.String] * 3 + [pl.Int64, pl.Float64, pl.Float64], strict=True))
    found = match(
        pl.DataFrame(purchases, schema=types, orient="row"),
        pl.DataFrame(returns, schema=types, orient="row"),
    )
    return dict(found.cancels.iter_rows()), dict(found.cancelled.iter_rows())


def test_the_latest_purchase_before_the_return_is_taken_back() -> None:
    cancels, pieces = matched(
        [("u", "i", "p1", 1, 5, 2), ("u", "i", "p2", 2, 5, 2), ("u", "i", "p3", 9, 5, 2)],
        [("u", "i", "r", 3, 4, 2)],
    )
    assert (cancels, pieces) == ({"r": "p2"}, {"p2": 4.0})


def test_the_same_price_goes_before_the_later_date() -> None:
    cancels, _ = matched(
        [("u", "i", "p1", 1, 5, 2), ("u", "i", "p2", 2, 5, 3)], [("u", "i", "r", 3, 5, 2)]
    )
    assert cancels == {"r": "p1"}


def test_another_users_or_items_purchase_is_not_taken_back() -> None:
    cancels, _ = matched(
        [("v", "i", "p1", 1, 5, 2), ("u", "j", "p2", 1, 5, 2)], [("u", "i", "r", 3, 5, 2)]
    )
    assert cancels == {}


def test_no_more_is_taken_back_than_was_bought() -> None:
    """Two returns of four from one purchase of five: the second finds one piece."""
    cancels, pieces = matched(
        [("u", "i", "p", 1, 5, 2)], [("u", "i", "r1", 2, 4, 2), ("u", "i", "r2", 3, 4, 2)]
    )
    assert (cancels, pieces) == ({"r1": "p", "r2": "p"}, {"p": 5.0})


def test_a_return_larger_than_any_purchase_takes_from_several_latest_first() -> None:
    cancels, pieces = matched(
        [("u", "i", "p1", 1, 5, 2), ("u", "i", "p2", 2, 5, 2)], [("u", "i", "r", 3, 8, 2)]
    )
    assert (cancels, pieces) == ({"r": "p2"}, {"p2": 5.0, "p1": 3.0})


def test_without_times_any_purchase_of_the_pair_may_be_taken_back() -> None:
    cancels, _ = matched([("u", "i", "p", None, 1, 2)], [("u", "i", "r", None, 1, 2)])
    assert cancels == {"r": "p"}
