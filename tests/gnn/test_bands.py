"""Chances judged by band and over the scale, by hand."""

import numpy as np
import pytest

from gnn.bands import Outcomes, by_band, reliability

# eight pairs: users of 0, 1, 3 and 60 events with two categories each
EVENTS = np.repeat([0.0, 1.0, 3.0, 60.0], 2)
FOUND = Outcomes(
    came=np.array([0, 1, 0, 1, 0, 1, 1, 1], bool),
    weight=np.array([3, 1, 1, 1, 1, 1, 1, 1], np.float32),
    new=np.array([1, 1, 1, 1, 0, 0, 0, 0], bool),
    events=EVENTS,
    popularity=np.tile([0.1, 0.9], 4),
    score={"profile": np.array([0.2, 0.4] * 4, np.float32)},
)
ROWS = {row["band"]: row for row in by_band(FOUND, "profile")}


def test_bands_of_users_are_by_their_own_events():
    """Two pairs each; bands without users are left out."""
    bands = [b for b in ROWS if b.startswith("users")]
    assert bands == [f"users of {n} events" for n in ("0", "1", "2-4", "50+")]
    assert all(ROWS[b]["n"] == 2 for b in bands)


def test_tenths_of_categories_go_from_the_least_popular():
    """Two categories: the first tenth and the sixth, of which 1 and 4 pairs came true."""
    tenths = {b: r["positives"] for b, r in ROWS.items() if b.startswith("categories")}
    assert tenths == {"categories, tenth 1": 1, "categories, tenth 6": 4}


def test_a_band_s_rate_counts_what_pairs_stand_for():
    """Of the new pairs 2 of 3 + 1 + 1 + 1 came true."""
    assert ROWS["new to the user"]["base_rate"] == pytest.approx(2 / 6)


def test_reliability_sets_chance_beside_truth():
    """Ten units of weight in bins of 2/3: every bin has one score; those of .2 hold 1 of 6."""
    rows = reliability(FOUND, "profile")
    low = [r for r in rows if r["said"] == pytest.approx(0.2)]
    assert len(rows) == len(low) + sum(r["said"] == pytest.approx(0.4) for r in rows)
    came = sum(r["came"] * r["pairs"] for r in low) / sum(r["pairs"] for r in low)
    assert came == pytest.approx(1 / 6)
