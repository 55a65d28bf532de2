"""Directions of users → groups, by each method."""

import numpy as np
import pytest

from gnn import grouping
from gnn.clusters import k_centres, unit_rows
from gnn.grouping import APART, METHODS, Places, grouped

RNG = np.random.default_rng(0)
N, KINDS = 400, 4
KIND = np.arange(N) % KINDS
NEAR = unit_rows((np.eye(16)[KIND] + RNG.normal(0, 0.04, (N, 16))).astype(np.float32))
FAR = unit_rows(RNG.normal(0, 1, (200, 16)).astype(np.float32))


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_planted_groups_are_found(method):
    """Those of one kind are together, apart from the others."""
    group = grouped(NEAR, KINDS, 0, method).of(NEAR)
    assert {len(set(group[k == KIND])) for k in range(KINDS)} == {1}
    assert len(set(group.tolist())) == KINDS


def test_two_runs_agree(method):
    """The same seed gives the same places."""
    one, other = (grouped(NEAR, KINDS, 3, method) for _ in range(2))
    assert np.array_equal(one.centre, other.centre)


def test_a_user_alone_is_placed_as_among_all(method):
    """What a refresh says is what a publish said."""
    everyone = np.concatenate([NEAR, FAR])
    places = grouped(everyone, KINDS, 0, method)
    alone = [int(places.of(row[None])[0]) for row in everyone]
    assert alone == places.of(everyone).tolist()


def test_a_number_of_one_is_one_group(method):
    """At the origin, and nobody is apart."""
    assert set(grouped(NEAR, 1, 0, method).of(NEAR).tolist()) == {0}


def test_more_groups_than_users(method):
    """No error, and everyone is somewhere."""
    places = grouped(NEAR[:3], 5, 0, method)
    assert len(places.of(NEAR[:3])) == 3


def test_k_means_is_what_it_was():
    """The default's centres are those of k-means, and they reach everywhere."""
    places = grouped(NEAR, KINDS, 0, "kmeans")
    assert np.array_equal(places.centre, k_centres(NEAR, KINDS, 0))
    assert places.reach is None


def test_hdbscan_leaves_users_out_and_the_others_do_not():
    """Those who lie nowhere near others are in no group; nearly all the others are."""
    everyone = np.concatenate([NEAR, FAR])
    for name in ("kmeans", "hierarchical"):
        assert (grouped(everyone, KINDS, 0, name).of(everyone) != APART).all()
    group = grouped(everyone, KINDS, 0, "hdbscan").of(everyone)
    assert (group[:N] != APART).mean() > 0.95
    assert (group[N:] == APART).mean() > 0.9


def test_where_hdbscan_finds_nothing_all_are_one_group():
    """Points of one cloud are nowhere denser than elsewhere."""
    cloud = unit_rows(RNG.normal(0, 1, (300, 32)).astype(np.float32))
    group = grouped(cloud, 3, 0, "hdbscan").of(cloud)
    assert set(group.tolist()) == {0}


@pytest.mark.parametrize("name", ["hierarchical", "hdbscan"])
def test_of_very_many_a_sample_is_looked_at(monkeypatch, name):
    """Drawn by the seed; everyone is placed by it."""
    monkeypatch.setattr(grouping, "MOST_GROUPED", 200)
    places = grouped(NEAR, KINDS, 0, name)
    assert np.array_equal(places.centre, grouped(NEAR, KINDS, 0, name).centre)
    group = places.of(NEAR)
    assert {len(set(group[k == KIND]) - {APART}) for k in range(KINDS)} == {1}
    assert (group != APART).mean() > 0.9


def test_the_reach_is_a_border_half_way():
    """Rounding moves nobody who is on it."""
    places = Places(np.zeros((1, 2), np.float32), np.array([1.0], np.float32))
    assert places.of(np.array([[0.9, 0], [0, 1.1]], np.float32)).tolist() == [0, APART]
    cut = grouping._reach(
        np.array([0.1, 0.2, 0.4, 0.9], np.float32), np.array([True, True, False, False])
    )
    assert cut == pytest.approx(0.3)
