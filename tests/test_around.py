"""What a few users' profiles are made of."""

from __future__ import annotations

import pyarrow as pa

from kg.around import latest


def events(*rows: tuple[str, str, int | None]) -> pa.Table:
    src, dst, at = zip(*rows, strict=True)
    return pa.table({"src": src, "dst": dst, "at": pa.array(at, pa.int64())})


def test_the_latest_of_each_user_stay_in_their_order() -> None:
    given = events(("a", "x", 3), ("b", "x", 1), ("a", "y", 1), ("a", "z", 2))
    assert latest(given, 2) == given.take([0, 1, 3])


def test_events_without_a_time_go_first() -> None:
    """One user has an undated event and a dated one."""
    assert latest(events(("a", "x", None), ("a", "y", 1)), 1)["dst"].to_pylist() == ["y"]


def test_ties_do_not_depend_on_the_order_of_rows() -> None:
    given = events(("a", "x", 1), ("a", "y", 1))
    assert latest(given, 1)["dst"].to_pylist() == ["y"]
    assert latest(given.take([1, 0]), 1)["dst"].to_pylist() == ["y"]


def test_of_no_events_nothing_is_the_latest() -> None:
    assert latest(events(("a", "x", 1)).slice(1), 3).num_rows == 0
