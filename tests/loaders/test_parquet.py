"""Rows of Parquet files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from kg.errors import InputError
from loaders.parquet import Parquet


def test_columns_of_every_kind_come_as_text(tmp_path: Path) -> None:
    """Times as ISO in UTC, lists as JSON; bytes are left out."""
    berlin = pl.Series([datetime(2020, 7, 1, 12)]).dt.replace_time_zone("Europe/Berlin")
    frame = pl.DataFrame(
        {"i": [1], "f": [1.5], "s": ["x"], "t": [datetime(2020, 1, 2)], "z": berlin,
         "l": [["a", "b"]], "raw": [b"\xff"], "none": [""]}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "a.parquet")
    reader = Parquet(tmp_path / "a.parquet")
    (batch,) = reader.batches()
    assert batch.frame.row(0, named=True) == {
        "i": "1", "f": "1.5", "s": "x", "t": "2020-01-02T00:00:00", "z": "2020-07-01T10:00:00Z",
        "l": '["a","b"]', "none": None, "__line": 1, "__span": 1,
    }  # fmt: skip


def test_a_rows_raw_text_is_its_cells_as_json(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(tmp_path / "a.parquet")
    reader = Parquet(tmp_path / "a.parquet")
    wanted = pl.DataFrame({"__line": [3], "__span": [1]})
    assert [t for part in reader.raw(wanted) for t in part] == ['{"a":"3"}']


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="is not a Parquet file"):
        Parquet(tmp_path / "a.parquet")
