"""What stands at the loader's door: nothing personal is staged, every row is accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kg.errors import ConfigError
from loaders import Staged, stage
from loaders.policy import Policy, read_policy
from loaders.protect import ERASED, Keyed, Protection
from tests.loaders.tables import NOW, column, rejects, rows, staged, write

REVIEW = {
    "reviewerID": "ann", "asin": "x", "overall": 5.0, "summary": "ask @joe",
    "reviewText": "mail me: joe@mail.com", "unixReviewTime": 1_600_000_000,
}  # fmt: skip
PEOPLE = """
title = "people"
[[files]]
match = "people.csv"
holds = "people"
[[files.nodes]]
label = "User"
key = "id"
set.firstName = "name"
set.city = "city"
set.note = "note"
"""


def reviews(tmp_path: Path, *lines: dict[str, Any], **given: Any) -> Staged:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return staged(tmp_path, "amazon", {"reviews.jsonl": text}, **given)


def people(tmp_path: Path, lines: str, **given: Any) -> Staged:
    files = {"shop.toml": PEOPLE, "people.csv": "id,name,city,note\n" + lines}
    return staged(tmp_path, "tabular", files, **given)


def reversed_ids() -> Keyed:
    """Pseudonyms that can be read: the id backwards."""

    def backwards(ids: pl.Series) -> pl.Series:
        return ids.str.reverse()

    return Keyed("k1", backwards, lambda ids: "e:" + ids.str.reverse(), backwards)


def erased(*users: str) -> Protection:
    return Protection(erased=lambda ids: ids.is_in(list(users)))


def test_texts_are_masked_before_they_are_staged(tmp_path: Path) -> None:
    done = reviews(tmp_path, REVIEW)
    assert column(done, "REVIEWED", "text") == ["mail me: [email]"]
    assert column(done, "REVIEWED", "title") == ["ask [handle]"]


def test_no_staged_file_holds_what_was_masked(tmp_path: Path) -> None:
    """Not even in bytes that are not read."""
    done = reviews(tmp_path, REVIEW, REVIEW | {"overall": 9.0})
    for path in done.folder.rglob("*"):
        assert path.is_dir() or b"joe@mail.com" not in path.read_bytes()


def test_rejected_text_is_masked(tmp_path: Path) -> None:
    done = reviews(tmp_path, REVIEW, REVIEW | {"overall": 9.0})
    (row,) = rejects(done)
    assert "mail me: [email]" in row["raw"]


def test_a_users_name_is_not_loaded(tmp_path: Path) -> None:
    """By the default policy: the store has no column for it."""
    done = people(tmp_path, "u1,Joe,Paris,call 020 7946 0958\n")
    assert rows(done, "User") == [{"userId": "u1", "city": "Paris", "note": "call [phone]"}]
    assert done.attributes["User"].names == ["city", "note"]


def test_a_policy_keeps_what_it_says(tmp_path: Path) -> None:
    policy = Policy((("User.firstName", "keep"), ("User.note", "keep"), *read_policy().rules))
    done = people(tmp_path, "u1,Joe,Paris,@joe\n", protection=Protection(policy))
    assert rows(done, "User") == [
        {"userId": "u1", "firstName": "Joe", "city": "Paris", "note": "@joe"}
    ]


def test_a_text_that_is_dropped_leaves_its_row(tmp_path: Path) -> None:
    """The review counts, as one that says nothing."""
    policy = Policy((("REVIEWED.text", "drop"), *read_policy().rules))
    done = reviews(tmp_path, REVIEW, protection=Protection(policy))
    assert column(done, "REVIEWED", "text") == [None]
    assert done.report.written == 1


def test_the_report_says_what_became_of_each_field(tmp_path: Path) -> None:
    done = people(tmp_path, "u1,Joe,Paris,@joe\nu2,Ann,Rome,fine\n")
    told = {f.field: (f.action, f.rows, f.found) for f in done.report.protection}
    assert told == {
        "User.firstName": ("drop", 0, {}),
        "User.city": ("mask", 0, {}),
        "User.note": ("mask", 1, {"handle": 1}),
    }


def test_hashing_needs_a_key(tmp_path: Path) -> None:
    policy = Policy((("User.city", "hash"), *read_policy().rules))
    with pytest.raises(ConfigError, match=r"hashes User.city.*kg keys new"):
        people(tmp_path, "u1,Joe,Paris,x\n", protection=Protection(policy))


def test_a_hashed_field_goes_through_the_key(tmp_path: Path) -> None:
    policy = Policy((("User.city", "hash"), *read_policy().rules))
    done = people(tmp_path, "u1,Joe,Paris,x\n", protection=Protection(policy, reversed_ids()))
    assert column(done, "User", "city") == ["siraP"]


def test_ids_are_pseudonyms_everywhere(tmp_path: Path) -> None:
    """Nodes, ends of edges and the events' ids, which may hold the user's."""
    done = reviews(tmp_path, REVIEW, protection=Protection(keyed=reversed_ids()))
    assert column(done, "User", "userId") == ["nna"]
    (event,) = rows(done, "REVIEWED")
    assert (event["src"], event["dst"], event["eventId"]) == ("nna", "x", "e:0000000061|x|nna")
    assert done.report.key_id == "k1"


def test_a_friendship_keeps_its_order_under_pseudonyms(tmp_path: Path) -> None:
    """Stored once, the lesser end first."""
    folder = write(tmp_path / "in", {"user_user.dat": "19\t20\t1\n20\t19\t1\n"})
    done = stage("yelp_hin", [folder], tmp_path / "out", now=NOW,
                 protection=Protection(keyed=reversed_ids()))  # fmt: skip
    (tie,) = rows(done, "FRIEND_OF")
    assert (tie["src"], tie["dst"]) == ("02", "91")


def test_a_pseudonymous_load_keeps_no_raw_text_of_rejects(tmp_path: Path) -> None:
    """File and line lead to it."""
    done = reviews(tmp_path, REVIEW | {"overall": 9.0}, REVIEW,
                   protection=Protection(keyed=reversed_ids()))  # fmt: skip
    (row,) = rejects(done)
    assert (row["line"], row["raw"]) == (1, None)


def test_an_erased_user_does_not_come_back(tmp_path: Path) -> None:
    """Neither the events nor the node; the rows are rejects with their own reason."""
    done = reviews(tmp_path, REVIEW, REVIEW | {"reviewerID": "bob"}, protection=erased("ann"))
    assert column(done, "User", "userId") == ["bob"]
    assert column(done, "REVIEWED", "src") == ["bob"]
    assert done.report.reject_reasons == {ERASED: 1}
    assert (done.report.rows, done.report.written, done.report.rejected) == (2, 1, 1)


def test_a_tie_to_an_erased_user_is_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"user_user.dat": "1\t2\t1\n1\t3\t1\n"})
    done = stage("yelp_hin", [folder], tmp_path / "out", now=NOW, protection=erased("3"))
    assert {(r["src"], r["dst"]) for r in rows(done, "FRIEND_OF")} == {("1", "2")}
    assert sorted(column(done, "User", "userId")) == ["1", "2"]


def test_an_erased_users_own_row_is_rejected(tmp_path: Path) -> None:
    done = people(tmp_path, "u1,Joe,Paris,x\nu2,Ann,Rome,y\n", protection=erased("u1"))
    assert column(done, "User", "userId") == ["u2"]
    assert done.report.reject_reasons == {ERASED: 1}


def test_a_generated_shop_is_protected_too(tmp_path: Path) -> None:
    """Pseudonyms, and without the erased; its account still adds up."""
    plain = stage("synthetic", [], tmp_path / "a", now=NOW, options={"users": "60"})
    who = sorted(column(plain, "User", "userId"))[0]
    keyed = Protection(keyed=reversed_ids(), erased=lambda ids: ids == who)
    done = stage("synthetic", [], tmp_path / "b", now=NOW, options={"users": "60"},
                 protection=keyed)  # fmt: skip
    expected = {u[::-1] for u in column(plain, "User", "userId")} - {who[::-1]}
    assert set(column(done, "User", "userId")) == expected
    assert who[::-1] not in column(done, "VIEWED", "src")
    report = done.report
    assert report.rows == report.written + report.merged + report.rejected
    assert report.rejected == report.reject_reasons[ERASED] > 0
