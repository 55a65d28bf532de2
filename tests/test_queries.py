"""Named queries: their files, their declarations, and their answers on the small shop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kg.errors import ConfigError, NotFound, QueryError
from kg.queries import find_query, internal, load_queries, packaged, parse
from kg.query_types import convert, moment
from kg.store import GraphStore
from tests.small_shop import AS_OF, VERSION, ago

HEADER = "// name: q(userId: string, k: int = 10)\n// What.\n// returns: a: string\n"
BODY = "MATCH (u:User {userId: $userId}) RETURN u.userId AS a LIMIT $k"

# What every packaged query answers on the small shop: the arguments and all rows, in order.
ANSWERS: dict[str, tuple[dict[str, Any], list[list[Any]]]] = {
    "activity_over_time": ({}, [
        [0, ago(2), 5, 10, 230.0],
        [1, ago(32), 2, 2, 30.0],
        [3, ago(92), 1, 1, 700.0],
        [6, ago(182), 1, 2, 900.0],
    ]),
    "audience_makeup": ({"categoryId": "music/guitars"}, [
        [None, 1, 0.5, None, None],
        ["champion", 1, 0.9, 0.1, 9.0],
        ["loyal", 1, 0.7, 0.2, 5.0],
        ["new", 1, 0.6, 0.4, 2.0],
    ]),
    "audience_overlap": ({"categoryId": "music/guitars"}, [["kitchen/knives", "knives", 2, 0.3]]),
    "best_users": ({"k": 3}, [
        ["dan", "at risk", 900.0, 2, 190.0, 0.9, "knives", 0.3],
        ["ada", "champion", 750.0, 4, 9.0, 0.1, "guitars", 0.9],
        ["cleo", "potential", 120.0, 2, 14.0, 0.3, "knives", 0.8],
    ]),
    "bought_together": ({"itemId": "strat"}, [["strings", "Guitar strings", 3, 3, 3**0.5]]),
    "category_audience": ({"categoryId": "music/guitars", "minScore": 0.6}, [
        ["ada", 0.9, "observed", "champion", 0.1, 9.0, 6],
        ["ben", 0.7, "observed", "loyal", 0.2, 5.0, 3],
        ["eve", 0.6, "observed", "new", 0.4, 2.0, 3],
    ]),
    "communities": ({}, [[0, 4, 840.0, 2.25, 0.7 / 3], [1, 2, 1020.0, 2.0, 0.6]]),
    "community_interests": ({"community": 0}, [
        ["music/guitars", "guitars", 4, 1.0, 4 / 9],
        ["kitchen/knives", "knives", 2, 0.5, 5 / 9],
    ]),
    "data_quality": ({}, [
        ["users without events", 3, 9],
        ["users without events or social ties", 2, 9],
        ["users without a profile", 1, 9],
        ["items without a title", 1, 7],
        ["items without a category", 1, 7],
        ["items without events", 2, 7],
        ["categories without items", 0, 5],
        ["events without a time", 1, 17],
        ["purchases without a price", 0, 9],
        ["returns of unknown purchases", 0, 1],
        ["reviews without text", 0, 3],
    ]),
    "friends_interests": ({"userId": "ada"}, [["kitchen/knives", "knives", 1, 0.4]]),
    "friends_items": ({"userId": "dan"}, [
        ["board", "Cutting board", 1, "cleo"],
        ["knife", "Chef's knife", 1, "cleo"],
        ["strat", "Stratocaster", 1, "ada"],
        ["strings", "Guitar strings", 1, "ada"],
    ]),
    "inferred_interests": ({"k": 2}, [
        ["gus", "music/guitars", "guitars", 0.5, 1, ["FRIEND_OF:ada"]],
        ["dan", "kitchen/knives", "knives", 0.3, 1, ["FRIEND_OF:cleo"]],
    ]),
    "influencers": ({"k": 2}, [
        ["ada", 2.5, 3, 1, 0, "champion"],
        ["ben", 1.0, 1, 0, 0, "loyal"],
    ]),
    "interest_evidence": ({"userId": "ada", "categoryId": "music/guitars"}, [
        ["REVIEWED", "r1", ago(9), "strings", "Guitar strings", 5.0, "These strings sing.", True],
        ["PURCHASED", "p3", ago(10), "strings", "Guitar strings", None, None, True],
        ["PURCHASED", "p2", ago(45), "strings", "Guitar strings", None, None, False],
        ["PURCHASED", "p1", ago(100), "strat", "Stratocaster", None, None, False],
    ]),
    "interest_overview": ({}, [
        ["music/guitars", "guitars", 4, 2.7, 3],
        ["kitchen/knives", "knives", 5, 2.05, 3],
        ["music/pianos", "pianos", 1, 0.25, 1],
    ]),
    "interests_together": ({}, [["kitchen/knives", "music/guitars", 2, 2 * 7 / (5 * 4)]]),
    "item_audience": ({"itemId": "tele"}, [
        ["ada", 0.5, 1, "inferred", "champion"],
        ["eve", 0.4, 1, "inferred", "new"],
        ["ben", 0.3, 1, "inferred", "loyal"],
    ]),
    "leaving_users": ({}, [
        ["dan", 0.9, 810.0, "at risk", 900.0, 2, 190.0, "knives"],
        ["fay", 0.5, 0.0, "new", None, 1, 4.0, "knives"],
    ]),
    "new_users": ({"days": 4}, [
        ["eve", 3.0, 1, None, "guitars"],
        ["fay", 4.0, 1, None, "knives"],
    ]),
    "popular_items": ({"k": 3}, [
        ["knife", "Chef's knife", 3, 4],
        ["strings", "Guitar strings", 3, 4],
        ["board", "Cutting board", 1, 1],
    ]),
    "profile_coverage": ({}, [
        ["events", 6, 6, 25 / 6],
        ["friends", 1, 1, 1.0],
        ["none", 1, 0, None],
        ["nothing", 1, 0, 0.0],
    ]),
    "release_health": ({}, [
        [VERSION, "live", 8, AS_OF, 30, AS_OF + 86_400, AS_OF + 2 * 86_400, None],
    ]),
    "returned_items": ({}, [["strat", "Stratocaster", 2.0, 1.0, 0.5]]),
    "rising_interests": ({}, [
        ["kitchen/knives", "knives", 3, 0, 4.0],
        ["music/guitars", "guitars", 3, 2, 4 / 3],
    ]),
    "segments": ({}, [
        ["guitars", 4, 840.0, 2.25, 16 / 3, 0.7 / 3, 0.9],
        ["knives", 3, 1020.0, 5 / 3, 208 / 3, 1.7 / 3, 0.4],
    ]),
    "similar_users": ({"userId": "ada"}, [
        [1, "eve", 1.0, "new", "guitars"],
        [2, "ben", 0.8, "loyal", "guitars"],
    ]),
    "social_circle": ({"userId": "ada"}, [
        ["ben", True, True, False, 1.0, 2],
        ["dan", False, True, False, 0.5, 1],
        ["eve", False, True, False, 0.5, 1],
        ["gus", False, False, True, 0.5, 1],
    ]),
    "top_brands": ({}, [
        ["Ernie", 1, 3, 60.0],
        ["Fender", 1, 3, 700.0],
        ["Tojiro", 2, 3, 200.0],
        ["Kawai", 1, 1, 900.0],
    ]),
    "top_interests": ({"userId": "ada"}, [
        [1, "music/guitars", "guitars", 0.9, "observed", 6,
         ["REVIEWED:r1", "PURCHASED:p3", "FOLLOWS:ben"], 0.8, AS_OF, 30, VERSION],
        [2, "kitchen/knives", "knives", 0.2, "inferred", 1, ["FOLLOWS:ben"], 0.5, AS_OF, 30,
         VERSION],
    ]),
    "top_items": ({"userId": "eve"}, [
        [1, "tele", "Telecaster", 0.4, "inferred", 2, ["VIEWED:v1"], 0.6, AS_OF, 30, VERSION],
    ]),
    "unhappy_users": ({}, [["dan", 0.1, 900.0, 2, 0.9, 1.0, ago(190)]]),
    "user_activity": ({"userId": "ada"}, [
        ["PURCHASED", 3, 2, ago(100), ago(10), None],
        ["REVIEWED", 1, 1, ago(9), ago(9), 5.0],
    ]),
    "user_events": ({"userId": "ben", "k": 4}, [
        ["PURCHASED", "p5", ago(5), "strings", "Guitar strings", None, 1.0, 10.0, None],
        ["PURCHASED", "p6", ago(20), "knife", "Chef's knife", None, 1.0, 80.0, None],
        ["RETURNED", "x1", ago(30), "strat", "Stratocaster", None, 1.0, 700.0, None],
        ["PURCHASED", "p4", ago(35), "strat", "Stratocaster", None, 1.0, 700.0, None],
    ]),
    "value_tiers": ({}, [
        ["at risk", 1, 900.0, 2.0, 190.0, 0.9],
        ["champion", 1, 750.0, 4.0, 9.0, 0.1],
        ["potential", 1, 120.0, 2.0, 14.0, 0.3],
        ["loyal", 1, 90.0, 4.0, 5.0, 0.2],
        ["new", 2, None, 1.0, 3.0, 0.45],
    ]),
}  # fmt: skip


def test_every_packaged_query_has_a_known_answer() -> None:
    """No query is shipped that the tests below do not run."""
    assert sorted(packaged()) == sorted(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_on_the_small_shop(shop_store: GraphStore, name: str) -> None:
    """Rows, order and columns are the ones counted by hand, on every store."""
    given, expected = ANSWERS[name]
    result = packaged()[name].run(shop_store, given)
    assert result.rows == [[_near(v) for v in row] for row in expected]


def _near(value: Any) -> Any:
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_values_have_the_declared_types(shop_store: GraphStore, name: str) -> None:
    """A value is of its column's declared type or null."""
    query = packaged()[name]
    python = {
        "string": str, "int": int, "float": float, "bool": bool, "time": int, "strings": list,
    }  # fmt: skip
    for row in query.run(shop_store, ANSWERS[name][0]).rows:
        assert [type(v) for v in row] == [
            type(None) if v is None else python[c.type]
            for v, c in zip(row, query.columns, strict=True)
        ]


def test_interest_evidence_reaches_below_the_category(shop_store: GraphStore) -> None:
    """Evidence for a broad category is found in the narrower ones."""
    given = {"userId": "dan", "categoryId": "music"}
    found = packaged()["interest_evidence"].run(shop_store, given).records()
    assert [row["eventId"] for row in found] == ["r3", "p9"]


@pytest.mark.parametrize(
    "name", sorted(n for n, q in packaged().items() if "Id: string" in q.signature)
)
def test_an_unknown_key_gives_no_rows(shop_store: GraphStore, name: str) -> None:
    """Asking about nobody is answered with nothing, not with an error."""
    query = packaged()[name]
    given = {p.name: "nobody" for p in query.parameters if p.required}
    assert query.run(shop_store, given).rows == []


def test_money_is_null_where_nothing_was_bought(shop_store: GraphStore) -> None:
    """A period of views alone has no sum, rather than 0 on one store and null on another."""
    found = packaged()["activity_over_time"].run(shop_store, {"days": 1, "k": 3}).records()
    assert [(row["periodsAgo"], row["spent"]) for row in found] == [(0, None), (1, None), (2, None)]


def test_items_under_a_category(shop_store: GraphStore) -> None:
    """A broad category holds the items of the narrower ones."""
    rows = internal("items_under").run(shop_store, {"categoryIds": ["music"]}).rows
    assert sorted(row[0] for row in rows) == ["piano", "strat", "strings", "tele"]


def test_documentation_is_one_sentence() -> None:
    """Every query says in one sentence what it answers."""
    for query in packaged().values():
        assert re.fullmatch(r"[A-Z][^.]*\.", query.sentence), query.name


def test_twins_differ_in_words_only_where_they_must() -> None:
    """A twin is its query with Ladybug's word for the type of a relationship; one also reads a
    list, which Ladybug keeps on edges as JSON text."""
    for folder in ("", "internal"):
        for query in packaged(folder).values():
            if query.embedded is not None and query.name != "interest_evidence":
                neo4j = query.embedded.strip().replace("label(", "type(")
                assert neo4j == query.text, query.name


def test_parse() -> None:
    """A header gives name, sentence, parameters, defaults and columns."""
    query = parse(HEADER + BODY, "q.cypher")
    assert query.signature == "q(userId: string, k: int = 10)"
    assert query.sentence == "What."
    assert [(c.name, c.type) for c in query.columns] == [("a", "string")]
    assert query.text == BODY


def test_headers_in_the_manner_of_sql() -> None:
    """`--` opens a header line as well as `//`."""
    assert parse(HEADER.replace("//", "--") + BODY, "q.cypher").text == BODY


def test_a_parameter_in_a_literal_or_comment_is_none() -> None:
    """`$` inside text, back quotes and comments is not a use of a parameter."""
    body = "// $a\nRETURN '$b \\' $c' AS a, \"$d\" AS `$e` /* $f */"
    query = parse("// name: q()\n// What.\n// returns: a: string\n" + body, "q.cypher")
    assert query.parameters == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("MATCH (n) RETURN n", "q.cypher:1: a query starts with"),
        ("\n\n// name q()\nRETURN 1", "q.cypher:3: a query starts with"),
        (HEADER.replace("q(", "r(") + BODY, "q.cypher:1: query r is in a file of another name"),
        (HEADER.replace("// What.\n", "") + BODY, "q.cypher:1: query q has no sentence"),
        (HEADER.replace("// returns: a: string\n", "") + BODY, "q.cypher:1: query q has no `// re"),
        (HEADER.replace("a: string", "a: text") + BODY, "q.cypher:3: 'a: text' is not `name: type"),
        (HEADER.replace("k: int", "k") + BODY, "q.cypher:1: 'k = 10' is not `name: type`"),
        (HEADER.replace("= 10", "= ten") + BODY, "q.cypher:1: default of k: not a whole number"),
        (HEADER + BODY.replace("$k", "$n"), "q.cypher:1: query 'q' uses $n but declares (userId"),
        (HEADER + BODY.replace("$k", "3"), "q.cypher:1: query 'q' declares k but never uses it"),
        (HEADER, "q.cypher:1: query q has no text"),
    ],
)  # fmt: skip
def test_errors_carry_file_and_line(text: str, says: str) -> None:
    """A file that cannot be read says where and what."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(text, "q.cypher")


def test_a_twin_uses_the_same_parameters() -> None:
    """A twin that forgets a parameter is an error in the twin's own file."""
    with pytest.raises(ConfigError, match=r"q\.embedded\.cypher:1: .* declares k but never uses"):
        parse(HEADER + BODY, "q.cypher", BODY.replace("$k", "3"))


def test_own_folder(tmp_path: Path) -> None:
    """An analyst's folder adds to the packaged queries."""
    (tmp_path / "q.cypher").write_text(HEADER + BODY, encoding="utf-8")
    assert set(load_queries(tmp_path)) == {*packaged(), "q"}


def test_own_folder_may_not_shadow(tmp_path: Path) -> None:
    """Two queries of one name are an error that names both files."""
    text = (HEADER + BODY).replace("q(", "best_users(")
    (tmp_path / "best_users.cypher").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cypher/best_users\.cypher and in .*rename one"):
        load_queries(tmp_path)


def test_a_twin_alone(tmp_path: Path) -> None:
    """A twin without its query is an error."""
    (tmp_path / "q.embedded.cypher").write_text(BODY, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"there is no q\.cypher"):
        load_queries(tmp_path)


def test_no_such_folder(tmp_path: Path) -> None:
    """A folder that is not there is an error."""
    with pytest.raises(ConfigError, match="no such folder"):
        load_queries(tmp_path / "none")


def test_an_unknown_name_has_near_ones() -> None:
    """A typing mistake is answered with the name that was meant."""
    with pytest.raises(NotFound, match="did you mean top_interests"):
        find_query(packaged(), "top_interest")


def test_arguments_are_converted_and_filled_in() -> None:
    """Text becomes the declared type; what is not given takes its default."""
    query = packaged()["category_audience"]
    given = {"categoryId": "7", "minScore": "0.5"}
    assert query.arguments(given) == {"categoryId": "7", "minScore": 0.5, "k": 50}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no value for userId; give userId=…"),
        ({"userId": "a", "n": "1"}, "no parameter 'n'; it takes top_interests(userId: string"),
        ({"userid": "a"}, "no parameter 'userid'; did you mean 'userId'?"),
        ({"userId": "a", "k": "ten"}, "k='ten': not a whole number"),
        ({"userId": "a", "k": 1.5}, "k=1.5: not a whole number"),
        ({"userId": "a", "k": "-1"}, "k='-1': no number of rows"),
    ],
)
def test_wrong_arguments_name_the_parameter(given: dict[str, Any], says: str) -> None:
    """Every complaint says which parameter and what to give."""
    with pytest.raises(QueryError, match=re.escape(says)):
        packaged()["top_interests"].arguments(given)


def test_other_columns_than_declared(shop_store: GraphStore) -> None:
    """A query whose text returns other columns is refused by name."""
    text = "// name: q()\n// What.\n// returns: a: int\nRETURN 1 AS b"
    with pytest.raises(QueryError, match="declares the columns a but returns b"):
        parse(text, "q.cypher").run(shop_store)


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("int", "-3", -3),
        ("float", "1e3", 1000.0),
        ("bool", "Yes", True),
        ("bool", "0", False),
        ("string", "", ""),
        ("strings", "a,b", ["a,b"]),
        ("time", "2023-07-01", AS_OF),
        ("time", "2023-07-01T02:00+02:00", AS_OF),
        ("time", "1688169600", AS_OF),
        ("time", "20230701", AS_OF),
    ],
)
def test_convert(type_: str, text: str, value: object) -> None:
    """Text of a command line as a value of the declared type."""
    assert convert(type_, text) == value


@pytest.mark.parametrize(
    ("type_", "text"),
    [("int", "1.0"), ("float", "nan"), ("float", "inf"), ("bool", "maybe"), ("time", "yesterday")],
)
def test_not_convertible(type_: str, text: str) -> None:
    """What is not of the type is a ValueError."""
    with pytest.raises(ValueError, match="not"):
        convert(type_, text)


def test_moments_for_people() -> None:
    """Midnight is a date; other moments have the time of day."""
    assert [moment(AS_OF), moment(AS_OF + 90)] == ["2023-07-01", "2023-07-01 00:01"]
