"""The public sets, counted: where every row of them went."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kg.ingest import ingest
from kg.store import open_store
from loaders import Staged, stage

pytestmark = pytest.mark.realdata

NOW = 1_760_000_000
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("KG_DATA") or ROOT.parent / "shared" / "data")

Stage = Callable[[str, str], Staged]


@pytest.fixture
def real(tmp_path: Path) -> Stage:
    """(source, folder of the data) → staged; skips where the set is not there."""

    def staged(source: str, name: str) -> Staged:
        if not (DATA / name).is_dir():
            pytest.skip(f"{name} is not in the data folder (KG_DATA, or shared/data beside this)")
        return stage(source, [DATA / name], tmp_path / "out", now=NOW)

    return staged


def accounts(done: Staged) -> dict[str, tuple[int, int, int, int]]:
    """Rows in = written + merged + rejected, by what the file holds."""
    files = [f for f in done.report.files if f.holds != "not read"]
    assert all(f.rows == f.written + f.merged + f.rejected for f in files)
    return {f.holds: (f.rows, f.written, f.merged, f.rejected) for f in files}


def loads(done: Staged, tmp_path: Path) -> bool:
    """The embedded store has it, row for row."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        ingest(done, store)
        return store.counts() == done.report.tables


def test_ciao(real: Stage, tmp_path: Path) -> None:
    """284,086 rows = 282,619 ratings + 1,433 merged (190 of them exact) + 34 of rating 0."""
    done = real("ciao", "ciao")
    assert accounts(done) == {
        "ratings": (284_086, 282_619, 1_433, 34),
        "trust": (111_781, 111_781, 0, 0),
    }
    assert done.report.findings == {
        "exact duplicate": 190,
        "key duplicate": 1_246,
        "keys with several rows": 1_252,
        "rating off the scale 1 to 5": 34,
    }
    tables = done.report.tables
    assert (tables["User"], tables["Item"], tables["Category"]) == (7_375, 105_114, 28)
    in_category = pl.concat([pl.DataFrame(part) for part in done.batches("IN_CATEGORY")])
    assert (in_category.group_by("src").len()["len"] > 1).sum() == 101
    assert loads(done, tmp_path)


def test_online_retail(real: Stage, tmp_path: Path) -> None:
    """541,909 lines: no customer, cancellations, exact duplicates and bad debt, each counted."""
    done = real("online_retail", "online_retail")
    assert accounts(done) == {"invoice lines": (541_909, 399_690, 5_223, 136_996)}
    found = done.report.findings
    assert found["no user"] == 135_080
    assert found["cancellation"] == 9_288
    assert found["exact duplicate"] == 5_268
    assert found["bad-debt adjustment"] == 3
    assert sum(done.report.reject_reasons.values()) == 136_996
    tables = done.report.tables
    assert (tables["User"], tables["Item"]) == (4_372, 4_070)
    matched, alone = found["cancellation matched"], found["cancellation without purchase"]
    assert matched + alone == tables["RETURNED"]
    assert matched > 0.85 * tables["RETURNED"]
    assert loads(done, tmp_path)


def test_lastfm_hetrec(real: Stage, tmp_path: Path) -> None:
    """12,717 friendships from 25,434 rows; five tags are dated before 1990."""
    done = real("lastfm_hetrec", "lastfm_hetrec")
    assert accounts(done) == {
        "artists": (17_632, 17_632, 0, 0),
        "tags": (11_946, 11_946, 0, 0),
        "listening counts": (92_834, 92_834, 0, 0),
        "tag assignments": (186_479, 186_474, 0, 5),
        "friends": (25_434, 12_717, 12_717, 0),
    }
    assert done.report.tables["IN_CATEGORY"] == 109_750
    assert loads(done, tmp_path)


def test_yelp_hin(real: Stage, tmp_path: Path) -> None:
    """79,295 friendships from 158,590 rows."""
    done = real("yelp_hin", "yelp_hin")
    assert accounts(done)["friends"] == (158_590, 79_295, 79_295, 0)
    assert done.report.tables["User"] == 16_239
    assert loads(done, tmp_path)


def test_amazon_gift_cards(real: Stage, tmp_path: Path) -> None:
    done = real("amazon", "amazon_gift_cards")
    assert accounts(done) == {"reviews": (2_972, 2_969, 3, 0), "items": (1_547, 1_547, 0, 0)}
    assert done.report.tables["REVIEWED"] == 2_963
    assert loads(done, tmp_path)


@pytest.mark.neo4j
def test_amazon_gift_cards_on_neo4j(real: Stage, empty_neo4j: str) -> None:
    done = real("amazon", "amazon_gift_cards")
    with open_store(empty_neo4j) as store:
        ingest(done, store)
        assert store.counts() == done.report.tables


def test_amazon_musical_instruments(real: Stage, tmp_path: Path) -> None:
    done = real("amazon", "amazon_musical_instruments")
    assert accounts(done) == {"reviews": (10_261, 10_261, 0, 0)}
    assert (done.report.tables["REVIEWED"], done.report.tables["RATED"]) == (10_254, 7)
    assert loads(done, tmp_path)


def test_yelp_heads_that_do_not_join(real: Stage, tmp_path: Path) -> None:
    """Friends and reviewers nobody describes are users all the same."""
    done = real("yelp", "yelp_json_layout")
    assert [f.rows for f in done.report.files] == [1_000, 999, 2_481, 2_605]
    assert (done.report.rejected, done.report.tables["REVIEWED"]) == (0, 3_480)
    assert loads(done, tmp_path)


def test_yelp_reviews_as_a_table(real: Stage, tmp_path: Path) -> None:
    """10,000 reviews in 44,611 lines."""
    done = real("yelp", "yelp_reviews_10k")
    assert accounts(done) == {"reviews": (10_000, 10_000, 0, 0)}
    assert loads(done, tmp_path)


def test_gowalla(real: Stage) -> None:
    """810,128 pairs to train on and 217,242 to test on, none in both."""
    done = real("lightgcn", "gowalla")
    assert done.report.tables == {"User": 29_858, "Item": 40_981, "VIEWED": 1_027_370}
