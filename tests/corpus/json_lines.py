"""JSON Lines and Python literals: Amazon's layouts, Yelp's, and a mapping's."""

from __future__ import annotations

from tests.corpus.case import NOT_JSON, NOT_TEXT, Case
from tests.loaders.tables import RATINGS

GOOD = b'{"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1400000000}\n'
_NUMBER, _OFF = "rating is not a number", "rating off the scale 1 to 5"
_ITEM = b'{"asin": "z", "title": "t"}\n'
_USER = b'{"user_id": "z", "yelping_since": "2012-01", "name": "n", "friends": "v, w"}\n'
_LITERAL = b"{'reviewerID': 'u', 'asin': 'i', 'overall': 5.0, 'unixReviewTime': 1400000000}\n"


def _case(
    name: str,
    data: bytes,
    written: int = 0,
    rejects: dict[int, str] | None = None,
    *,
    merged: int = 0,
    error: str = "",
    source: str = "amazon",
    tables: dict[str, int] | None = None,
) -> Case:
    return Case(name, source, {"r.json": data}, written, merged, rejects or {}, error, tables)


def _line(name: str, line: bytes, reason: str) -> Case:
    """A good line, this one, a good line that says the same as the first."""
    return _case(name, GOOD + line + b"\n" + GOOD, 1, {2: reason}, merged=1)


def _review(**changed: str) -> bytes:
    cells = {"reviewerID": '"v"', "asin": '"j"', "overall": "5", "unixReviewTime": "1400000000"}
    return ("{" + ", ".join(f'"{k}": {v}' for k, v in {**cells, **changed}.items()) + "}").encode()


def _value(key: str, value: str, reason: str) -> Case:
    return _line(f"{key} {value[:30]}", _review(**{key: value}), reason)


def _held(key: str, value: str, tables: dict[str, int]) -> Case:
    data = GOOD + _review(**{key: value}) + b"\n"
    return _case(f"{key} {value[:30]} is read", data, 2, tables=tables)


def _item(key: str, value: str, **tables: int) -> Case:
    """An item whose field is odd is an item."""
    data = _ITEM + f'{{"asin": "i", "{key}": {value}}}\n'.encode()
    return _case(f"item's {key} {value[:30]}", data, 2, tables={"Item": 2, **tables})


def _literal(name: str, line: str, reason: str) -> Case:
    data = _LITERAL + line.encode() + b"\n" + _LITERAL
    return _case(f"literal: {name}", data, 1, {2: reason}, merged=1)


TWO = {"User": 2, "Item": 2, "RATED": 2}

LINES: tuple[Case, ...] = (
    _case("empty file", b"", error="nothing in this file"),
    _case("only white space", b" \n\t\n\r\n", error="nothing in this file"),
    _case("one JSON array", b"[" + GOOD[:-1] + b",\n" + GOOD[:-1] + b"]", error="one JSON array"),
    _case("one object over many lines", GOOD.replace(b", ", b",\n"), error="line 1 is not a JSON"),
    _case("a CSV called .json", b"user,item\nu,i\n", error="line 1 is not a JSON object"),
    _case("a web page", b"<!doctype html>\n<html></html>\n", error="line 1 is not a JSON object"),
    _case("keys of no kind", b'{"a": 1}\n', error="the rows of r.json have a$"),
    _case("renamed keys", GOOD.replace(b"reviewerID", b"reviewer"), error="have.* reviewer"),
    _case("no newline at the end", GOOD + _review(), 2),
    _case("CR LF", GOOD.replace(b"\n", b"\r\n") * 2, 1, merged=1),
    _case("CR line ends", GOOD.replace(b"\n", b"\r") * 2, error="carriage return"),
    _case("blank lines are no rows", b"\n" + GOOD + b"\n \n" + _review() + b"\n\n", 2),
    _case("cut in the middle", GOOD + _review()[:-20], 1, {2: NOT_JSON}),
    _case("ten MB of text", GOOD + _review(reviewText='"' + "x" * 10_000_000 + '"'), 2),
    _line("ten MB that are no JSON", b"x" * 10_000_000, NOT_JSON),
    _line("two objects", GOOD[:-1] + GOOD[:-1], NOT_JSON),
    _line("an array", b'["u", "i", 5]', NOT_JSON),
    _line("an array of an object", b"[" + GOOD[:-1] + b"]", NOT_JSON),
    _line("a text", b'"u"', NOT_JSON),
    _line("a number", b"5", NOT_JSON),
    _line("null", b"null", NOT_JSON),
    _line("an empty object", b"{}", "no user"),
    _line("an open object", b'{"reviewerID": "v"', NOT_JSON),
    _line("an open text", b'{"reviewerID": "v, "asin": "j"}', NOT_JSON),
    _line("a comma at the end", _review()[:-1] + b",}", NOT_JSON),
    _line("a comment", b"// " + _review(), NOT_JSON),
    _line("single quotes", _LITERAL[:-1], NOT_JSON),
    _line("no quotes", b"{reviewerID: 'v'}", NOT_JSON),
    _line("text behind the object", _review() + b" x", NOT_JSON),
    _line("a tab inside a text", _review(asin='"a\tb"'), NOT_JSON),
    _line("an unknown escape", _review(asin='"\\q"'), NOT_JSON),
    _line("deep nesting", _review(helpful="[" * 100_000 + "]" * 100_000), NOT_JSON),
    _line("deep nesting, open", b'{"reviewerID": ' + b"[" * 1_000_000, NOT_JSON),
    _line("deep objects", b'{"a":' * 200_000 + b"1" + b"}" * 200_000, NOT_JSON),
    _case("a text over two lines", GOOD + b'{"reviewerID": "v\n", "asin": "j"}\n', 1,
          {2: NOT_JSON, 3: NOT_JSON}),
    _case("a key twice: the first counts", GOOD + _review(asin='"a", "asin": "i"'), 2,
          tables=TWO),
    _case("keys in another case", GOOD + b'{"REVIEWERID": "v"}\n', 1, {2: "no user"}),
)  # fmt: skip

ENCODINGS: tuple[Case, ...] = (
    _case("byte order mark", b"\xef\xbb\xbf" + GOOD, 1),
    _line("byte order mark in the middle", b"\xef\xbb\xbf" + GOOD[:-1], NOT_JSON),
    _case("UTF-16", GOOD.decode().encode("utf-16"), error="byte order mark of UTF-16"),
    _line("Latin-1", '{"reviewerID": "é"}'.encode("latin-1"), NOT_TEXT),
    _line("surrogates as UTF-8", b'{"reviewerID": "\xed\xa0\xbd\xed\xb8\x80"}', NOT_TEXT),
    _line("a NUL", b'{"reviewerID": "\0"}', NOT_TEXT),
    _case("half a pair, escaped", GOOD + _review(reviewText='"cut \\ud83d"'), 2,
          tables={"User": 2, "Item": 2, "REVIEWED": 1, "RATED": 1}),
    _case("an escaped NUL", GOOD + _review(reviewText='"a\\u0000b"'), 2),
)  # fmt: skip

VALUES: tuple[Case, ...] = (
    *(_value("overall", v, NOT_JSON) for v in ("NaN", "Infinity", "-Infinity", "1e400", "01", "5.",
                                               "+5", "undefined", "True", "'5'", ".5", "0x5")),
    *(_value("overall", v, _NUMBER) for v in ("[5]", '{"a": 5}', "true", '"five"', '"NaN"')),
    *(_value("overall", v, _OFF) for v in ("0", "-0", "6", "123456789012345678901234567890")),
    *(_value("overall", v, "no rating") for v in ("null", '""')),
    _held("overall", '"5"', TWO),
    _held("overall", "5.0000000000000000000000001", TWO),
    *(_value("unixReviewTime", v, "at is not a time") for v in
      ("99999999999999999999", "[1]", '"2014-05-13"', "true", "{}")),
    *(_value("unixReviewTime", v, "time before 1990") for v in ("0", "-62135596800", "1")),
    *(_value("unixReviewTime", v, "time in the future") for v in ("253402300799", "1400000000000")),
    _held("unixReviewTime", '"1400000000"', TWO),
    _held("unixReviewTime", "1.4e9", TWO),
    *(_value("asin", v, "asin is a list or an object") for v in ("[]", "{}", '["a"]', '{"a": 1}')),
    _value("reviewerID", '["u"]', "reviewerID is a list or an object"),
    *(_value("asin", v, "no item") for v in ("null", '""', '" "')),
    _value("asin", '"' + "k" * 9000 + '"', "a key of more than 8,000 bytes"),
    _held("asin", "123", TWO),
    _held("asin", '"[x]"', TWO),
    _held("asin", '"{\\"a\\": 1}"', TWO),
    _item("price", '"free"'), _item("price", "-3"), _item("price", '"$1e400"'),
    _item("price", "[5]"), _item("title", "null"), _item("title", '["a"]'),
    _item("description", '[null, "a", 1, {"b": 2}]'), _item("description", '"' + "[" * 5000 + '"'),
    _item("category", "[null]"), _item("category", '"[[["'), _item("category", '"[NaN]"'),
    _item("category", '"[1e400]"'), _item("category", '{"a": ["b"]}'),
    _item("category", '[["' + "x" * 9000 + '"]]'),
    _item("category", '[["a", null]]', Category=1, IN_CATEGORY=1),
    _item("category", "[1, 2]", Category=2, IN_CATEGORY=1, CHILD_OF=1),
    _item("category", '"[\\"\\\\ud800\\"]"', Category=1, IN_CATEGORY=1),
)  # fmt: skip

LITERALS: tuple[Case, ...] = (
    _literal("an empty one", "{}", "no user"),
    _literal("a key of two", "{(1, 2): 3}", NOT_JSON),
    _literal("a key of bytes", "{b'a': 3}", NOT_JSON),
    _literal("a nested key of two", "{'asin': {(1,): 2}}", NOT_JSON),
    _literal("infinity", "{'reviewerID': 'v', 'asin': 'j', 'overall': 1e999}", NOT_JSON),
    _literal("6,000 hexadecimal digits", f"{{'overall': 0x{'f' * 6000}}}", NOT_JSON),
    _literal("5,000 digits", f"{{'overall': {'9' * 5000}}}", NOT_JSON),
    _literal("a call", "{'a': __import__('os')}", NOT_JSON),
    _literal("a name", "{'a': true}", NOT_JSON),
    _literal("deep", "{'a': " + "[" * 5000 + "]" * 5000 + "}", NOT_JSON),
    _literal("many signs", "{'a': " + "-" * 100_000 + "1}", NOT_JSON),
    _literal("an f-string", "{'a': f'{1}'}", NOT_JSON),
    _literal("an open one", "{'a': 1", NOT_JSON),
    _literal("a list as a key of an item", "{'reviewerID': 'v', 'asin': ['j']}",
             "asin is a list or an object"),
    _case("an empty object first, then literals", b"{}\n" + _LITERAL, 1, {1: "no user"}),
)  # fmt: skip

_YELP_USER = "yelp: "
YELP: tuple[Case, ...] = (
    _case(_YELP_USER + "friends that are numbers",
          _USER + b'{"user_id": "u", "yelping_since": "2012-01", "friends": [1, 2]}\n', 2,
          source="yelp", tables={"User": 6, "FRIEND_OF": 4}),
    _case(_YELP_USER + "friends that are objects",
          _USER + b'{"user_id": "u", "yelping_since": "2012-01", "friends": [{"id": 1}]}\n', 2,
          source="yelp"),
    _case(_YELP_USER + "a friend of oneself",
          _USER + b'{"user_id": "u", "yelping_since": "2012-01", "friends": "u, v"}\n', 2,
          source="yelp", tables={"User": 4, "FRIEND_OF": 3}),
    _case(_YELP_USER + "friends with commas alone",
          _USER + b'{"user_id": "u", "yelping_since": "2012-01", "friends": ", ,,"}\n', 2,
          source="yelp", tables={"User": 4, "FRIEND_OF": 2}),
    _case(_YELP_USER + "compliments that overflow",
          _USER + b'{"user_id": "u", "compliments": {"a": 99999999999999999999}}\n', 2,
          source="yelp"),
    _case(_YELP_USER + "a list for a user",
          _USER + b'{"user_id": ["u"], "yelping_since": "2012-01"}\n', 1,
          {2: "user_id is a list or an object"}, source="yelp"),
    _case(_YELP_USER + "no user", _USER + b'{"yelping_since": "2012-01"}\n', 1, {2: "no user"},
          source="yelp"),
    _case(_YELP_USER + "year 0001 and 9999", _USER
          + b'{"user_id": "u", "yelping_since": "0001-01"}\n'
          + b'{"user_id": "v", "yelping_since": "9999-12"}\n', 3, source="yelp"),
    _case(_YELP_USER + "votes that are a list",
          _USER + b'{"user_id": "u", "yelping_since": "2012-01", "votes": [1]}\n', 2,
          source="yelp"),
    _case(_YELP_USER + "categories that are a number",
          b'{"business_id": "b", "name": "n", "categories": 5}\n', 1, source="yelp",
          tables={"Item": 1, "Category": 1, "IN_CATEGORY": 1}),
    _case(_YELP_USER + "a tip without a text",
          b'{"user_id": "u", "business_id": "b", "text": "x", "date": "2014-01-01"}\n'
          b'{"user_id": "u", "business_id": "b", "text": "", "date": "2014-01-02"}\n', 1,
          {2: "no text"}, source="yelp"),
    _case(_YELP_USER + "a review of no business",
          b'{"review_id": "r", "user_id": "u", "business_id": "b", "stars": 5, "text": "t", '
          b'"date": "2014-01-01"}\n{"review_id": "s", "user_id": "u", "stars": 5}\n', 1,
          {2: "no item"}, source="yelp"),
    _case(_YELP_USER + "reviews with one id",
          b'{"review_id": "r", "user_id": "u", "business_id": "b", "stars": 5, "text": "t", '
          b'"date": "2014-01-01"}\n{"review_id": "r", "user_id": "v", "business_id": "b", '
          b'"stars": 1, "text": "t", "date": "2014-01-01"}\n', 1, merged=1, source="yelp"),
)  # fmt: skip


def _mapped(name: str, data: bytes, written: int = 0, rejects: dict[int, str] | None = None,
            error: str = "") -> Case:  # fmt: skip
    mapping = RATINGS.replace('src = "user"', 'src = "user.id"')
    files = {"shop.toml": mapping.encode(), "ratings.jsonl": data}
    return Case(f"mapped: {name}", "tabular", files, written, 0, rejects or {}, error)


_ROW = b'{"user": {"id": "u"}, "item": "i", "rating": 4, "at": 1600000000}\n'
MAPPED: tuple[Case, ...] = (
    _mapped("nested", _ROW, 1),
    _mapped("flat where nested was", _ROW + _ROW.replace(b'{"id": "u"}', b'"u"'), 1,
            {2: "no user"}),
    _mapped("a list where an object was", _ROW + _ROW.replace(b'{"id": "u"}', b'["u"]'), 1,
            {2: "no user"}),
    _mapped("a key that no row has", _ROW.replace(b"rating", b"stars"),
            error="has no column 'rating', which shop.toml:13"),
    _mapped("our own name for a line", _ROW[:-2] + b', "__line": 1}\n', error="'__line'"),
)  # fmt: skip

CASES = LINES + ENCODINGS + VALUES + LITERALS + YELP + MAPPED
