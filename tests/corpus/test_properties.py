"""Whatever the bytes, cells, tables and settings are: only our errors, every row in one place, and
the same whatever the size of a batch."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import loaders.files
import loaders.spill
import loaders.staging
from kg.errors import ConfigError, InputError, KgError
from loaders import Staged, nested
from loaders.cells import boolean, composite, integer, moment, number
from loaders.delimited import Delimited
from loaders.jsonl import JsonLines
from loaders.mapping import read_mapping
from loaders.merge import Account, known_nodes, last_rows
from loaders.plan import LINE, SPAN, Reader
from loaders.policy import read_policy
from loaders.spill import FILE, NO_FILE, OK, ROW
from loaders.toml_lines import line_of
from tests.corpus.case import HEAD
from tests.corpus.case import ROW as GOOD_ROW
from tests.loaders.tables import RATINGS, rejects, rows, staged
from tests.loaders.test_stage import consistent

few = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SIZES = st.sampled_from([1, 2, 3, 7, 40, 1 << 22])
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


class Folder:
    """A place for one example after another."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.count = 0

    def new(self) -> Path:
        self.count += 1
        folder = self.at / str(self.count)
        folder.mkdir()
        return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("properties"))


# readers -------------------------------------------------------------------------------------

Record = tuple[int, int, tuple[str | None, ...] | str]
"""Line, span, and the cells or the reason."""


def read(
    path: Path, data: bytes, open_: Callable[[Path], Reader], chunk: int
) -> list[Record] | None:
    """All records in their order; None where the file is refused."""
    path.write_bytes(data)
    found: list[Record] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders.files, "CHUNK", chunk)
        try:
            reader = open_(path)
            for batch in reader.batches():
                cells = batch.frame.drop(LINE, SPAN).rows()
                found += zip(batch.frame[LINE], batch.frame[SPAN], cells, strict=True)
                found += batch.broken.select(LINE, SPAN, "reason").rows()
            found.sort(key=lambda r: r[0])
            where = pl.DataFrame({LINE: [r[0] for r in found], SPAN: [r[1] for r in found]},
                                 schema={LINE: pl.Int64, SPAN: pl.Int64})  # fmt: skip
            raw = [text for part in reader.raw(where) for text in part]
            assert len(raw) == len(found)
        except InputError as e:
            assert "\n" not in str(e)  # noqa: PT017  # to be refused is right, too
            return None
    return found


CSV_BYTES = st.lists(
    st.one_of(
        st.sampled_from([b",", b'"', b"\n", b"\r\n", b"\r", b"a", b"1", b'""', b'","', b" ", b"\0",
                         b"\xff", "é".encode(), "中".encode(), b"\xef\xbb\xbf", b"x,y\n"]),
        st.binary(max_size=3),
    ),
    max_size=25,
).map(b"".join)  # fmt: skip


@given(data=CSV_BYTES, chunk=SIZES)
@few
@example(data=b'"', chunk=1)
@example(data=b'a,"b\nc', chunk=1)
@example(data=b'a,"b\nc"d\n1,2\n', chunk=3)
def test_csv_is_the_same_in_chunks_of_any_size(folder: Folder, data: bytes, chunk: int) -> None:
    """Rows, broken rows, their lines and their reasons."""
    path = folder.new() / "a.csv"
    whole = read(path, b"a,b\n" + data, Delimited, 1 << 22)
    assert read(path, b"a,b\n" + data, Delimited, chunk) == whole


@given(data=CSV_BYTES)
@few
@example(data=b"\r")
@example(data=b"1,2\r")
@example(data=b"\xef\xbb\xbf")
def test_every_line_of_a_csv_is_in_one_record(folder: Folder, data: bytes) -> None:
    """From the first line below the header to the last that is not blank, none twice."""
    found = read(folder.new() / "a.csv", b"a,b\n" + data, Delimited, 1 << 22)
    if found is None:
        return
    last = data.rstrip(b"\r\n").count(b"\n") + 1 if data.rstrip(b"\r\n") else 0
    covered = [line for start, span, _ in found for line in range(start, start + span)]
    assert covered == list(range(2, last + 2))


CELLS = st.lists(st.lists(TEXT.filter(lambda t: "\0" not in t and "\ufdd0" not in t), min_size=2,
                          max_size=2), min_size=1, max_size=6)  # fmt: skip


@given(table=CELLS, delimiter=st.sampled_from([",", ";", "\t", "|", "::", "§", "中"]), chunk=SIZES)
@few
def test_quoted_cells_come_back_as_they_are(
    folder: Folder, table: list[list[str]], delimiter: str, chunk: int
) -> None:
    """Whatever stands in them; only a carriage return that ends no line becomes a space."""
    table = [[c.replace("\r", "").replace("\x1f", "") for c in row] for row in table]
    text = "\n".join(delimiter.join('"' + c.replace('"', '""') + '"' for c in row) for row in table)
    head = delimiter.join("ab")

    def open_(path: Path) -> Reader:
        return Delimited(path, delimiter)

    found = read(folder.new() / "a.csv", f"{head}\n{text}\n".encode(), open_, chunk)
    assert found is not None
    assert [cells for _, _, cells in found] == [tuple(c or None for c in row) for row in table]


@given(text=TEXT, encoding=st.sampled_from(["utf-16", "utf-16-be", "utf-32", "gb18030", "utf-7"]),
       cut=st.integers(0, 6), chunk=SIZES)  # fmt: skip
@few
def test_any_encoding_is_the_same_in_chunks_of_any_size(
    folder: Folder, text: str, encoding: str, cut: int, chunk: int
) -> None:
    """Wherever the bytes are cut."""
    data = f"a,b\nx,y\n{text}\n".encode(encoding)
    data = data[: len(data) - cut]

    def open_(path: Path) -> Reader:
        return Delimited(path, encoding=encoding)

    path = folder.new() / "a.csv"
    assert read(path, data, open_, chunk) == read(path, data, open_, 1 << 22)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), TEXT,
              st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
OBJECT = st.builds(lambda a, more: {"a": a, **more}, JSON, st.dictionaries(TEXT, JSON, max_size=2))
JSON_LINE = st.one_of(
    OBJECT.map(json.dumps),
    OBJECT.map(lambda o: json.dumps(o, ensure_ascii=False)),
    JSON.map(json.dumps),
    TEXT.map(lambda t: t.replace("\n", " ")),
    st.tuples(OBJECT.map(json.dumps), st.integers(0, 30)).map(lambda t: t[0][: t[1]]),
    st.sampled_from(['{"a": 1} {"a": 2}', '{"a": 1}{"a": 2}', "{}{}", "{", "}", "[]", "", " ",
                     '{"a": 1}}', '{"a": 1},', '{"a": "\\ud83d"}', '{"a": tru}', "{'a': 1}",
                     '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e400}', '{"a": "\t"}', '{"a": +1}']),
)  # fmt: skip


def _open_json(path: Path) -> Reader:
    return JsonLines(path, ["a"])


def _object(line: str) -> dict[str, Any] | None:
    """What Python's reader makes of a line; None where it is no JSON, or not one."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        found = json.loads(line, parse_constant=refuse)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@given(lines=st.lists(JSON_LINE, max_size=8), chunk=SIZES)
@few
@example(lines=['{"a": 1} {"a": 2}', "x"], chunk=1 << 22)
@example(lines=['{"a": 1}{"a": 2}', "{"], chunk=1 << 22)
def test_json_lines_are_told_apart_as_pythons_reader_does(
    folder: Folder, lines: list[str], chunk: int
) -> None:
    """An object is a row, whatever else is on the lines about it; the rest is broken."""
    lines = ['{"a": "first"}', *(line.replace("\n", " ").replace("\r", " ") for line in lines)]
    data = "\n".join(lines).encode()
    path = folder.new() / "a.json"
    found = read(path, data, _open_json, chunk)
    assert found is not None
    assert found == read(path, data, _open_json, 1 << 22)
    inked = [n for n, line in enumerate(lines, 1) if line.strip(" \t")]
    strange = [n for n, line in enumerate(lines, 1) if n not in inked or not line.isprintable()]
    assert [n for n, _, _ in found if n not in strange] == [n for n in inked if n not in strange]
    for line, _, cells in found:
        said = _object(lines[line - 1])
        if isinstance(cells, str) and said is not None:
            assert any(isinstance(v, float) and math.isinf(v) for v in said.values()) or (
                "\ufdd0" in lines[line - 1] or "\0" in lines[line - 1]
            ), lines[line - 1]
        if not isinstance(cells, str):
            assert said is not None, lines[line - 1]
            if isinstance(said.get("a"), str) and '"a": 1, "a"' not in lines[line - 1]:
                assert cells == (_read_text(said["a"]),)


def _read_text(text: str) -> str | None:
    """Half a surrogate pair and NUL are replaced; nothing is null."""
    odd = any(0xD800 <= ord(c) < 0xE000 or c == "\0" for c in text)
    if not odd:
        return text or None
    return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 or c == "\0" else c for c in text)


# cells ---------------------------------------------------------------------------------------


def _values(parsed: pl.Expr, cells: list[str]) -> list[Any]:
    frame = pl.DataFrame({"c": cells}, schema={"c": pl.String})
    return frame.select(parsed.alias("v"))["v"].to_list()


CELL = st.one_of(TEXT, st.integers().map(str), st.floats().map(str),
                 st.datetimes().map(datetime.isoformat), st.dates().map(str))  # fmt: skip
C = pl.col("c")
PARSERS: dict[str, pl.Expr] = {
    "number": number(C).parsed,
    "integer": integer(C).parsed,
    "boolean": boolean(C).parsed,
    "iso": moment(C).parsed,
    "iso in Tokyo": moment(C, ["iso"], "Asia/Tokyo").parsed,
    "s": moment(C, ["s"]).parsed,
    "ms": moment(C, ["ms"]).parsed,
    "us": moment(C, ["us"]).parsed,
    "day first": moment(C, ["%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y"]).parsed,
}


@pytest.mark.parametrize("parser", PARSERS)
@given(cells=st.lists(CELL, max_size=8))
@few
def test_a_cell_is_read_the_same_alone_and_among_others(parser: str, cells: list[str]) -> None:
    """No cell raises, and none changes what another is read as."""
    together = _values(PARSERS[parser], cells)
    assert together == [_values(PARSERS[parser], [cell])[0] for cell in cells]
    assert all(v is None or math.isfinite(v) for v in together)


@given(n=st.integers(-(2**63), 2**63 - 1))
@few
def test_a_whole_number_is_exact(n: int) -> None:
    assert _values(integer(C).parsed, [str(n), f" {n} "]) == [n, n]
    assert _values(moment(C, ["s"]).parsed, [str(n)]) == [n]
    assert _values(moment(C, ["ms"]).parsed, [str(n)]) == [n // 1000]


@given(n=st.one_of(st.integers(max_value=-(2**63) - 1), st.integers(min_value=2**63)))
@few
def test_a_whole_number_that_no_column_holds_is_none(n: int) -> None:
    assert _values(integer(C).parsed, [str(n)]) == [None]


@given(x=st.floats())
@few
def test_a_number_is_finite_and_exact(x: float) -> None:
    assert _values(number(C).parsed, [repr(x)]) == [x if math.isfinite(x) else None]


@given(when=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
       offset=st.integers(-14 * 60, 14 * 60))  # fmt: skip
@few
def test_a_moment_is_exact_with_any_offset(when: datetime, offset: int) -> None:
    """Python's ISO text, from year 1 to 9999."""
    seconds = (when - datetime(1970, 1, 1)) // timedelta(seconds=1)
    hours, minutes = divmod(abs(offset), 60)
    shifted = f"{when.isoformat()}{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
    cells = [when.isoformat(), when.isoformat(" ") + "Z", shifted]
    assert _values(moment(C).parsed, cells) == [seconds, seconds, seconds - offset * 60]


@given(one=st.lists(st.one_of(st.none(), TEXT), min_size=2, max_size=2),
       two=st.lists(st.one_of(st.none(), TEXT), min_size=2, max_size=2))  # fmt: skip
@few
def test_different_cells_make_different_keys(one: list[str | None], two: list[str | None]) -> None:
    frame = pl.DataFrame({"x": [one[0], two[0]], "y": [one[1], two[1]]},
                         schema={"x": pl.String, "y": pl.String})  # fmt: skip
    keys = frame.select(k=composite([pl.col("x"), pl.col("y")]))["k"].to_list()
    assert (keys[0] == keys[1]) == (one == two)


LISTS = st.one_of(
    TEXT, JSON.map(json.dumps), TEXT.map(lambda t: "[" + t), TEXT.map(lambda t: f'["{t}"]'),
    st.sampled_from(["[NaN]", "[1e400]", "[[[", "[]", "[null]", '["\\ud800"]', "[1, [2]]", "[{}]",
                     "[" * 2000, '[["a"], "b"]', "[-]", "[1.]", "[tru]", '["a",]']),
)  # fmt: skip


@pytest.mark.parametrize("shape", ["strings", "paths", "split"])
@given(cells=st.lists(LISTS, max_size=8))
@few
def test_a_list_in_a_cell_is_read_the_same_alone_and_among_others(
    shape: str, cells: list[str]
) -> None:
    """One cell that only looks like a list takes no other with it."""
    of = {"strings": nested.strings(C), "paths": nested.paths(C), "split": nested.split(C, ",")}
    assert _values(of[shape], cells) == [_values(of[shape], [cell])[0] for cell in cells]


# settings ------------------------------------------------------------------------------------

TOML_BITS = st.one_of(
    st.sampled_from(["[", "]", "[[", '"', "'", "=", "\n", '"""', "#", "{", "}", ".", "nan", "-1",
                     "1e999", "\\u0000", "true", "[[files]]", "[[files.edges]]", "optional = true",
                     'split = "|"', 'path = ">"', 'format = "jsonl"', 'time = "%Y"', "\r\n", "é"]),
    TEXT,
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(RATINGS)), st.integers(0, 12), TOML_BITS), min_size=1, max_size=3
)


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for place, length, new in edits:
        text = text[:place] + new + text[place + length :]
    return text


@given(edits=EDITS)
@few
def test_a_mapping_works_or_is_told(folder: Folder, edits: list[tuple[int, int, str]]) -> None:
    """Whatever is changed in it; and one that works accounts for every row."""
    at = folder.new()
    files = {"shop.toml": edited(RATINGS, edits), "ratings.csv": HEAD + GOOD_ROW + b"v,,9,1\n"}
    try:
        done = staged(at, "tabular", files)
    except KgError as e:
        assert "\n" not in str(e)  # noqa: PT017  # either outcome is right
        assert not (at / "out").exists()
    else:
        consistent(done)


VALUE = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)
FIELDS = ["match", "holds", "format", "delimiter", "quote", "columns", "encoding", "decimal",
          "missing", "rename", "reject", "nodes", "edges"]  # fmt: skip


@given(field=st.sampled_from(FIELDS), value=VALUE)
@few
def test_any_value_of_a_mappings_field_is_read_or_told(
    folder: Folder, field: str, value: Any
) -> None:
    path = folder.new() / "shop.toml"
    line = f"{field} = {_toml(value)}\n"
    path.write_text(RATINGS.replace("[[files.edges]]", f"{line}[[files.edges]]"), encoding="utf-8")
    try:
        read_mapping(path)
    except ConfigError as e:
        assert str(path) in str(e)  # noqa: PT017  # either outcome is right


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return repr(value)


@given(text=st.lists(TOML_BITS, max_size=12).map("".join))
@few
def test_a_policy_works_or_is_told(folder: Folder, text: str) -> None:
    path = folder.new() / "policy.toml"
    path.write_text('[fields]\n"User.city" = "keep"\n' + text, encoding="utf-8")
    try:
        read_policy(path)
    except ConfigError as e:
        assert str(path) in str(e)  # noqa: PT017  # either outcome is right


@given(text=st.lists(TOML_BITS, max_size=12).map("".join),
       path=st.lists(st.one_of(TEXT, st.integers(0, 3)), max_size=3))  # fmt: skip
@few
def test_a_line_is_a_line_of_the_text(text: str, path: list[str | int]) -> None:
    assert 1 <= line_of(text, path) <= text.count("\n") + 1


# merging -------------------------------------------------------------------------------------

MARKED = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.one_of(st.none(), st.integers(0, 3)),
              st.integers(0, 5), st.integers(0, 2), st.booleans()),
    max_size=12,
)  # fmt: skip
"""Key, value, hash of the row, file, not rejected."""
SCHEMA = {"k": pl.String, "v": pl.Int64, ROW: pl.UInt64, FILE: pl.Int32, OK: pl.Boolean}


def _frame(marked: list[tuple[Any, ...]]) -> pl.DataFrame:
    good = [(k, v, r, f, ok and k is not None) for k, v, r, f, ok in marked]
    return pl.DataFrame(good, schema=SCHEMA, orient="row")


@given(marked=MARKED)
@few
def test_of_rows_with_a_key_the_last_good_one_is_kept(marked: list[tuple[Any, ...]]) -> None:
    """And every good row is either written or merged, in its own file."""
    account = Account()
    table = _frame(marked)
    kept = last_rows(table, ["k"], account)
    last = {k: (v, f) for k, v, _, f, ok in table.iter_rows() if ok}
    assert {k: (v, f) for k, v, _, f, _ in kept.iter_rows()} == last
    assert len(kept) == len(last)
    good = Counter(f for _, _, _, f, ok in table.iter_rows() if ok)
    assert {f: account.written[f] + account.merged[f] for f in good} == dict(good)
    assert all(n >= 0 for n in (*account.written.values(), *account.merged.values()))


@given(marked=MARKED, named=MARKED)
@few
def test_of_a_node_the_last_known_value_is_kept(
    marked: list[tuple[Any, ...]], named: list[tuple[Any, ...]]
) -> None:
    """Whether a row describes it or only names it."""
    not_own = (pl.lit(None, pl.UInt64).alias(ROW), pl.lit(NO_FILE, pl.Int32).alias(FILE))
    table = pl.concat([_frame(marked), _frame(named).with_columns(not_own)])
    account = Account()
    kept = known_nodes(table, "k", account)
    known: dict[str, int | None] = {}
    for k, v, _, _, ok in table.iter_rows():
        if ok:
            known[k] = v if v is not None else known.get(k)
    assert dict(kept.select("k", "v").iter_rows()) == known
    assert len(kept) == len(known)
    good = Counter(f for _, _, _, f, ok in table.iter_rows() if ok and f != NO_FILE)
    assert {f: account.written[f] + account.merged[f] for f in good} == dict(good)


RATING = st.tuples(
    st.sampled_from(["u", "v", "w", "", "é"]), st.sampled_from(["i", "j", " ", '"q"']),
    st.sampled_from(["1", "5", "9", "x", "4.5"]), st.sampled_from(["1600000000", "1", "soon", ""]),
)  # fmt: skip


@given(
    ratings=st.lists(RATING, min_size=1, max_size=15),
    chunk=st.integers(1, 60),
    bucket=st.sampled_from([20, 100, 1 << 25]),
    waiting=st.sampled_from([1, 300, 1 << 25]),
)
@few
def test_a_load_is_the_same_in_batches_and_buckets_of_any_size(
    folder: Folder, ratings: list[tuple[str, ...]], chunk: int, bucket: int, waiting: int
) -> None:
    """Tables, rejects, account and findings."""
    data = HEAD + "".join(f"{','.join(r)}\n" for r in ratings).encode()
    files = {"shop.toml": RATINGS, "ratings.csv": data}
    whole = staged(folder.new(), "tabular", files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders.files, "CHUNK", chunk)
        patch.setattr(loaders.staging, "BUCKET", bucket)
        patch.setattr(loaders.spill, "IN_MEMORY", waiting)
        cut = staged(folder.new(), "tabular", files)
    consistent(cut)
    for table in ("RATED", "User", "Item"):
        assert _listed(whole, table) == _listed(cut, table)
    told = [[(r["line"], r["reason"], r["raw"]) for r in rejects(d)] for d in (whole, cut)]
    assert told[0] == told[1]
    (one,), (other,) = whole.report.files, cut.report.files
    assert (one.rows, one.written, one.merged) == (other.rows, other.written, other.merged)
    assert whole.report.findings == cut.report.findings


def _listed(done: Staged, table: str) -> list[str]:
    return sorted(map(str, rows(done, table))) if table in done.tables else []
