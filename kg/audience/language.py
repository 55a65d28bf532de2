"""A condition as text → a checked condition on the columns of users' properties.

    valueTier = "champion" and churnRisk > 0.6
    (segment in ("Guitars", "Pianos") or influence >= 2) and not recencyDays > 90
    interestTags contains "gift" and createdAt < "2024-01-01" and monetary is not null

`and`, `or`, `not`, brackets; `= != < <= > >=`, `in (…)`, `contains` (part of a text in either case,
or an element of a list), `is null`. Texts stand in quotes; a property in epoch seconds is compared
with a date, too. A comparison with what is not known is not known (as in SQL): such users are not
chosen, nor by `not`. The text is never part of a query: its values are compared with columns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from kg.audience.condition import COMPARE, Comparison, Condition, Joined, Not, Value
from kg.errors import QueryError
from kg.query_types import convert
from kg.schema import Property, Type

DEEPEST = 100
"""Brackets and `not` within each other."""

_TOKEN = re.compile(
    r"""
    (?P<space>  \s+ )
  | (?P<text>   '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
  | (?P<number> [+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
  | (?P<name>   `[^`]*` )
  | (?P<word>   [^\W\d]\w* )
  | (?P<mark>   <=|>=|<>|!=|==|[=<>(),\[\]] )
  | (?P<other>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_SAME = {"==": "=", "<>": "!="}
_ORDERED = {Type.INT64, Type.DOUBLE}
_WORDS = {"and", "or", "not", "in", "is", "null", "contains", "true", "false"}


def parse(text: str, known: Mapping[str, Property]) -> Condition:
    """`known` are the properties that may be asked for. Raises QueryError that names the property,
    the value or the place in the text."""
    return _Parser(text, known).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else self.text


_END = "the end"


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, known: Mapping[str, Property]) -> None:
        self._known = known
        self._tokens = [
            _Token(str(m.lastgroup), m[0], m.start() + 1)
            for m in _TOKEN.finditer(text)
            if m.lastgroup != "space"
        ]
        for token in self._tokens:
            if token.kind == "other":
                what = "a quote is left open" if token.text in "'\"`" else "not understood"
                raise QueryError(f"{token.text!r} at character {token.at}: {what}")
        self._tokens.append(_Token("end", _END, len(text) + 1))
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        if self._here.kind == "end":
            raise QueryError("the condition is empty; say for instance 'churnRisk > 0.6'")
        found = self._joined("or")
        if self._here.kind != "end":
            raise self._expected("`and`, `or` or the end")
        return found

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._here
        self._at += token.kind != "end"
        return token

    def _took(self, *words: str) -> bool:
        """The next tokens, where they are these."""
        there = [t.word for t in self._tokens[self._at : self._at + len(words)]]
        if there != list(words):
            return False
        self._at += len(words)
        return True

    def _expected(self, what: str) -> QueryError:
        token = self._here
        return QueryError(f"{token.text!r} at character {token.at}: {what} was expected")

    def _joined(self, word: str) -> Condition:
        part = self._one if word == "and" else lambda: self._joined("and")
        parts = [part()]
        while self._took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise QueryError(f"more than {DEEPEST} brackets or `not` within each other")
        if self._took("not"):
            found: Condition = Not(self._one())
        elif self._took("("):
            found = self._joined("or")
            if not self._took(")"):
                raise self._expected("`)`")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        name = self._here
        if name.kind not in ("word", "name") or name.word in _WORDS:
            raise self._expected("the name of a property")
        self._next()
        declared = self._property(name.text.strip("`"))
        if self._took("is", "null"):
            return Comparison(declared, "is null")
        if self._took("is", "not", "null"):
            return Not(Comparison(declared, "is null"))
        if self._took("in"):
            return Comparison(declared, "in", self._list(declared))
        if self._took("not", "in"):
            return Not(Comparison(declared, "in", self._list(declared)))
        if self._took("contains"):
            if declared.type not in (Type.STRING, Type.STRINGS):
                raise QueryError(f"{declared.name} is no text: `contains` cannot be asked of it")
            return Comparison(declared, "contains", (self._value(declared),))
        operator = _SAME.get(self._here.text, self._here.text)
        if operator not in COMPARE:
            raise self._expected("one of = != < <= > >= in, contains, is null")
        self._next()
        if declared.type not in _ORDERED and operator not in ("=", "!="):
            raise QueryError(f"{declared.name} has no order: `{operator}` cannot be asked of it")
        if declared.type == Type.STRINGS:
            raise QueryError(f"{declared.name} is a list: ask `{declared.name} contains …`")
        return Comparison(declared, operator, (self._value(declared),))

    def _property(self, name: str) -> Property:
        if name not in self._known:
            near = get_close_matches(name, self._known, n=1, cutoff=0.5)
            low = [k for k in self._known if k.lower() == name.lower()] or near
            hint = f"did you mean {low[0]}?" if low else f"there are {', '.join(self._known)}"
            raise QueryError(f"no property {name!r}; {hint}")
        return self._known[name]

    def _list(self, declared: Property) -> tuple[Value, ...]:
        end = ")" if self._took("(") else "]" if self._took("[") else None  # as in SQL, in Cypher
        if end is None:
            raise self._expected("`(`")
        values = [self._value(declared)]
        while self._took(","):
            values.append(self._value(declared))
        if not self._took(end):
            raise self._expected(f"`,` or `{end}`")
        return tuple(values)

    def _value(self, declared: Property) -> Value:
        token = self._here
        if token.kind == "text":
            given: Value = re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        elif token.kind == "number":
            given = float(token.text)
        elif token.word in ("true", "false"):
            given = token.word == "true"
        elif token.kind == "word":
            raise QueryError(
                f"{token.text} at character {token.at}: a text stands in quotes: "
                f'{declared.name} … "{token.text}"'
            )
        else:
            raise self._expected("a value")
        self._next()
        return _fitting(declared, given, token.text)


def _fitting(declared: Property, given: Value, shown: str) -> Value:
    """The value in the property's own type."""
    said = f"{declared.name}: {shown} is not"
    if declared.type == Type.BOOL:
        if not isinstance(given, bool):
            raise QueryError(f"{said} true or false")
        return given
    if declared.type in (Type.STRING, Type.STRINGS):
        if not isinstance(given, str):
            raise QueryError(f"{said} a text; texts stand in quotes")
        return given
    if isinstance(given, str) and declared.unit == "epoch s":
        try:
            return int(convert("time", given))
        except ValueError as e:
            raise QueryError(f"{declared.name}: {shown} is {e}") from e
    if isinstance(given, (bool, str)):
        unit = f" ({declared.unit})" if declared.unit else ""
        raise QueryError(f"{said} a number{unit}")
    try:
        return float(convert("float", given))
    except ValueError as e:
        raise QueryError(f"{declared.name}: {shown} is {e}") from e
