"""Mapping files: each mistake is told with the line it stands on."""

from __future__ import annotations

from tests.corpus.case import HEAD, ROW, Case, noted, said
from tests.loaders.tables import RATINGS

_GOOD = HEAD + ROW
_AT = r"shop\.toml:{}: "


def _text(name: str, toml: str | bytes, error: str) -> Case:
    data = toml.encode() if isinstance(toml, str) else toml
    files = {"shop.toml": data, "ratings.csv": _GOOD}
    return Case(f"mapping: {name}", "tabular", files, error=error)


def _with(name: str, old: str, new: str, error: str, line: int | None = None) -> Case:
    assert old in RATINGS
    where = _AT.format(line) if line else ""
    return _text(name, RATINGS.replace(old, new), where + error)


def _reject(name: str, condition: str, error: str) -> Case:
    more = f'[[files.edges.reject]]\ncolumn = "user"\nreason = "x"\n{condition}\n'
    return _text(name, RATINGS + more, error)


_SRC, _HOLDS, _SCALE = 'src = "user"', 'holds = "ratings"', "scale = [1, 5]"
_TIME = 'time = "s"'

TEXT: tuple[Case, ...] = (
    _text("empty", "", "title: Field required"),
    _text("bytes that are no text", b"\xff", r"shop\.toml: is not text in UTF-8"),
    _text("UTF-16", RATINGS.encode("utf-16"), "is not text in UTF-8"),
    _text("a NUL", 'title = "\0"', "Illegal character .*line 1"),
    _text("a key twice", 'title = "a"\ntitle = "b"\n', "Cannot overwrite a value .*line 2"),
    _text("an open text", 'title = "a\n', "line 1"),
    _text("JSON", '{"title": "a"}', "Invalid statement .*line 1"),
    _text("deep lists", "x = " + "[" * 5000 + "]" * 5000, "nested too deep"),
    _text("deep tables", "x = " + "{a=" * 3000 + "1" + "}" * 3000, "nested too deep"),
    _text("5,000 digits", "x = " + "9" * 5000, "thousands of digits"),
    _text("a day that is none", "title = 2020-99-99", "line 1"),
    _text("a title that is a number", RATINGS.replace('"ratings"\n\n', "5\n\n"), _AT.format(1)),
    _text("files that are a text", 'title = "x"\nfiles = "y"', _AT.format(2) + "files"),
    _text("files that are a number", 'title = "x"\nfiles = [1]', _AT.format(2) + "files"),
    _text("no files", 'title = "x"\nfiles = []', _AT.format(2)),
    _text("lines behind a text of several lines",
          'title = """a\n[[files]]\nb"""\n' + RATINGS.replace('title = "ratings"\n', "").replace(
              _SRC, "src = 5"), _AT.format(11)),
    _text("line separators of Unicode",
          'title = "a\u2028b\x85"\n' + RATINGS.replace('title = "ratings"\n', "").replace(
              _SRC, "src = 5"), _AT.format(9)),
)  # fmt: skip

VALUES: tuple[Case, ...] = (
    _with("a match that is a number", '"ratings*"', "5", "match", 4),
    _with("no match", '"ratings*"', "[]", "match", 4),
    _with("a match no file has", '"ratings*"', '"other*"', r"in: there is no file"),
    _with("a match with an open bracket", '"ratings*"', '"ratings[*"', r"in: there is no file"),
    _with("a format nobody reads", _HOLDS, _HOLDS + '\nformat = "xml"', "format", 6),
    _with("an unknown field", _HOLDS, _HOLDS + '\nseparator = ","', "separator", 6),
    _with("a cell that is a list", _SRC, 'src = ["user"]', "src", 9),
    _with("a cell that is nothing", _SRC, "src = {}", "src: needs one of", 9),
    _with("a cell of a cell", _SRC, 'src = { column = { column = "user" } }', "column", 9),
    _with("a cell that is a truth", 'set.rating = "rating"', "set.rating = true", "rating", 13),
    _with("a column the file has not", _SRC, 'src = "who"', r"ratings\.csv: has no column 'who'"),
    _with("a JSON path that is none", _SRC, "src = 'user.a[\"'", "has no column"),
    _with("a regular expression that is none", _SRC, 'src = { column = "user", remove = "[" }',
          r"src: '\[' is not a regular expression", 9),
    _with("an edge nobody knows", '"RATED"', '"LIKED"', "edges: type 'LIKED' is not one of", 7),
    _with("an edge of ours", '"RATED"', '"INTERESTED_IN"', "edges: type 'INTERESTED_IN' is not", 7),
    _with("no key", 'key = ["user", "item"]\n', "", "RATED needs key"),
    _with("an empty key", '["user", "item"]', "[]", "RATED needs key"),
    _with("no scale", _SCALE, "", "RATED needs scale"),
    _with("a scale of words", _SCALE, 'scale = ["a", "b"]', "scale", 12),
    _with("a scale of one", _SCALE, "scale = [1]", "scale", 12),
    _with("a scale turned round", _SCALE, "scale = [5, 1]", "scale is the lowest"),
    _with("a scale without end", _SCALE, "scale = [1, inf]", "scale: .*finite", 12),
    _with("a scale of NaN", _SCALE, "scale = [nan, 5]", "scale: .*finite", 12),
    _with("a scale wider than numbers", _SCALE, "scale = [-1e308, 1e308]", "wider than"),
    _with("a zone nobody knows", _TIME, 'time = "iso", timezone = "Mars"', "'Mars' is not known"),
    *(_with(f"time format {fmt!r}", _TIME, f"time = {fmt!r}", "at: time .*(read|say)", 14)
      for fmt in ("%Q", "%", "", "%H:%M", "%d/%m", "%Y-%m-%d %H", "%Z", "%%", "day")),
    *(_text(f"times {n}", noted(f'{{ column = "at", type = "double", times = {n} }}'), "finite")
      for n in ("nan", "inf", "-inf")),
    *(_text(f"encoding {name!r}", said(encoding=repr(name)), f"encoding {name!r} is not known")
      for name in ("utf-9", "rot13", "idna", "punycode", "unicode_escape", "undefined", "hex",
                   "")),
    *(_text(f"quote {text}", said(quote=text), "is not an ASCII character")
      for text in ('"\\n"', '"\\r"', '"§"', '"\\u0000"', '","', '"中"')),
    _text("a quote of two", said(quote='"ab"'), "quote"),
    *(_text(f"delimiter {text}", said(delimiter=text), "delimiter .* holds what cannot")
      for text in ('"\\n"', '"\\r\\n"', '"\\u0000"', '"\\ufdd0"')),
    _text("no delimiter", said(delimiter='""'), "delimiter"),
    _text("a column named twice", said(columns='["user", "user", "rating", "at"]'), "'user' twice"),
    _text("no columns", said(columns="[]"), "columns names none"),
    _text("a split at nothing",
          noted('{ column = "at", type = "strings", split = "" }'), "split"),
    *(_text(f"set.{name}", noted().replace("set.note", f"set.{name}"), f"{name} is not for a")
      for name in ("src", "dst", "eventId", "userId", "itemId", "outlier", "cancels")),
    _text("set.a-b", noted().replace("set.note", "set.a-b"), "not a property name"),
    _with("a type of its own", 'set.rating = "rating"',
          'set.rating = { column = "x", type = "int" }', "type from the schema"),
    _text("a look-up nobody defines", noted('{ column = "at", lookup = "x" }'), "lookup 'x'"),
    _reject("a group left open", 'matches = "("', r"'\(' is not a regular expression"),
    _reject("looking ahead", 'matches = "(?=a)"', "look-around"),
    _reject("an expression too large", 'matches = "(a{1000}){1000}"', "size limit"),
    _reject("an expression too deep", f'matches = "{"(" * 5000}a{")" * 5000}"', "nested"),
    _reject("a condition of nothing", "", "needs one of equals"),
    _reject("above NaN", "above = nan", "finite"),
)  # fmt: skip

CASES = (
    *TEXT,
    *VALUES,
    _text(
        "Windows line ends count as lines",
        RATINGS.replace(_SRC, "src = 5").replace("\n", "\r\n"),
        _AT.format(9),
    ),
)
