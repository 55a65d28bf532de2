"""Conditions on users' properties: what they choose, and what they say where they are wrong."""

from __future__ import annotations

import re
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.audience.language import parse
from kg.errors import KgError, QueryError
from kg.schema import Property, Type

KNOWN = {
    p.name: p
    for p in (
        Property("userId", Type.STRING, ""),
        Property("valueTier", Type.STRING, ""),
        Property("churnRisk", Type.DOUBLE, "", "probability"),
        Property("frequency", Type.INT64, ""),
        Property("createdAt", Type.INT64, "", "epoch s"),
        Property("vip", Type.BOOL, ""),
        Property("hobbies", Type.STRINGS, ""),
        Property("in", Type.INT64, ""),
    )
}
USERS = pa.table(
    {
        "userId": ["ada", "ben", "cleo", "dan"],
        "valueTier": ["champion", "loyal", "at risk", None],
        "churnRisk": [0.1, 0.7, 0.9, None],
        "frequency": pa.array([4, 4, 1, None], pa.int64()),
        "createdAt": pa.array([1_704_067_200, 0, None, 1_704_067_199], pa.int64()),  # 2024-01-01
        "vip": [True, False, None, None],
        "hobbies": [["wine", "go"], ["Go"], [], None],
        "in": pa.array([1, 2, 3, 4], pa.int64()),
    }
)


def chosen(text: str) -> list[str]:
    kept = USERS.filter(parse(text, KNOWN).holds(USERS), null_selection_behavior="drop")
    return kept["userId"].to_pylist()


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ('valueTier = "champion"', ["ada"]),
        ("valueTier == 'at risk'", ["cleo"]),
        ('valueTier != "champion"', ["ben", "cleo"]),
        ("churnRisk > 0.1", ["ben", "cleo"]),
        ("churnRisk >= .1 and churnRisk < 9e-1", ["ada", "ben"]),
        ("churnRisk <= 0.7", ["ada", "ben"]),
        ("frequency = 4", ["ada", "ben"]),
        ("frequency < 1.5", ["cleo"]),
        ("frequency > -1", ["ada", "ben", "cleo"]),
        ('valueTier in ("loyal", "champion")', ["ada", "ben"]),
        ('valueTier in ["loyal", "champion"]', ["ada", "ben"]),
        ('valueTier not in ("loyal")', ["ada", "cleo"]),
        ("churnRisk is null", ["dan"]),
        ("churnRisk is not null", ["ada", "ben", "cleo"]),
        ("vip = true", ["ada"]),
        ("vip != true", ["ben"]),
        ('valueTier contains "RIS"', ["cleo"]),
        ('hobbies contains "go"', ["ada"]),
        ('not hobbies contains "go"', ["ben", "cleo"]),
        ("hobbies is null", ["dan"]),
        ('createdAt >= "2024-01-01"', ["ada"]),
        ("createdAt = 0", ["ben"]),
        ("`in` = 3", ["cleo"]),
        ("vip = true or churnRisk is null", ["ada", "dan"]),
    ],
)  # fmt: skip
def test_what_is_chosen(text: str, users: list[str]) -> None:
    """Each operator on each type, counted by hand."""
    assert chosen(text) == users


def test_and_binds_closer_than_or() -> None:
    assert chosen('frequency = 1 or frequency = 4 and valueTier = "loyal"') == ["ben", "cleo"]
    assert chosen('(frequency = 1 or frequency = 4) and valueTier = "loyal"') == ["ben"]


def test_what_is_not_known_is_chosen_by_nothing() -> None:
    """Neither a comparison with null nor its denial holds; `or` needs one part that does."""
    assert chosen("not churnRisk > 0.5") == ["ada"]
    assert chosen("not (churnRisk > 0.5 and frequency > 0)") == ["ada"]
    assert chosen('churnRisk > 0.5 or userId = "dan"') == ["ben", "cleo", "dan"]


def test_text_is_data() -> None:
    """Quotes, Cypher and backslashes within a text are compared, no more."""
    hostile = "x' OR 1=1 //\"} DETACH DELETE u"
    users = pa.table({"valueTier": [hostile, "a\\b", 'say "hi"']})
    quoted = hostile.replace("'", "\\'")
    for text, expected in (
        (f"valueTier = '{quoted}'", [True, False, False]),
        ("valueTier = 'a\\\\b'", [False, True, False]),
        ("valueTier = 'say \"hi\"'", [False, False, True]),
    ):
        assert parse(text, KNOWN).holds(users).to_pylist() == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the condition is empty"),
        ("churnrisk > 1", "no property 'churnrisk'; did you mean churnRisk?"),
        ("xyz > 1", "no property 'xyz'; there are userId, valueTier"),
        ("churnRisk > high", "high at character 13: a text stands in quotes"),
        ('churnRisk > "high"', 'churnRisk: "high" is not a number (probability)'),
        ("churnRisk > true", "churnRisk: true is not a number"),
        ("churnRisk > 1e999", "churnRisk: 1e999 is not a finite number"),
        ("valueTier = 3", "valueTier: 3 is not a text"),
        ('valueTier > "a"', "valueTier has no order: `>` cannot be asked of it"),
        ('vip = "yes"', 'vip: "yes" is not true or false'),
        ('churnRisk contains "1"', "churnRisk is no text: `contains`"),
        ('hobbies = "go"', "hobbies is a list: ask `hobbies contains …`"),
        ('createdAt > "soon"', 'createdAt: "soon" is not a time'),
        ("churnRisk 0.5", "'0.5' at character 11: one of = != < <= > >="),
        ('valueTier in ["loyal")', "`,` or `]` was expected"),
        ("churnRisk >", "'the end' at character 12: a value was expected"),
        ("churnRisk > 1 frequency < 2", "'frequency' at character 15: `and`, `or` or the end"),
        ("(churnRisk > 1", "'the end' at character 15: `)` was expected"),
        ("churnRisk > 1 and", "'the end' at character 18: the name of a property"),
        ('valueTier = "champion', "'\"' at character 13: a quote is left open"),
        ("valueTier in loyal", "'loyal' at character 14: `(` was expected"),
        ("churnRisk > 1; DROP", "';' at character 14: not understood"),
        ("$x = 1", "'$' at character 1: not understood"),
        ("(" * 200 + "vip = true" + ")" * 200, "more than 100 brackets"),
        ("not " * 5000 + "vip = true", "more than 100 brackets or `not`"),
    ],
)
def test_errors_name_property_value_and_place(text: str, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says)):
        parse(text, KNOWN)


PIECES = [*"ab()=<>!,'\"\\ \n.1e-", *KNOWN, " and ", " or ", " not ", " in ", " is null", " = 1"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_a_condition_or_an_error_of_ours(text: str) -> None:
    with suppress(KgError):
        assert len(parse(text, KNOWN).holds(USERS)) == USERS.num_rows
