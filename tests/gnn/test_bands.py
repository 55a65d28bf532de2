"""Chances judged by band and over the scale, by hand."""

import numpy as np
import pytest

from gnn.bands import FEWEST_CAME, Outcomes, by_band, reliability, within_categories

# eight pairs: users of 0, 1, 3 and 60 events with two categories each
EVENTS = np.repeat([0.0, 1.0, 3.0, 60.0], 2)
FOUND = Outcomes(
    came=np.array([0, 1, 0, 1, 0, 1, 1, 1], bool),
    weight=np.array([3, 1, 1, 1, 1, 1, 1, 1], np.float32),
    new=np.array([1, 1, 1, 1, 0, 0, 0, 0], bool),
    events=EVENTS,
    category=np.tile([0, 1], 4),
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


def test_within_a_category_popularity_tells_nothing():
    """Of three categories two came true for enough users. One score is the category's own, so it
    orders nobody; another finds all of the first and half of the second, as many as it misses."""
    n = 2 * FEWEST_CAME
    category = np.repeat([5, 2, 9], n)
    came = np.tile(np.arange(n) < FEWEST_CAME, 3)
    came[-n + 3 : -n + FEWEST_CAME] = False  # the third: three users
    taste = came.astype(np.float32)
    taste[n : 2 * n] = np.tile([1, 0], FEWEST_CAME)
    found = Outcomes(
        came, np.ones(3 * n, np.float32), came, category, category, category * 0.1,
        {"popularity": category.astype(np.float32), "profile": taste},
    )  # fmt: skip
    popular, profile = within_categories(found)
    assert (popular["model"], popular["categories"], popular["mean_auc"]) == ("popularity", 2, 0.5)
    assert (profile["lowest"], profile["highest"], profile["mean_auc"]) == (0.5, 1.0, 0.75)
    assert profile["sd"] == pytest.approx(0.5 / 2**0.5)
    assert (popular["best_in"], profile["best_in"]) == (0.5, 1.0)


def test_where_no_category_came_true_often_enough_there_is_no_figure():
    assert within_categories(FOUND) == []
