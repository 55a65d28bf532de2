"""The category of the next choice."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.graph import events
from gnn.variety import last_categories
from tests.gnn.planted import acts, tables
from tests.gnn.test_profile import PROFILES

SHARE = sp.csr_array(np.eye(3)[[0, 0, 1, 2]])


def test_last_categories_are_the_latest_each_once():
    """User 0: 0 0 1 0 2 1 → 1 2 0; user 1 has one; user 2 none."""
    user, item = [0] * 6 + [1], [0, 1, 2, 0, 3, 2, 3]
    graph = tables(3, 4, {"VIEWED": acts(user, item, range(7))})
    found = last_categories(events(graph), SHARE, 3)
    assert found.tolist() == [[1, 2, 0], [2, -1, -1], [-1, -1, -1]]


def test_the_next_category_is_found_more_often_than_by_plain_guesses():
    """On the planted shop: than by popularity and the last category; own history is as good
    there, since tastes do not change."""
    hit = {row["model"]: row["hit@1"] for row in PROFILES.metrics["next_category"]}
    assert hit["profile"] > hit["popularity"] + 0.1
    assert hit["profile"] > hit["last category"]
    assert hit["profile"] > hit["own history"] - 0.05


def test_three_guesses_hit_more_than_one():
    """hit@3."""
    for row in PROFILES.metrics["next_category"]:
        assert row["hit@1"] < row["hit@3"] < 1


def test_the_next_category_is_a_narrow_one():
    """Parents are likelier than their children and say less: they are not named."""
    names = PROFILES.users["nextCategory"].drop_null().to_pylist()
    assert set(names) <= {f"name{k}" for k in range(6)}


@pytest.mark.parametrize("column", ["nextCategory", "expectedDays"])
def test_most_users_have_one(column):
    """All with an event."""
    known = PROFILES.users["evidenceCount"].to_numpy() > 1
    assert PROFILES.users[column].is_valid().to_numpy()[known].mean() > 0.8
