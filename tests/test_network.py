"""The networkx views: a neighbourhood, communities and influence."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from kg.errors import NotFound
from kg.network import communities, influence, neighbourhood, social_profile, social_profile_of
from kg.store import GraphStore


def test_one_hop(shop_store: GraphStore) -> None:
    """One hop holds what the user's own edges reach."""
    graph = neighbourhood(shop_store, "ada")
    assert sorted(graph) == [
        "Category:kitchen/knives", "Category:music/guitars", "Item:strat", "Item:strings",
        "User:ada", "User:ben", "User:dan", "User:eve", "User:gus",
    ]  # fmt: skip


def test_several_events_with_one_item(shop_store: GraphStore) -> None:
    """Each event is an edge of its own, keyed by its id."""
    edges = neighbourhood(shop_store, "ada")["User:ada"]["Item:strings"]
    assert sorted(edges) == ["PURCHASED:p2", "PURCHASED:p3", "REVIEWED:r1"]


def test_ties_keep_their_direction(shop_store: GraphStore) -> None:
    """FOLLOWS runs from the follower to the followed."""
    graph = neighbourhood(shop_store, "ada")
    assert graph.has_edge("User:eve", "User:ada", key="FOLLOWS")
    assert not graph.has_edge("User:ada", "User:eve")


def test_interest_edges_carry_their_score(shop_store: GraphStore) -> None:
    """The score and its basis are on the edge."""
    edge = neighbourhood(shop_store, "ada")["User:ada"]["Category:music/guitars"]["INTERESTED_IN"]
    assert (edge["score"], edge["basis"]) == (0.9, "observed")


def test_nodes_carry_label_name_and_profile(shop_store: GraphStore) -> None:
    """Items have titles, users a few profile properties."""
    graph = neighbourhood(shop_store, "ada")
    assert graph.nodes["Item:strat"] == {"label": "Item", "id": "strat", "name": "Stratocaster"}
    assert graph.nodes["User:gus"]["community"] == 0


def test_two_hops(shop_store: GraphStore) -> None:
    """The second hop starts from what the first reached."""
    graph = neighbourhood(shop_store, "gus", hops=2)
    assert set(graph) == {
        "User:gus", "User:ada", "User:ben", "User:dan", "User:eve", "Item:strat", "Item:strings",
        "Category:music", "Category:music/guitars", "Category:kitchen/knives",
    }  # fmt: skip


def test_limit_is_said(shop_store: GraphStore) -> None:
    """What was cut is said in the graph; the newest events stay."""
    graph = neighbourhood(shop_store, "ada", limit=1)
    assert graph.graph["truncated"]
    assert list(graph["User:ada"]["Item:strings"]) == ["REVIEWED:r1"]


def test_nothing_cut(shop_store: GraphStore) -> None:
    """Without a cut the graph says it is whole."""
    assert not neighbourhood(shop_store, "ada").graph["truncated"]


def test_unknown_user(shop_store: GraphStore) -> None:
    """Nobody has no neighbourhood."""
    with pytest.raises(NotFound):
        neighbourhood(shop_store, "nobody")


def test_two_cliques_are_two_communities() -> None:
    """Two cliques joined by one tie are found, the larger first."""
    large, small = list(range(4, 10)), list(range(4))
    ties = [(a, b) for group in (large, small) for a in group for b in group if a < b] + [(3, 4)]
    src, dst = np.array(ties).T
    assert communities(src, dst, 10).tolist() == [1] * 4 + [0] * 6


def test_communities_agree_with_themselves() -> None:
    """The same ties and seed give the same ids."""
    rng = np.random.default_rng(0)
    src, dst = rng.integers(0, 60, (2, 300))
    first = communities(src, dst, 60, seed=3)
    assert first.tolist() == communities(src, dst, 60, seed=3).tolist()


def test_many_ties_take_seconds() -> None:
    """A hundred planted communities among half a million ties are found, as they were planted."""
    rng = np.random.default_rng(5)
    n, planted = 20_000, np.arange(20_000) % 100
    src = rng.integers(0, n, 500_000)
    own = rng.integers(0, n // 100, len(src)) * 100 + planted[src]
    dst = np.where(rng.random(len(src)) < 0.7, own, rng.integers(0, n, len(src)))
    found = communities(src, dst, n)
    together = found[:, None] == found[None, :2_000]
    assert (together == (planted[:, None] == planted[None, :2_000])).mean() > 0.999


def test_influence_is_pagerank() -> None:
    """The figure is networkx's PageRank times the number of nodes, dangling ones included."""
    rng = np.random.default_rng(1)
    ties = sorted({(int(a), int(b)) for a, b in rng.integers(0, 40, (120, 2)) if a != b and a > 3})
    src, dst = np.array(ties).T
    graph = nx.DiGraph()
    graph.add_nodes_from(range(40))
    graph.add_edges_from(ties)
    expected = nx.pagerank(graph, tol=1e-12)
    assert influence(src, dst, 40) == pytest.approx([40 * expected[n] for n in range(40)], abs=1e-6)


def test_social_profile(shop_store: GraphStore) -> None:
    """Everybody with a tie has a community and an influence of mean 1; nobody else has a row."""
    found = social_profile(shop_store)
    assert sorted(found["userId"].to_pylist()) == ["ada", "ben", "cleo", "dan", "eve", "gus"]
    assert np.mean(found["influence"].to_numpy()) == pytest.approx(1.0)
    rows = {row["userId"]: row for row in found.to_pylist()}
    assert max(rows, key=lambda u: rows[u]["influence"]) == "ada"
    assert rows["cleo"]["community"] == rows["dan"]["community"] != rows["ada"]["community"]


def test_no_ties_no_rows() -> None:
    """A shop without social ties has no social profile."""
    none = np.empty(0, np.int64)
    found = social_profile_of(pa.array(["a"]), (none, none), (none, none))
    assert (found.num_rows, found.column_names) == (0, ["userId", "community", "influence"])
