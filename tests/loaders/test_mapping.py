"""The mapping language: what it does, and what its errors say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kg.errors import ConfigError, InputError
from loaders.mapping import read_mapping
from loaders.sources import MAPPINGS
from loaders.toml_lines import line_of
from tests.loaders.tables import RATINGS, column, rejects, rows, staged

PAGE = (MAPPINGS / "README.md").read_text(encoding="utf-8")
EXAMPLE = dict(re.findall(r"`([\w.]+)`\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
ACCOUNT = re.findall(r"^\| (\S+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)


def test_the_pages_example_gives_what_the_page_says(tmp_path: Path) -> None:
    done = staged(tmp_path, "tabular", EXAMPLE)
    found = [
        (Path(f.file).name, *map(str, (f.rows, f.written, f.merged, f.rejected)))
        for f in done.report.files
    ]
    assert found == ACCOUNT
    assert [(r["line"], r["reason"]) for r in rejects(done)] == [
        (9, "no user"), (10, "rating off the scale 1 to 5"), (11, "a test account"),
    ]  # fmt: skip


def test_the_pages_example_types_its_cells(tmp_path: Path) -> None:
    """Decimal commas, cents, JSON inside, lists, local clocks, nested categories."""
    done = staged(tmp_path, "tabular", EXAMPLE)
    assert {r["userId"]: r["credit"] for r in rows(done, "User")} == {
        "c1": 12.5, "c2": None, "c3": 1003.0,
    }  # fmt: skip
    items = {r["itemId"]: (r["price"], r["labels"]) for r in rows(done, "Item")}
    assert items == {"p1": (249.0, ["oak", "new"]), "p2": (19.99, [])}
    assert column(done, "VIEWED", "at") == [1682928000]
    assert ("Home > Office > Desks", "Home > Office") in {
        (r["src"], r["dst"]) for r in rows(done, "CHILD_OF")
    }
    assert {r["eventId"]: r.get("cancelledQuantity") for r in rows(done, "PURCHASED")} == {
        "o1|p1": 1.0, "o2|p2": None,
    }  # fmt: skip
    assert column(done, "RETURNED", "cancels") == ["o1|p1"]


def mapping(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('dst = "item"', 'dts = "item"', 10, "dts: Extra inputs are not permitted"),
        ('src = "user"', "", 7, "src: Field required"),
        ('key = ["user", "item"]', "", 7, "RATED needs key"),
        ("scale = [1, 5]", "", 7, "RATED needs scale"),
        ("scale = [1, 5]", "scale = [5, 1]", 7, "scale is the lowest and the highest"),
        ('"RATED"', '"BOUGHT"', 7, "type 'BOUGHT' is not one of VIEWED"),
        ('"RATED"', '"INTERESTED_IN.Item"', 7, "is not one of VIEWED"),
        ('set.rating = "rating"', 'set.rating = "rating"\nset."User name" = "n"', 7,
         "'User name' is not a property name"),
        ('time = "s"', 'timezone = "Europe/Berlyn"', 14, "time zone 'Europe/Berlyn' is not known"),
        ('column = "at", ', "", 14, "needs one of column, columns, constant"),
        ('column = "at"', 'column = "at", remove = "("', 14, "is not a regular expression"),
        ('column = "at"', 'column = "at", lookup = "codes"', 1, "lookup 'codes' is not one of"),
        ('match = "ratings*"', "match = []", 4, "at least 1 item"),
        ('holds = "ratings"', 'holds = "ratings"\nencoding = "utf-9"', 3, "'utf-9' is not known"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    path = mapping(tmp_path, RATINGS.replace(old, new, 1))
    with pytest.raises(ConfigError, match=rf"shop\.toml:{line}: .*{re.escape(says)}"):
        read_mapping(path)


def test_toml_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shop\.toml: .*line 2"):
        read_mapping(mapping(tmp_path, 'title = "x"\n[[files\n'))


def test_a_mapping_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_mapping(tmp_path / "nowhere.toml")


def test_a_missing_column_is_named_with_the_mappings_line(tmp_path: Path) -> None:
    files = {"shop.toml": RATINGS, "ratings.csv": "user,item,stars,at\nu,i,4,1600000000\n"}
    wanted = r"ratings\.csv: has no column 'rating', which shop\.toml:13 reads; it has user, item"
    with pytest.raises(InputError, match=wanted):
        staged(tmp_path, "tabular", files)


def test_a_column_may_be_optional(tmp_path: Path) -> None:
    text = RATINGS + 'set.helpful = { column = "votes", optional = true }\n'
    files = {"shop.toml": text, "ratings.csv": "user,item,rating,at\nu,i,4,1600000000\n"}
    assert column(staged(tmp_path, "tabular", files), "RATED", "helpful") == [None]


def test_a_rare_key_of_json_lines_is_read_when_it_is_optional(tmp_path: Path) -> None:
    """Even where the first lines, from which the keys are learnt, do not have it."""
    text = RATINGS + 'set.helpful = { column = "votes", optional = true }\n'
    plain = '{"user": "u%d", "item": "i", "rating": 4, "at": 1600000000}\n'
    rare = '{"user": "v", "item": "i", "rating": 4, "at": 1600000000, "votes": 3}\n'
    files = {"shop.toml": text, "ratings.jsonl": "".join(plain % n for n in range(300)) + rare}
    done = staged(tmp_path, "tabular", files)
    assert {r["src"]: r["helpful"] for r in rows(done, "RATED")}["v"] == 3


def test_the_option_mapping_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes the option mapping=FILE"):
        staged(tmp_path, "tabular", {"ratings.csv": "a\n1\n"})


def test_a_named_file_the_mapping_does_not_know_is_an_error(tmp_path: Path) -> None:
    from loaders import stage
    from tests.loaders.tables import NOW, write

    folder = write(tmp_path / "in", {"shop.toml": RATINGS, "sales.csv": "a\n1\n"})
    options = {"mapping": str(folder / "shop.toml")}
    with pytest.raises(InputError, match=r"sales\.csv: mapping shop\.toml reads ratings\*"):
        stage("tabular", [folder / "sales.csv"], tmp_path / "out", now=NOW, options=options)


CELLS = """\
title = "cells"

[[lookups]]
name = "codes"
match = "codes.csv"
key = "code"
value = "word"

[[files]]
match = "things.tsv"
holds = "things"
delimiter = "\\t"
missing = ["-"]

[[files.nodes]]
label = "User"
key = { column = "user", prefix = "u:" }
set.code = { column = "code", lookup = "codes" }
set.born = { columns = ["y", "m"], time = "%Y-%m" }
set.kind = { constant = "buyer" }
set.tags = { column = "tags", split = "|", type = "strings" }
set.vip = { column = "vip", type = "bool" }

[[files.edges]]
type = "VIEWED"
src = { column = "user", prefix = "u:" }
dst = { column = "tags", split = "|", prefix = "t:" }
key = ["user", "tags"]
"""


def test_cells_are_joined_looked_up_prefixed_and_split(tmp_path: Path) -> None:
    files = {
        "shop.toml": CELLS,
        "codes.csv": "code,word\n1,one\n2,two\n",
        "things.tsv": "user\tcode\ty\tm\ttags\tvip\n"
        "7\t2\t2020\t05\ta| b\tyes\n"
        "8\t3\t-\t1\t\tmaybe\n",
    }
    done = staged(tmp_path, "tabular", files)
    assert rows(done, "User") == [
        {"userId": "u:7", "code": "two", "born": 1588291200, "kind": "buyer", "tags": ["a", "b"],
         "vip": True},
        {"userId": "u:8", "code": None, "born": None, "kind": "buyer", "tags": None, "vip": None},
    ]  # fmt: skip
    assert column(done, "VIEWED", "dst") == ["t:a", "t:b"]
    assert done.report.findings["vip is not true or false"] == 1


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ('equals = "a"', ["a"]),
        ('one_of = ["a", "b"]', ["a", "b"]),
        ('matches = "^[ab]$"', ["a", "b"]),
        ('unlike = "^a"', ["5", "b"]),
        ("above = 4", ["5"]),
        ("below = 6", ["5"]),
        ("missing = false", ["5", "a", "b"]),
        ("missing = true", []),
    ],
)
def test_conditions_choose_rows(tmp_path: Path, condition: str, kept: list[str]) -> None:
    """A row that makes no event is rejected; an empty cell holds for `missing` alone."""
    text = RATINGS.replace("[[files.edges]]", f'''[[files.edges]]
when = {{ column = "k", {condition} }}''')  # fmt: skip
    lines = "".join(f"{k},i,4,1600000000,{k}\n" for k in ("a", "b", "5"))
    files = {"shop.toml": text, "ratings.csv": f"user,item,rating,at,k\n{lines}x,i,4,1600000000,\n"}
    done = staged(tmp_path, "tabular", files)
    assert column(done, "RATED", "src") == (kept or ["x"])
    assert {r["reason"] for r in rejects(done)} == {"a row of no known kind"}


def test_lines_are_found_in_tables_and_arrays_of_tables() -> None:
    text = 'a = 1\n[[f]]\nb = 1\n[[f.e]]\nset.x = 1\n[[f]]\n[[f.e]]\n\n"q r" = 2\n[[f.e]]\n'
    paths = (["a"], ["f", 0, "e", 0, "set", "x"], ["f", 1, "e", 0, "q r"], ["f", 1, "e", 1, "zz"])
    assert [line_of(text, path) for path in paths] == [1, 5, 9, 10]
