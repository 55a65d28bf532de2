"""Text → numbers, times and keys."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.cells import boolean, composite, integer, key, moment, number
from loaders.plan import Value

CELL = pl.col("cell")


def parsed(value: Value, *cells: str | None) -> list[object]:
    return (
        pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
        .select(value.parsed)[:, 0]
        .to_list()
    )


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def test_whole_numbers_are_exact_beyond_what_a_double_holds() -> None:
    assert parsed(integer(CELL), "9007199254740993", "3.0", "3.5", "x") == [
        9007199254740993, 3, None, None,
    ]  # fmt: skip


def test_a_number_that_is_not_finite_is_none() -> None:
    assert parsed(number(CELL), "1e3", "nan", "inf", " 2 ", "1,5") == [
        1000.0,
        None,
        None,
        2.0,
        None,
    ]


def test_truth_is_said_in_several_ways() -> None:
    assert parsed(boolean(CELL), "True", "0", "yes", "perhaps") == [True, False, True, None]


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("2018-07-07 22:09:11", at(2018, 7, 7, 22, 9, 11)),
        ("2018-07-07T22:09:11.5Z", at(2018, 7, 7, 22, 9, 11)),
        ("2018-07-07T22:09:11+02:00", at(2018, 7, 7, 20, 9, 11)),
        ("2018-07-07T22:09:11 -0530", at(2018, 7, 8, 3, 39, 11)),
        ("2018-07-07 22:09", at(2018, 7, 7, 22, 9)),
        ("2018-07-07", at(2018, 7, 7)),
        ("2018-07", at(2018, 7, 1)),
        ("2018-02-30", None),
        ("yesterday", None),
    ],
)
def test_iso_times_become_utc_seconds(cell: str, wanted: int | None) -> None:
    assert parsed(moment(CELL), cell) == [wanted]


def test_a_clock_without_an_offset_hangs_in_its_time_zone() -> None:
    """Summer and winter; an offset in the cell goes before the zone."""
    berlin = moment(CELL, timezone="Europe/Berlin")
    assert parsed(berlin, "2020-07-01 12:00:00", "2020-01-01 12:00:00", "2020-07-01T12:00:00Z") == [
        at(2020, 7, 1, 10), at(2020, 1, 1, 11), at(2020, 7, 1, 12),
    ]  # fmt: skip


def test_a_time_that_spring_skips_is_none() -> None:
    assert parsed(moment(CELL, timezone="Europe/London"), "2018-03-25 01:30:00") == [None]


def test_formats_are_tried_in_turn() -> None:
    value = moment(CELL, ("%d.%m.%Y", "ms", "%Y/%m"))
    assert parsed(value, "31.12.2020", "1500", "2021/05") == [at(2020, 12, 31), 1, at(2021, 5, 1)]


def test_a_key_of_white_space_is_no_key() -> None:
    keys = pl.DataFrame({"cell": ["a", " ", "", " b "]}).select(key(CELL))[:, 0]
    assert keys.to_list() == ["a", None, None, " b "]


CELLS = st.lists(
    st.tuples(*[st.one_of(st.none(), st.text("ab|\\N", max_size=4))] * 3), min_size=2, max_size=40
)


@given(CELLS)
@settings(max_examples=60, deadline=None)
def test_different_cells_never_give_the_same_composite_key(
    cells: list[tuple[str | None, ...]],
) -> None:
    names = ["a", "b", "c"]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
    keys = frame.select(composite([pl.col(n) for n in names]))[:, 0]
    assert keys.null_count() == 0
    assert keys.n_unique() == len(set(cells))
