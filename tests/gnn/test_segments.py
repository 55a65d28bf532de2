"""User vectors → segments, named by what leads in them."""

import numpy as np
import scipy.sparse as sp

from gnn.categories import categories_of
from gnn.segments import segments_of
from tests.gnn.planted import tables

RNG = np.random.default_rng(0)
N, KINDS = 300, 5
KIND = np.arange(N) % KINDS
USERS = (np.eye(8)[KIND] + RNG.normal(0, 0.05, (N, 8))).astype(np.float32)
SHARE = sp.csr_array(np.eye(KINDS + 1, dtype=np.float32)[KIND])
GRAPH = tables(1, KINDS + 1, {}, category_of=np.arange(KINDS + 1))


def segments(user=USERS, sensitive=frozenset()):
    return segments_of(user, SHARE, categories_of(GRAPH, sensitive), seed=0)


def test_planted_groups_are_found_and_named():
    """Users of one kind are one segment, and it bears the category they take up."""
    found = segments()
    named = [found.of_user[k == KIND].tolist().count(f"name{k}") for k in range(KINDS - 1)]
    assert sum(named) >= 0.9 * 4 * N / KINDS


def test_the_number_is_the_one_with_the_best_silhouette():
    """Of the numbers tried, the one used has the highest figure."""
    found = segments()
    assert len(found.table) == max(found.silhouette, key=found.silhouette.get)


def test_a_user_without_a_vector_has_no_segment():
    """None, and the others keep theirs."""
    user = USERS.copy()
    user[3] = 0
    assert segments(user).of_user[3] is None


def test_a_sensitive_category_names_no_segment():
    """Its users form a segment under another name."""
    names = {row["segment"] for row in segments(sensitive=frozenset({"c2"})).table}
    assert not any("name2" in name for name in names)


def test_names_are_distinct():
    """Two segments never share a name."""
    alike = sp.csr_array(np.ones((N, KINDS + 1), np.float32))
    table = segments_of(USERS, alike, categories_of(GRAPH), seed=0).table
    assert len({row["segment"] for row in table}) == len(table)


def test_few_users_are_one_segment():
    """With ten users there is nothing to tell apart."""
    found = segments_of(USERS[:10], SHARE[:10], categories_of(GRAPH), seed=0)
    assert len(found.table) == 1


def test_two_runs_agree():
    """The same seed gives the same segments."""
    assert segments().of_user.tolist() == segments().of_user.tolist()
