"""User vectors → segments, named by what leads in them."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.categories import categories_of
from gnn.features import counts
from gnn.graph import events
from gnn.grouping import METHODS
from gnn.segment_choice import choose_number, judge_groupings
from gnn.segments import NO_GROUP, segments_of
from tests.gnn.planted import acts, tables

RNG = np.random.default_rng(0)
N, KINDS = 300, 5
KIND = np.arange(N) % KINDS
USERS = (np.eye(8)[KIND] + RNG.normal(0, 0.05, (N, 8))).astype(np.float32)
SHARE = sp.csr_array(np.eye(KINDS + 1, dtype=np.float32)[KIND])
GRAPH = tables(1, KINDS + 1, {}, category_of=np.arange(KINDS + 1))


def segments(sensitive=frozenset(), user=USERS, **more):
    given = {"number": KINDS, **more}
    return segments_of(user, SHARE, categories_of(GRAPH, sensitive), seed=0, **given)


def test_planted_groups_are_found_and_named():
    """Users of one kind are one segment, and it bears the category they take up."""
    found = segments()
    named = [found.of_user[k == KIND].tolist().count(f"name{k}") for k in range(KINDS - 1)]
    assert sum(named) >= 0.9 * 4 * N / KINDS


def test_the_planted_number_is_chosen():
    """Five kinds: silhouette and stability are both highest there."""
    number, rows = choose_number(USERS, seed=0)
    assert number == KINDS
    best = next(r for r in rows if r["segments"] == KINDS)
    assert best["stability"] > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_each_method_chooses_the_planted_number(method):
    """And says how good each was, by its name."""
    number, rows = choose_number(USERS, 0, method=method)
    found = segments(number=number, method=method).table
    assert len([row for row in found if row["segment"] != NO_GROUP]) == KINDS
    assert {row["method"] for row in rows} == {method}
    assert all({"silhouette", "stability"} < row.keys() for row in rows)


@pytest.mark.parametrize("method", METHODS)
def test_with_each_method_a_segment_of_the_same_users_keeps_its_name(method):
    """Most of kind 1 were "runners"."""
    before = np.where(KIND == 1, "runners", None).astype(object)
    found = segments(before=before, method=method)
    assert found.of_user[KIND == 1].tolist().count("runners") > 50


def test_users_in_no_group_have_a_segment_that_says_so():
    """It is counted among the others, keeps its name and gives it to no group."""
    user = USERS.copy()
    user[:60] = RNG.normal(0, 1, (60, 8))
    found = segments(user=user, method="hdbscan")
    apart = found.of_user == NO_GROUP
    assert apart[:60].mean() > 0.5
    assert sum(row["users"] for row in found.table) == N
    assert {"segment": NO_GROUP, "users": int(apart.sum())} in found.table
    again = segments(user=user, method="hdbscan", before=found.of_user)
    assert again.of_user.tolist() == found.of_user.tolist()
    every = np.full(N, NO_GROUP, object)
    assert NO_GROUP not in {r["segment"] for r in segments(before=every).table}


def test_an_old_segment_that_mostly_fell_out_gives_no_name():
    """What is left of it in a group is less than half of its users."""
    user = USERS.copy()
    lost = np.flatnonzero(KIND == 1)[:45]
    user[lost] = RNG.normal(0, 1, (45, 8))
    before = np.where(KIND == 1, "runners", None).astype(object)
    found = segments(user=user, method="hdbscan", before=before)
    assert (found.of_user[lost] == NO_GROUP).mean() > 0.5
    assert "runners" not in found.of_user.tolist()


def test_the_number_readers_know_is_kept_while_it_is_near():
    """Of eight kinds in four pairs, four and eight segments are both clear: what there was, stays;
    three, which would split pairs, are not kept."""
    kind = np.arange(800) % 8
    pair, own = np.eye(12)[kind // 2], np.eye(12)[4 + kind]
    users = (pair + 0.8 * own + RNG.normal(0, 0.02, (800, 12))).astype(np.float32)
    assert choose_number(users, 0, before=4)[0] == 4
    assert choose_number(users, 0, before=8)[0] == 8
    assert choose_number(users, 0, before=3)[0] != 3


def test_a_user_who_leaves_takes_no_segment_along():
    """Five kinds of twenty users: with 99 there are too few for a new number of five, not for the
    one that readers know."""
    users = USERS[np.argsort(KIND, kind="stable").reshape(KINDS, -1)[:, :20].ravel()][1:]
    assert choose_number(users, 0, before=None)[0] < KINDS
    assert choose_number(users, 0, before=KINDS)[0] == KINDS


def test_users_without_structure_have_no_stable_segments():
    """Points of one cloud are grouped anew with every sample."""
    cloud = RNG.normal(0, 1, (2000, 8)).astype(np.float32)
    assert max(r["stability"] for r in choose_number(cloud, seed=0)[1]) < 0.6


def test_a_segment_of_the_same_users_keeps_its_name():
    """Most of kind 1 were "runners"; ten of kind 2 "swimmers", too few, the others "divers"."""
    before = np.full(N, None, object)
    before[(KIND == 1) & (np.arange(N) < 280)] = "runners"
    before[KIND == 2] = "divers"
    before[np.flatnonzero(KIND == 2)[:10]] = "swimmers"
    found = segments(before=before)
    assert found.of_user[KIND == 1].tolist().count("runners") > 50
    assert found.of_user[KIND == 2].tolist().count("divers") > 50
    assert "swimmers" not in {row["segment"] for row in found.table}


def test_a_kept_name_is_not_given_twice():
    """A new segment whose categories would give it the name gets a number."""
    before = np.where(KIND == 1, "name2", None).astype(object)
    names = [row["segment"] for row in segments(before=before).table]
    assert "name2" in names
    assert "name2 (2)" in names


def test_a_name_that_has_become_sensitive_is_not_kept():
    """The category is no longer spoken of."""
    before = np.where(KIND == 1, "name2 & name3", None).astype(object)
    names = {row["segment"] for row in segments(frozenset({"c2"}), before=before).table}
    assert not any("name2" in name for name in names)


def test_groups_are_judged_by_the_next_choices():
    """Users of two kinds who stay with their category: knowing the kind saves a bit an event, less
    what the prior costs; groups by chance save nothing."""
    user = np.repeat(np.arange(200), 20)
    acts_ = acts(user, user % 2, np.tile(np.arange(20), 200))
    flat = events(tables(200, 2, {"VIEWED": acts_}))
    share = sp.csr_array(np.eye(2))
    past = counts(flat.where(flat.at < 10)) @ share
    kind = np.array(["even", "odd"], object)[np.arange(200) % 2]
    groupings = {"random": np.random.default_rng(0).permutation(kind), "kind": kind}
    rows = judge_groupings(groupings, past, flat.where(flat.at >= 10), share)
    bits = {row["grouping"]: row["bits"] for row in rows}
    assert bits["kind"] > 0.9
    assert abs(bits["random"]) < 0.05


def test_a_user_without_a_vector_has_no_segment():
    """None, and the others keep theirs."""
    user = USERS.copy()
    user[3] = 0
    assert segments(user=user).of_user[3] is None


def test_a_sensitive_category_names_no_segment():
    """Its users form a segment under another name."""
    names = {row["segment"] for row in segments(sensitive=frozenset({"c2"})).table}
    assert not any("name2" in name for name in names)


def test_names_are_distinct():
    """Two segments never share a name."""
    alike = sp.csr_array(np.ones((N, KINDS + 1), np.float32))
    table = segments_of(USERS, alike, categories_of(GRAPH), seed=0, number=KINDS).table
    assert len({row["segment"] for row in table}) == len(table)


def test_few_users_are_one_segment():
    """With ten users there is nothing to tell apart."""
    assert choose_number(USERS[:10], seed=0) == (1, [])
    found = segments_of(USERS[:10], SHARE[:10], categories_of(GRAPH), seed=0, number=1)
    assert len(found.table) == 1


def test_two_runs_agree():
    """The same seed gives the same segments."""
    assert segments().of_user.tolist() == segments().of_user.tolist()
