"""Amazon reviews and metadata in their three layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg.errors import ConfigError, InputError
from tests.loaders.tables import column, rejects, rows, staged


def lines(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(o) + "\n" for o in objects)


OLD = {"reviewerID": "U1", "asin": "I1", "helpful": [13, 14], "reviewText": "Good &amp; loud",
       "overall": 4.0, "summary": "ok", "unixReviewTime": 1393545600,
       "reviewTime": "02 28, 2014", "reviewerName": "Jane Roe"}  # fmt: skip
MIDDLE = {"overall": 5.0, "vote": "1,234", "verified": True, "reviewTime": "06 2, 2018",
          "reviewerID": "U2", "asin": "I1", "reviewText": "Fine", "summary": "Five Stars",
          "unixReviewTime": 1527897600}  # fmt: skip
NEW = {"rating": 1.0, "title": "No", "text": "It<br />broke", "images": [], "asin": "V9",
       "parent_asin": "I1", "user_id": "U3", "timestamp": 1588687728923, "helpful_vote": 2,
       "verified_purchase": False}  # fmt: skip


def test_the_2014_layout(tmp_path: Path) -> None:
    done = staged(tmp_path, "amazon", {"any.json": lines(OLD)})
    assert rows(done, "REVIEWED") == [
        {"src": "U1", "dst": "I1", "eventId": "U1|I1|1393545600", "at": 1393545600,
         "weight": 0.75, "rating": 4.0, "title": "ok", "text": "Good & loud", "helpful": 13}
    ]  # fmt: skip


def test_the_2018_layout(tmp_path: Path) -> None:
    done = staged(tmp_path, "amazon", {"any.json": lines(MIDDLE)})
    (edge,) = rows(done, "REVIEWED")
    assert (edge["at"], edge["helpful"], edge["verified"]) == (1527897600, 1234, True)


def test_the_2023_layout(tmp_path: Path) -> None:
    """The item is the parent, milliseconds become seconds, a break becomes a new line."""
    done = staged(tmp_path, "amazon", {"any.jsonl": lines(NEW)})
    (edge,) = rows(done, "REVIEWED")
    assert edge == {
        "src": "U3", "dst": "I1", "eventId": "U3|I1|1588687728923", "at": 1588687728,
        "weight": 0.0, "rating": 1.0, "title": "No", "text": "It\nbroke", "helpful": 2,
        "verified": False,
    }  # fmt: skip


def test_names_of_reviewers_are_not_read(tmp_path: Path) -> None:
    done = staged(tmp_path, "amazon", {"any.json": lines(OLD)})
    written = b"".join(p.read_bytes() for parts in done.tables.values() for p in parts)
    assert b"Jane" not in written


def test_stars_without_a_text_are_a_rating(tmp_path: Path) -> None:
    bare = MIDDLE | {"reviewText": " "}
    done = staged(tmp_path, "amazon", {"any.json": lines(bare, OLD)})
    assert column(done, "RATED", "src") == ["U2"]
    assert column(done, "REVIEWED", "src") == ["U1"]


def test_a_written_date_stands_in_for_a_missing_number(tmp_path: Path) -> None:
    undated = {k: v for k, v in MIDDLE.items() if k != "unixReviewTime"}
    done = staged(tmp_path, "amazon", {"any.json": lines(undated)})
    assert column(done, "REVIEWED", "at") == [1527897600]


def test_ratings_alone_come_as_csv(tmp_path: Path) -> None:
    text = "user_id,parent_asin,rating,timestamp\nU,I,5.0,1588687728923\n"
    done = staged(tmp_path, "amazon", {"Gift_Cards.csv": text})
    assert column(done, "RATED", "at") == [1588687728]


def test_the_old_metadata_are_python_literals(tmp_path: Path) -> None:
    """Nested lists of categories: an item belongs to the last of each path."""
    item = {"asin": "I1", "title": "T", "price": 9.99, "brand": "B",
            "categories": [["Music", "Guitars"], ["Toys"]]}  # fmt: skip
    done = staged(tmp_path, "amazon", {"meta.json": repr(item) + "\n"})
    assert rows(done, "Item") == [
        {"itemId": "I1", "title": "T", "description": None, "brand": "B", "price": 9.99,
         "outlier": False}
    ]  # fmt: skip
    assert column(done, "IN_CATEGORY", "dst") == ["Music > Guitars", "Toys"]
    assert rows(done, "CHILD_OF") == [{"src": "Music > Guitars", "dst": "Music"}]
    assert sorted((c["name"], c["level"]) for c in rows(done, "Category")) == [
        ("Guitars", 1), ("Music", 0), ("Toys", 0),
    ]  # fmt: skip


def test_a_2018_path_ends_where_features_begin(tmp_path: Path) -> None:
    """Sentences and mark-up are not categories, and a name that repeats is one level."""
    path = ["Gift Cards", "Gift Cards", "Boxes", "Ships for free.", "More"]
    broken = ["Gift Cards", "</span></span>", "More"]
    files = {
        "meta.json": lines({"asin": "I1", "category": path}, {"asin": "I2", "category": broken})
    }
    done = staged(tmp_path, "amazon", files)
    assert column(done, "IN_CATEGORY", "dst") == ["Gift Cards", "Gift Cards > Boxes"]


def test_without_a_path_the_main_category_stands_in(tmp_path: Path) -> None:
    item = {"parent_asin": "I1", "main_category": "Digital Music", "categories": [], "store": "S"}
    done = staged(tmp_path, "amazon", {"meta.jsonl": lines(item)})
    assert column(done, "IN_CATEGORY", "dst") == ["Digital Music"]
    assert column(done, "Item", "brand") == ["S"]


@pytest.mark.parametrize(
    ("price", "wanted"),
    [("$1,234.56", 1234.56), ("$5.00 - $10.00", 5.0), (7, 7.0), ("from 12.99", 12.99),
     ("—", None), (None, None), ("", None), (".a-box{width:10px}", None), (-2.0, None)],
)  # fmt: skip
def test_a_price_is_read_from_text_or_number(
    tmp_path: Path, price: object, wanted: float | None
) -> None:
    done = staged(
        tmp_path, "amazon", {"m.json": lines({"asin": "I", "title": "T", "price": price})}
    )
    assert column(done, "Item", "price") == [wanted]


def test_a_price_that_cannot_be_is_found_and_the_item_stays(tmp_path: Path) -> None:
    items = lines({"asin": "I", "price": -2.0}, {"asin": "J", "price": "call us"})
    done = staged(tmp_path, "amazon", {"m.json": items})
    assert done.report.findings["negative price"] == 1
    assert done.report.findings["price is not a number"] == 1
    assert done.report.rejected == 0


def test_reviews_and_metadata_meet(tmp_path: Path) -> None:
    """An item that is only reviewed has its key alone; a described one has its title."""
    files = {
        "r.json": lines(OLD, OLD | {"asin": "I2"}),
        "m.json": lines({"asin": "I1", "title": "T"}),
    }
    done = staged(tmp_path, "amazon", files)
    titles = {row["itemId"]: row.get("title") for row in rows(done, "Item")}
    assert titles == {"I1": "T", "I2": None}


def test_a_review_of_nothing_is_rejected(tmp_path: Path) -> None:
    done = staged(tmp_path, "amazon", {"r.json": lines(OLD, OLD | {"asin": None})})
    assert [(r["line"], r["reason"]) for r in rejects(done)] == [(2, "no item")]


def test_a_file_of_something_else_is_an_error_when_it_is_named(tmp_path: Path) -> None:
    from loaders import stage
    from tests.loaders.tables import NOW, write

    folder = write(tmp_path / "in", {"x.json": '{"track": 1, "artist": 2}\n'})
    with pytest.raises(InputError, match=r"holds no Amazon reviews.*artist, track"):
        stage("amazon", [folder / "x.json"], tmp_path / "out", now=NOW)


def test_a_file_of_something_else_in_a_folder_is_reported(tmp_path: Path) -> None:
    done = staged(tmp_path, "amazon", {"r.json": lines(OLD), "x.json": '{"track": 1}\n'})
    assert [(f.holds, f.rows) for f in done.report.files] == [("reviews", 1), ("not read", 0)]


def test_an_unknown_option_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no option 'depth'"):
        staged(tmp_path, "amazon", {"r.json": lines(OLD)}, options={"depth": "3"})
