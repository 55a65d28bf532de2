"""The public sets that a mapping ships for, each broken in a way of its own."""

from __future__ import annotations

from collections.abc import Mapping

from tests.corpus.case import NOT_TEXT, OPEN, Case


def _case(
    source: str,
    name: str,
    files: Mapping[str, bytes],
    written: int = 0,
    rejects: Mapping[int, str] | None = None,
    *,
    merged: int = 0,
    error: str = "",
    tables: Mapping[str, int] | None = None,
) -> Case:
    return Case(f"{source}: {name}", source, files, written, merged, rejects or {}, error, tables)


_HEAD = b"user,item,category,rating,helpfulness,time\n"
_OPINION = b"1,2,3,5,4,959670000\n"
_TRUST = b"truster,trustee\n1,6\n"


def _ciao(name: str, ratings: bytes, written: int, rejects: Mapping[int, str], **how: int) -> Case:
    files = {"ratings.csv": _HEAD + _OPINION + ratings, "trust.csv": _TRUST}
    return _case("ciao", name, files, written, rejects, **how)


CIAO: tuple[Case, ...] = (
    _ciao("a zero for no opinion", b"1,5,3,0,1,959670000\n", 2,
          {3: "rating off the scale 1 to 5"}),
    _ciao("year 1", b"1,5,3,5,1,-62135596800\n", 2, {3: "time before 1990"}),
    _ciao("year 9999", b"1,5,3,5,1,253402300799\n", 2, {3: "time in the future"}),
    _ciao("in milliseconds", b"1,5,3,5,1,959670000000\n", 2, {3: "time in the future"}),
    _ciao("no category", b"1,5,,5,1,959670000\n", 3, {}),
    _ciao("a helpfulness of minus one", b"1,5,3,5,-1,959670000\n", 3, {}),
    _ciao("the same in two categories", b"1,2,4,5,4,959670000\n", 2, {}, merged=1),
    _case("ciao", "trust in oneself", {"trust.csv": _TRUST + b"6,6\n6,1\n"}, 2,
          {3: "a tie to oneself"}),
    _case("ciao", "trust in nobody", {"trust.csv": _TRUST + b"6,\n"}, 1, {3: "no user"}),
    _case("ciao", "trust without its header", {"trust.csv": b"1,6\n6,1\n"},
          error="has no column 'truster'"),
    _case("ciao", "ratings in trust's file", {"trust.csv": _HEAD + _OPINION},
          error="has no column 'truster'"),
    _case("ciao", "a file of another set", {"movies.csv": b"movieId,title\n1,x\n"},
          error="there is no file for mapping ciao.toml"),
    _case("ciao", "one file good, one empty", {"ratings.csv": _HEAD + _OPINION, "trust.csv": b""},
          error=r"trust\.csv: line 1 is empty"),
)  # fmt: skip

_INVOICE = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
_SOLD = b"1,A,TEA,6,2010-12-01 08:26:00,2.50,17,UK\n"


def _retail(name: str, line: bytes, reason: str = "", **how: int) -> Case:
    files = {"online_retail.csv": _INVOICE + _SOLD + line + b"\n"}
    rejects = {3: reason} if reason else {}
    return _case("online_retail", name, files, 1 if reason else 2, rejects, **how)


RETAIL: tuple[Case, ...] = (
    _retail("no customer", b"2,A,TEA,6,2010-12-01 08:26:00,2.50,,UK", "no user"),
    _retail("a customer of a spreadsheet", b"2,A,TEA,6,2010-12-01 08:26:00,2.50,17.0,UK"),
    _retail("no product", b"2,,TEA,6,2010-12-01 08:26:00,2.50,17,UK", "no item"),
    _retail("none sold", b"2,A,TEA,0,2010-12-01 08:26:00,2.50,17,UK", "quantity not above zero"),
    _retail("half a million and a half", b"2,A,TEA,1e999,2010-12-01 08:26:00,2.50,17,UK",
            "quantity is not a number"),
    _retail("a price below zero", b"2,A,TEA,6,2010-12-01 08:26:00,-2.50,17,UK", "negative price"),
    _retail("a price in words", b"2,A,TEA,6,2010-12-01 08:26:00,free,17,UK",
            "price is not a number"),
    _retail("a day that is none", b"2,A,TEA,6,2010-02-30 08:26:00,2.50,17,UK", "at is not a time"),
    _retail("year 1", b"2,A,TEA,6,0001-01-01 00:00:00,2.50,17,UK", "time before 1990"),
    _retail("year 9999", b"2,A,TEA,6,9999-12-31 23:59:59,2.50,17,UK", "time in the future"),
    _retail("an hour that clocks skip", b"2,A,TEA,6,2011-03-27 01:30:00,2.50,17,UK",
            "at is not a time"),
    _retail("American dates", b"2,A,TEA,6,12/1/2010 8:26,2.50,17,UK"),
    _retail("a cancellation that gives", b"C2,A,TEA,6,2010-12-05 08:26:00,2.50,17,UK",
            "quantity not above zero"),
    _retail("no invoice", b",A,TEA,6,2010-12-01 08:26:00,2.50,17,UK", "a row of no known kind"),
    _retail("Latin-1", b"2,A,CAF\xc9,6,2010-12-01 08:26:00,2.50,17,UK"),
    _retail("a comma in a name", b"2,A,TEA, GREEN,6,2010-12-01 08:26:00,2.50,17,UK",
            "9 cells, not 8"),
    _retail("an open quote", b'2,A,"TEA,6,2010-12-01 08:26:00,2.50,17,UK\n' + _SOLD[:-1], OPEN),
    _retail("postage", b"2,POST,POSTAGE,1,2010-12-01 08:26:00,18,17,UK",
            "not a product: postage, fee, discount, sample or manual entry"),
)  # fmt: skip

_ARTISTS = b"id\tname\turl\tpictureURL\n1\tA\tu\tp\n"
_TAGS = b"tagID\ttagValue\n7\tpop\n"
_PLAYS = b"userID\tartistID\tweight\n2\t1\t10\n"
_TAGGED = b"userID\tartistID\ttagID\tday\tmonth\tyear\n2\t1\t7\t1\t4\t2009\n"
_LASTFM = {"artists.dat": _ARTISTS, "tags.dat": _TAGS, "user_artists.dat": _PLAYS}


def _lastfm(name: str, written: int = 0, rejects: Mapping[int, str] | None = None, *,
            error: str = "", **files: bytes) -> Case:  # fmt: skip
    named = {f"{stem}.dat": data for stem, data in files.items()}
    return _case("lastfm_hetrec", name, {**_LASTFM, **named}, written, rejects, error=error)


LASTFM: tuple[Case, ...] = (
    _lastfm("as it should be", 3),
    _lastfm("plays below zero", 3, {3: "negative weight"}, user_artists=_PLAYS + b"2\t1\t-1\n"),
    _lastfm("plays that are no number", 3, {3: "weight is not a number"},
            user_artists=_PLAYS + b"2\t3\tNaN\n"),
    _lastfm("commas for tabs", error="has no column 'userID'",
            user_artists=_PLAYS.replace(b"\t", b",")),
    _lastfm("a quote in a name", 4, artists=_ARTISTS + b'2\t"Weird Al\tu\tp\n'),
    _lastfm("a tab in a name", 3, {3: "5 cells, not 4"}, artists=_ARTISTS + b"2\tA\tB\tu\tp\n"),
    _lastfm("a name in Latin-1", 3, {3: NOT_TEXT}, artists=_ARTISTS + b"2\tBj\xf6rk\tu\tp\n"),
    _lastfm("tags in Latin-1", 4, tags=_TAGS + b"8\tchanson fran\xe7aise\n"),
    _lastfm("a bad row of the look-up", error=r"tags\.dat:3: 3 cells, not 2",
            tags=_TAGS + b"8\ta\tb\n", user_taggedartists=_TAGGED),
    _lastfm("a look-up without a row", 2, {2: "no tag"}, tags=_TAGS[:15] + b"\n",
            user_taggedartists=_TAGGED),
    _lastfm("a tag nobody knows", 4, {3: "no tag"},
            user_taggedartists=_TAGGED + b"2\t1\t9\t1\t4\t2009\n"),
    _lastfm("a month of 13", 4, {3: "at is not a time"},
            user_taggedartists=_TAGGED + b"2\t1\t7\t1\t13\t2009\n"),
    _lastfm("a year of 1956", 4, {3: "time before 1990"},
            user_taggedartists=_TAGGED + b"2\t1\t7\t1\t1\t1956\n"),
    _lastfm("a friend of oneself", 4, {3: "a tie to oneself"},
            user_friends=b"userID\tfriendID\n2\t3\n2\t2\n"),
    _case("lastfm_hetrec", "the look-up is not there", {"user_artists.dat": _PLAYS},
          error="looks tags up in tags.dat, which is not there"),
)  # fmt: skip


def _hin(name: str, file: str, data: bytes, written: int, rejects: Mapping[int, str],
         **how: int) -> Case:  # fmt: skip
    return _case("yelp_hin", name, {file: data}, written, rejects, **how)


OTHERS: tuple[Case, ...] = (
    _hin("a header where none was", "user_business.dat", b"user\tbusiness\tstars\n1\t2\t5\n", 1,
         {1: "rating is not a number"}),
    _hin("too few columns", "user_business.dat", b"1\t2\t5\n1\t3\n", 1, {2: "2 cells, not 3"}),
    _hin("stars off the scale", "user_business.dat", b"1\t2\t5\n1\t3\t0\n", 1,
         {2: "rating off the scale 1 to 5"}),
    _hin("spaces for tabs", "user_user.dat", b"1\t2\t1\n1 3 1\n", 1, {2: "1 cells, not 3"}),
    _hin("a friend of oneself", "user_user.dat", b"1\t2\t1\n2\t1\t1\n3\t3\t1\n", 1,
         {3: "a tie to oneself"}, merged=1),
    _hin("no category", "business_category.dat", b"1\t2\t1\n1\t\t1\n", 1, {2: "no category"}),
    _hin("no business", "business_city.dat", b"1\t2\t1\n\t2\t1\n", 1, {2: "no item"}),
    _case("movielens", "colons in a title", {"movies.dat": b"1::A::B::Drama\n2::C::Drama\n"}, 1,
          {1: "4 cells, not 3"}),
    _case("movielens", "half a star too many",
          {"ratings.dat": b"1::2::5::978300760\n1::3::5.5::978300760\n"}, 1,
          {2: "rating off the scale 0.5 to 5"}),
    _case("movielens", "single colons", {"ratings.dat": b"1::2::5::978300760\n1:2:5:978300760\n"},
          1, {2: "1 cells, not 4"}),
    _case("movielens", "films in Latin-1", {"movies.dat": b"1::Am\xe9lie::Drama|Comedy\n"}, 1,
          tables={"Item": 1, "Category": 2, "IN_CATEGORY": 2}),
    _case("movielens", "a tag without a tag",
          {"tags.csv": b"userId,movieId,tag,timestamp\n1,2,x,978300760\n1,2,,978300760\n"}, 1,
          {3: "no tag"}),
    _case("movielens", "an age in words",
          {"users.csv": b"userId,gender,age\n1,F,old\n2,F,99999999999999999999\n"}, 2),
    _case("lightgcn", "a user without items", {"train.txt": b"0 1 2\n1\n"}, 2),
    _case("lightgcn", "an empty line", {"train.txt": b"0 1 2\n\n1 2\n"}, 2, {2: "no user"}),
    _case("lightgcn", "bytes that are no text", {"train.txt": b"0 1 2\n1 \xff\n"}, 1,
          {2: NOT_TEXT}),
)  # fmt: skip

CASES = CIAO + RETAIL + LASTFM + OTHERS
