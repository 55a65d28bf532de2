"""The mappings that ship, on rows of their layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from loaders.mapping import read_mapping
from loaders.sources import MAPPINGS, SOURCES
from tests.loaders.tables import column, rejects, rows, staged


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda p: p.stem)
def test_every_mapping_in_the_folder_is_sound_and_goes_by_name(path: Path) -> None:
    assert read_mapping(path).title
    assert SOURCES[path.stem] == "loaders.tabular:plan_files"


def test_ciao(tmp_path: Path) -> None:
    """An item may be in several categories; a rating of 0 is off the scale."""
    files = {
        "ratings.csv": "user,item,category,rating,helpfulness,time\n"
        "1,2,3,5,4,959670000\n1,2,4,5,4,959670000\n1,5,3,0,1,959670000\n",
        "trust.csv": "truster,trustee\n1,6\n6,1\n1,6\n1,1\n",
    }
    done = staged(tmp_path, "ciao", files)
    assert [(f.rows, f.written, f.merged, f.rejected) for f in done.report.files] == [
        (3, 1, 1, 1), (4, 2, 1, 1),
    ]  # fmt: skip
    assert {(r["src"], r["dst"]) for r in rows(done, "FOLLOWS")} == {("1", "6"), ("6", "1")}
    assert len(rows(done, "IN_CATEGORY")) == 3
    assert [r["reason"] for r in rejects(done)] == [
        "rating off the scale 1 to 5", "a tie to oneself",
    ]  # fmt: skip


RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def test_online_retail(tmp_path: Path) -> None:
    """Lines, a cancellation that finds its purchase, and what is refused, each with its reason."""
    lines = (
        "1,A,TEA,6,2010-12-01 08:26:00,2.50,17,UK\n"
        "1,A,TEA,6,2010-12-01 08:26:00,2.50,17,UK\n"
        "1,A,TEA,1,2010-12-01 08:26:00,2.50,17,UK\n"
        "C2,A,TEA,-6,2010-12-05 08:26:00,2.50,17.0,UK\n"
        "C3,P,POT,-1,2010-12-05 08:26:00,9.00,17,UK\n"
        "4,POST,POSTAGE,1,2010-12-05 08:26:00,18,17,UK\n"
        "5,A,damaged,-9,2010-12-06 08:26:00,0,,UK\n"
        "A6,B,Adjust bad debt,1,2011-08-12 14:50:00,-11062.06,9,UK\n"
    )
    done = staged(tmp_path, "online_retail", {"online_retail.csv": RETAIL + lines})
    report = done.report
    assert (report.rows, report.written, report.merged, report.rejected) == (8, 4, 1, 3)
    bought = {r["eventId"]: r.get("cancelledQuantity") for r in rows(done, "PURCHASED")}
    assert bought == {"1|A|6|2.50": 6.0, "1|A|1|2.50": None}
    assert {r["eventId"]: r["cancels"] for r in rows(done, "RETURNED")} == {
        "C2|A|-6|2.50": "1|A|6|2.50", "C3|P|-1|9.00": None,
    }  # fmt: skip
    assert report.reject_reasons == {
        "not a product: postage, fee, discount, sample or manual entry": 1,
        "no user": 1,
        "bad-debt adjustment": 1,
    }
    assert report.findings["cancellation"] == 2
    titles = {r["itemId"]: r.get("title") for r in rows(done, "Item")}
    assert titles == {"A": "TEA", "P": "POT", "POST": "POSTAGE", "B": None}


def test_online_retail_in_its_other_editions(tmp_path: Path) -> None:
    """The spreadsheet's dates, and the second edition's column names."""
    head = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
    text = head + "489434,85048,LIGHTS,12,12/1/2009 7:45,6.95,13085.0,United Kingdom\n"
    done = staged(tmp_path, "online_retail", {"online_retail_II.csv": text})
    assert column(done, "PURCHASED", "at") == [1259653500]
    assert column(done, "User", "userId") == ["13085"]


LASTFM = {
    "artists.dat": 'id\tname\turl\tpictureURL\n1\tMALICE "M"\thttp://x\thttp://y\n',
    "tags.dat": "tagID\ttagValue\n7\tchanson fran\xe7aise\n8\tmetal\n".encode("latin-1"),
    "user_artists.dat": "userID\tartistID\tweight\n2\t1\t13883\n3\t9\t5\n",
    "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\n"
    "2\t1\t7\t1\t4\t2009\n3\t1\t7\t1\t4\t2009\n3\t1\t8\t1\t6\t1956\n",
    "user_friends.dat": "userID\tfriendID\n2\t3\n3\t2\n",
}


def test_lastfm_hetrec(tmp_path: Path) -> None:
    """Listens are weights, tags are words with a date and categories with a count, a friendship is
    stored once."""
    done = staged(tmp_path, "lastfm_hetrec", LASTFM)
    assert [(r["src"], r["weight"]) for r in rows(done, "VIEWED")] == [("2", 13883.0), ("3", 5.0)]
    assert {(r["tag"], r["at"]) for r in rows(done, "TAGGED")} == {
        ("chanson française", 1238544000)
    }
    assert {(r["dst"], r["weight"]) for r in rows(done, "IN_CATEGORY")} == {("7", 2.0), ("8", 1.0)}
    assert {r["name"] for r in rows(done, "Category")} == {"chanson française", "metal"}
    assert [(r["src"], r["dst"]) for r in rows(done, "FRIEND_OF")] == [("2", "3")]
    friends = done.report.files[-1]
    assert (friends.rows, friends.written, friends.merged) == (2, 1, 1)
    assert [r["reason"] for r in rejects(done)] == ["time before 1990"]


def test_yelp_hin(tmp_path: Path) -> None:
    files = {
        "user_business.dat": "1\t8\t5\n",
        "user_user.dat": "2\t1\t1\n1\t2\t1\n",
        "business_category.dat": "8\t334\t1\n",
        "business_city.dat": "8\t31\t1\n",
    }
    done = staged(tmp_path, "yelp_hin", files)
    assert [(r["src"], r["dst"]) for r in rows(done, "FRIEND_OF")] == [("1", "2")]
    assert rows(done, "Item") == [{"itemId": "8", "city": "31"}]
    assert column(done, "RATED", "weight") == [1.0]


MOVIES = {
    "ratings.dat": "1::2::5::978300760\n1::3::1::978300760\n",
    "movies.dat": "2::Amélie (2001)::Comedy|Romance\n3::X (1990)::(no genres listed)\n".encode(
        "latin-1"
    ),
    "users.dat": "1::F::25::10::48067\n",
}


def test_movielens_with_two_colons(tmp_path: Path) -> None:
    """Genres are categories; a user's zip code is left where it is."""
    done = staged(tmp_path, "movielens", MOVIES)
    assert column(done, "Item", "title") == ["Amélie (2001)", "X (1990)"]
    assert column(done, "IN_CATEGORY", "dst") == ["Comedy", "Romance"]
    assert rows(done, "User") == [{"userId": "1", "gender": "F", "age": 25, "occupation": "10"}]
    assert column(done, "RATED", "weight") == [0.111111, 1.0]


def test_movielens_in_utf8(tmp_path: Path) -> None:
    """The 10M edition has the 1M edition's layout and another encoding."""
    files = {"movies.dat": "2::Amélie (2001)::Comedy\n"}
    assert column(staged(tmp_path, "movielens", files), "Item", "title") == ["Amélie (2001)"]


def test_movielens_as_csv(tmp_path: Path) -> None:
    files = {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.5,1256677221\n",
        "movies.csv": 'movieId,title,genres\n2,"American President, The (1995)",Comedy|Drama\n',
        "tags.csv": 'userId,movieId,tag,timestamp\n1,2,"a ""b""",1583038886\n1,2,,1583038886\n',
        "links.csv": "movieId,imdbId\n2,0112346\n",
    }
    done = staged(tmp_path, "movielens", files)
    assert column(done, "TAGGED", "tag") == ['a "b"']
    assert column(done, "Category", "name") == ["Comedy", "Drama"]
    assert column(done, "Item", "title") == ["American President, The (1995)"]
    assert [r["reason"] for r in rejects(done)] == ["no tag"]
    assert [f.holds for f in done.report.files][-1] == "not read"


def test_lightgcn(tmp_path: Path) -> None:
    """A line makes an event with each of its items; a user without items is a user."""
    files = {"train.txt": "0 5 7\n1 5\n2\n", "test.txt": "1 5 9\n"}
    done = staged(tmp_path, "lightgcn", files)
    assert column(done, "VIEWED", "eventId") == ["0|5", "0|7", "1|5", "1|9"]
    assert column(done, "User", "userId") == ["0", "1", "2"]
    assert [(f.rows, f.written, f.merged) for f in done.report.files] == [(1, 0, 1), (3, 3, 0)]
