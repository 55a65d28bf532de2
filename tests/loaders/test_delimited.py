"""Cells and lines of delimited files."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import loaders.delimited
import loaders.files
from kg.errors import InputError
from loaders.delimited import Delimited
from loaders.plan import LINE


def read(path: Path, data: bytes, **how: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    path.write_bytes(data)
    reader = Delimited(path, **how)  # type: ignore[arg-type]
    batches = list(reader.batches())
    return pl.concat([b.frame for b in batches]), pl.concat([b.broken for b in batches])


def test_a_row_has_the_line_its_record_starts_on(tmp_path: Path) -> None:
    """A quoted cell of three lines moves the rows behind it by two."""
    frame, _ = read(tmp_path / "a.csv", b'a,b\n1,2\n"x\ny\nz",3\n4,5\n')
    assert frame.rows() == [("1", "2", 2, 1), ("x\ny\nz", "3", 3, 3), ("4", "5", 6, 1)]


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_chunks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """However the bytes are cut into chunks, rows, lines and broken rows are the same."""
    monkeypatch.setattr(loaders.files, "CHUNK", chunk)
    data = b'a,b\n"1\n1",2\n3\n"4\n","\n5"\n\n6,"7"\n8,9,10\n'
    frame, broken = read(tmp_path / "a.csv", data)
    assert frame.rows() == [
        ("1\n1", "2", 2, 2), ("4\n", "\n5", 5, 3), (None, None, 8, 1), ("6", "7", 9, 1),
    ]  # fmt: skip
    assert broken[LINE].to_list() == [4, 10]


@pytest.mark.parametrize("chunk", [1, 1000])
def test_excels_first_line_is_no_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """ "sep=;" names no column; rows keep their lines."""
    monkeypatch.setattr(loaders.files, "CHUNK", chunk)
    frame, _ = read(tmp_path / "a.csv", b"sep=;\r\na;b\r\n1;2\r\n", delimiter=";")
    assert frame.rows() == [("1", "2", 3, 1)]
    assert frame.columns[:2] == ["a", "b"]


def test_excels_separator_that_is_not_the_mappings_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"sep=;\na;b\n")
    with pytest.raises(InputError, match="line 1 says that ';' separates"):
        Delimited(path)


def test_a_row_with_too_many_cells_is_broken(tmp_path: Path) -> None:
    _, broken = read(tmp_path / "a.csv", b"a,b\n1,2,3\n")
    assert broken.rows() == [(2, 1, "3 cells, not 2")]


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    frame, broken = read(tmp_path / "a.csv", b"a,b\n1,2\n\n\r\n\n")
    assert (len(frame), len(broken)) == (1, 0)


def test_a_row_that_is_not_utf8_is_broken_and_the_others_are_read(tmp_path: Path) -> None:
    frame, broken = read(tmp_path / "a.csv", "a,b\nö,1\n".encode() + b"\xff,2\n3,4\n")
    assert frame["a"].to_list() == ["ö", "3"]
    assert broken.rows() == [(3, 1, "not text in this encoding")]


def test_a_nul_is_not_text(tmp_path: Path) -> None:
    _, broken = read(tmp_path / "a.csv", b"a,b\n1\x00,2\n")
    assert broken["reason"].to_list() == ["not text in this encoding"]


def test_latin_1_is_read_as_latin_1(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.csv", "a\né\n".encode("latin-1"), encoding="latin-1")
    assert frame["a"].to_list() == ["é"]


def test_utf_16_is_read_with_its_lines(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.csv", "a,b\n中,1\n文,2\n".encode("utf-16"), encoding="utf-16")
    assert frame.rows() == [("中", "1", 2, 1), ("文", "2", 3, 1)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.csv", b"\xef\xbb\xbfa,b\n1,2\n")
    assert frame.columns[0] == "a"


def test_a_delimiter_may_have_two_characters(tmp_path: Path) -> None:
    names = ["user", "item", "rating"]
    frame, _ = read(tmp_path / "a.dat", b"1::2::5\n3::4:4::1\n", delimiter="::", quote=None,
                    names=names)  # fmt: skip
    assert frame.select(names).rows() == [("1", "2", "5"), ("3", "4:4", "1")]


def test_without_quoting_a_quote_is_a_character(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.tsv", b'a\tb\n"x\t12"\n', delimiter="\t", quote=None)
    assert frame.rows() == [('"x', '12"', 2, 1)]


def test_a_carriage_return_inside_a_line_does_not_end_it(tmp_path: Path) -> None:
    """Lines are what ends in a newline; the rows behind keep their numbers."""
    frame, _ = read(tmp_path / "a.csv", b"a,b\r\n1\r1,2\r\n3,4\r\n")
    assert frame.rows() == [("1 1", "2", 2, 1), ("3", "4", 3, 1)]


def test_cells_that_say_nothing_are_null(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "a.csv", b'a,b,c\n,"",NA\n', missing=["NA"])
    assert frame.row(0)[:3] == (None, None, None)


@pytest.mark.parametrize("pack", [gzip.compress, lambda b: pa.compress(b, "zstd", asbytes=True)])
def test_a_packed_file_is_known_by_what_it_holds(tmp_path: Path, pack: object) -> None:
    """gzip and Zstandard are unpacked whatever the name says."""
    frame, _ = read(tmp_path / "a.csv", pack(b"a\n1\n"))  # type: ignore[operator]
    assert frame["a"].to_list() == ["1"]


def test_a_packed_file_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    data = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path / "a.csv.gz", data[:-20])


def test_a_file_named_gz_that_is_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is named \.gz but does not hold gzip"):
        read(tmp_path / "a.csv.gz", b"a\n1\n")


def test_a_column_named_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names the column 'a' twice"):
        read(tmp_path / "a.csv", b"a,b,a\n1,2,3\n")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1 is empty"):
        read(tmp_path / "a.csv", b"")


def test_a_quote_that_stays_open_is_an_error_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders.files, "CHUNK", 50)
    monkeypatch.setattr(loaders.delimited, "LONGEST", 200)
    with pytest.raises(InputError, match="starts at line 3 does not end"):
        read(tmp_path / "a.csv", b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 100)


def test_raw_text_is_what_stands_in_the_file(tmp_path: Path) -> None:
    """Quotes, line breaks and bytes that are no text included."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n"x\ny",\n3,\xff\n')
    wanted = pl.DataFrame({"__line": [3, 5], "__span": [2, 1]})
    raw = [text for part in Delimited(path).raw(wanted) for text in part]
    assert raw == ['"x\ny",', r"3,\xff"]
