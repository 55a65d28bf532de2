"""Yelp's files in their known layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.loaders.tables import column, rejects, rows, staged


def lines(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(o) + "\n" for o in objects)


def test_the_later_review_layout(tmp_path: Path) -> None:
    review = {"review_id": "R", "user_id": "U", "business_id": "B", "stars": 3.0, "useful": 2,
              "funny": 0, "cool": 0, "text": "Fair", "date": "2018-07-07 22:09:11"}  # fmt: skip
    done = staged(tmp_path, "yelp", {"review.json": lines(review)})
    assert rows(done, "REVIEWED") == [
        {"src": "U", "dst": "B", "eventId": "R", "at": 1531001351, "weight": 0.5, "rating": 3.0,
         "text": "Fair", "helpful": 2}
    ]  # fmt: skip


def test_the_earlier_review_layout_nests_its_votes(tmp_path: Path) -> None:
    review = {"votes": {"funny": 0, "useful": 7, "cool": 1}, "user_id": "U", "review_id": "R",
              "stars": 5, "date": "2007-05-17", "text": "x", "business_id": "B"}  # fmt: skip
    done = staged(tmp_path, "yelp", {"review.json": lines(review)})
    assert column(done, "REVIEWED", "helpful") == [7]


def test_friends_come_as_list_and_as_text(tmp_path: Path) -> None:
    """Each friendship once, whichever side names it; `None` is nobody, and nobody befriends
    himself."""
    users = [
        {"user_id": "u1", "yelping_since": "2012-02", "friends": ["u2", "u3"]},
        {"user_id": "u2", "yelping_since": "2012-02-03 04:05:06", "friends": "u1, u4"},
        {"user_id": "u3", "yelping_since": "2012-02", "friends": "None"},
        {"user_id": "u4", "yelping_since": "2012-02", "friends": "u4"},
    ]
    done = staged(tmp_path, "yelp", {"user.json": lines(*users)})
    ties = {(row["src"], row["dst"]) for row in rows(done, "FRIEND_OF")}
    assert ties == {("u1", "u2"), ("u1", "u3"), ("u2", "u4")}
    assert done.report.findings["a tie to oneself"] == 1
    assert (done.report.written, done.report.rejected) == (4, 0)


def test_compliments_come_nested_and_flat(tmp_path: Path) -> None:
    users = [
        {"user_id": "u1", "yelping_since": "2012-02", "compliments": {"funny": 1, "cool": 2},
         "votes": {"useful": 5, "funny": 1}, "name": "Jane"},
        {"user_id": "u2", "yelping_since": "2012-02", "compliment_hot": 3, "compliment_plain": 4,
         "useful": 6},
        {"user_id": "u3", "yelping_since": "2012-02"},
    ]  # fmt: skip
    done = staged(tmp_path, "yelp", {"user.json": lines(*users)})
    found = {r["userId"]: (r["compliments"], r["usefulVotes"]) for r in rows(done, "User")}
    assert found == {"u1": (3, 5), "u2": (7, 6), "u3": (None, None)}
    assert "name" not in rows(done, "User")[0]


def test_categories_come_as_list_and_as_text(tmp_path: Path) -> None:
    """Those whose own name has commas stay whole."""
    businesses = [
        {"business_id": "b1", "name": "N", "categories": ["Bars", "Pizza"], "open": True},
        {"business_id": "b2", "name": "M", "categories": "Bars, Beer, Wine & Spirits",
         "is_open": 0},
        {"business_id": "b3", "name": "O", "categories": None},
    ]  # fmt: skip
    done = staged(tmp_path, "yelp", {"business.json": lines(*businesses)})
    belongs = {(r["src"], r["dst"]) for r in rows(done, "IN_CATEGORY")}
    assert belongs == {
        ("b1", "Bars"), ("b1", "Pizza"), ("b2", "Bars"), ("b2", "Beer, Wine & Spirits"),
    }  # fmt: skip
    assert {r["itemId"]: r["isOpen"] for r in rows(done, "Item")} == {
        "b1": True, "b2": False, "b3": None,
    }  # fmt: skip


def test_a_tip_is_a_review_without_stars(tmp_path: Path) -> None:
    tip = {"user_id": "U", "business_id": "B", "text": "Try it", "date": "2012-01-01",
           "compliment_count": 3}  # fmt: skip
    done = staged(tmp_path, "yelp", {"tip.json": lines(tip, tip | {"text": ""})})
    (edge,) = rows(done, "REVIEWED")
    assert (edge["eventId"], edge["weight"], edge["helpful"]) == ("tip|U|B|2012-01-01", 1.0, 3)
    assert [r["reason"] for r in rejects(done)] == ["no text"]


def test_stars_without_a_text_are_a_rating(tmp_path: Path) -> None:
    review = {"review_id": "R", "user_id": "U", "business_id": "B", "stars": 3, "text": "",
              "date": "2018-07-07"}  # fmt: skip
    done = staged(tmp_path, "yelp", {"review.json": lines(review)})
    assert column(done, "RATED", "eventId") == ["R"]


def test_a_table_of_reviews_is_read_like_the_lines(tmp_path: Path) -> None:
    text = 'business_id,date,review_id,stars,text,user_id,useful\nB,2011-01-26,R,5,"a\nb",U,2\n'
    done = staged(tmp_path, "yelp", {"yelp.csv": text})
    assert column(done, "REVIEWED", "text") == ["a\nb"]
