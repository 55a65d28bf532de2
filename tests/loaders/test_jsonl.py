"""Rows and lines of JSON Lines files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import loaders.files
from kg.errors import InputError
from loaders.jsonl import JsonLines
from loaders.plan import LINE


def read(path: Path, data: str | bytes, **how: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    batches = list(JsonLines(path, **how).batches())  # type: ignore[arg-type]
    return pl.concat([b.frame for b in batches]), pl.concat([b.broken for b in batches])


def test_values_come_as_text_and_nested_ones_as_json(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.json", '{"a": 2.50, "b": "x", "c": [1, "y"], "d": true}\n')
    assert frame.row(0)[:4] == ("2.5", "x", '[1, "y"]', "true")


def test_a_key_may_change_its_type_and_may_be_missing(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.json", '{"a": "1.5"}\n{"a": 1.5}\n{"a": null}\n{}\n')
    assert frame["a"].to_list() == ["1.5", "1.5", None, None]


def test_blank_lines_count_as_lines_and_not_as_rows(tmp_path: Path) -> None:
    frame, broken = read(tmp_path / "a.json", '\n{"a": 1}\n  \n{"a": 2}\n\n')
    assert frame[LINE].to_list() == [2, 4]
    assert not len(broken)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_a_bad_line_is_broken_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(loaders.files, "CHUNK", chunk)
    data = b'{"a": 1}\n{"a": \n\n{"a": "\xff"}\n{"a": 1} {"a": 2}\n{"a": 3}'
    frame, broken = read(tmp_path / "a.json", data)
    assert frame.select("a", LINE).rows() == [("1", 1), ("3", 6)]
    assert broken.select(LINE, "reason").rows() == [
        (2, "not a JSON object"), (4, "not text in this encoding"), (5, "not a JSON object"),
    ]  # fmt: skip


def test_python_literals_are_read(tmp_path: Path) -> None:
    """The 2014 Amazon metadata are dicts as Python prints them, quotes inside and all."""
    line = repr({"a": 'it\'s "x"', "b": [["A"], ["B"]], "c": 1.5, "d": True})
    frame, broken = read(tmp_path / "a.json", f"{line}\n{{'a': 1\n{{'a': u'y'}}\n")
    assert frame.rows() == [
        ("it's \"x\"", '[["A"], ["B"]]', "1.5", "true", 1, 1), ("y", None, None, None, 3, 1),
    ]  # fmt: skip
    assert broken[LINE].to_list() == [2]


def test_half_a_surrogate_pair_is_a_replacement_character(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.json", r'{"a": "x\ud83d"}' + "\n" + r'{"a": "\ud83d\ude00"}')
    assert frame["a"].to_list() == ["x\ufffd", "😀"]


def test_a_json_array_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one JSON array.*jq"):
        read(tmp_path / "a.json", '[{"a": 1},\n{"a": 2}]')


def test_a_file_without_an_object_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1 is not a JSON object"):
        read(tmp_path / "a.json", "user,item\n1,2\n")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing in this file"):
        read(tmp_path / "a.json", "\n \n")
