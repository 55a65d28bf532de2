"""The graph as networkx sees it: a user's neighbourhood, and communities and influence of the
social graph as an Arrow table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kg.person import user_properties
from kg.queries import internal
from kg.schema import SOCIAL
from kg.store import GraphStore

if TYPE_CHECKING:
    import networkx as nx

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SOCIAL_PROFILE = pa.schema(
    [("userId", pa.string()), ("community", pa.int64()), ("influence", pa.float64())]
)
DAMPING = 0.85


def neighbourhood(
    store: GraphStore, user_id: str, hops: int = 1, *, limit: int = 500
) -> nx.MultiDiGraph:
    """The graph within `hops` edges of a user.

    Nodes are "Label:key" with `label`, `id` and `name`; users also with valueTier, segment,
    community and influence. Edges are keyed by their eventId or type and carry `kind` and what they
    have of `at`, `weight`, `since`, `score` and `basis`. A hop brings at most `limit` edges of each
    kind, newest or strongest first; `graph["truncated"]` says whether that cut any. Categories lead
    to their parents only. Raises `NotFound` for an unknown user.
    """
    import networkx as nx

    user_properties(store, user_id)
    view = _View(store, nx.MultiDiGraph(user=user_id, truncated=False), limit)
    view.node("User", user_id)
    for _ in range(hops):
        view.expand()
    _describe_users(store, view.graph)
    return view.graph


@dataclass
class _View:
    store: GraphStore
    graph: nx.MultiDiGraph
    limit: int
    fresh: dict[str, list[str]] = field(default_factory=dict)
    """Keys by label that no hop has started from yet."""

    def node(self, label: str, key: str, name: str | None = None) -> str:
        id_ = f"{label}:{key}"
        if id_ not in self.graph:
            self.graph.add_node(id_, label=label, id=key, name=name or key)
            self.fresh.setdefault(label, []).append(key)
        return id_

    def expand(self) -> None:
        start, self.fresh = self.fresh, {}
        if users := start.get("User"):
            self._behaviour("behaviour_of_users", {"userIds": users})
            for row in self._rows("ties_of_users", {"userIds": users}):
                self._edge("User", row["src"], "User", row["dst"], row["kind"], None, row)
            for row in self._rows("interests_of_users", {"userIds": users}):
                self._edge("User", row["src"], "Category", row["dst"], "INTERESTED_IN", None, row)
        if items := start.get("Item"):
            self._behaviour("behaviour_on_items", {"itemIds": items})
            for row in self._rows("categories_of_items", {"itemIds": items}):
                self._edge("Item", row["src"], "Category", row["dst"], "IN_CATEGORY", None, row)
        if categories := start.get("Category"):
            for row in self._rows("parents_of_categories", {"categoryIds": categories}):
                self._edge("Category", row["src"], "Category", row["dst"], "CHILD_OF", None, row)

    def _behaviour(self, query: str, given: dict[str, Any]) -> None:
        for row in self._rows(query, given):
            self._edge(
                "User", row["src"], "Item", row["dst"], row["kind"], row["eventId"],
                {**row, "name": row["title"]},
            )  # fmt: skip

    def _rows(self, query: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        """At most `limit` rows; one more is asked for, to know whether there are more."""
        rows = internal(query).run(
            self.store, {**given, "k": self.limit + 1}, max_rows=2 * self.limit + 2
        )
        if len(rows.rows) > self.limit:
            self.graph.graph["truncated"] = True
        return rows.records()[: self.limit]

    def _edge(
        self, src_label: str, src: str, dst_label: str, dst: str, kind: str, event_id: str | None,
        row: dict[str, Any],
    ) -> None:  # fmt: skip
        known = ("at", "weight", "since", "score", "basis")
        facts = {name: row[name] for name in known if row.get(name) is not None}
        self.graph.add_edge(
            self.node(src_label, src),
            self.node(dst_label, dst, row.get("name")),
            key=f"{kind}:{event_id}" if event_id else kind,
            kind=kind,
            **facts,
        )


def _describe_users(store: GraphStore, graph: nx.MultiDiGraph) -> None:
    keys = [data["id"] for _, data in graph.nodes(data=True) if data["label"] == "User"]
    rows = internal("users_by_id").run(store, {"userIds": keys}, max_rows=len(keys))
    for row in rows.records():
        facts = {name: value for name, value in row.items() if value is not None}
        graph.nodes[f"User:{facts.pop('userId')}"].update(facts)


def social_profile(store: GraphStore, *, seed: int = 0) -> pa.Table:
    """`userId`, `community` and `influence` of every user with a social tie; no rows where there
    are no ties. See `communities` and `influence`."""
    snapshot = store.export({"User": []}, {name: [] for name in SOCIAL})
    user_ids = snapshot.nodes["User"]["userId"]
    follows, friends = (
        (_rows_of(snapshot.edges[name], "src"), _rows_of(snapshot.edges[name], "dst"))
        for name in SOCIAL
    )
    return social_profile_of(user_ids, follows, friends, seed=seed)


def social_profile_of(
    user_ids: pa.Array | pa.ChunkedArray,
    follows: tuple[Ints, Ints],
    friends: tuple[Ints, Ints],
    *,
    seed: int = 0,
) -> pa.Table:
    """The same from arrays: ties as (src, dst) rows of `user_ids`, friendships in one direction."""
    src = np.concatenate([follows[0], friends[0], friends[1]])
    dst = np.concatenate([follows[1], friends[1], friends[0]])
    tied = np.unique(np.concatenate([src, dst]))
    if not len(tied):
        return SOCIAL_PROFILE.empty_table()
    src, dst = np.searchsorted(tied, src), np.searchsorted(tied, dst)
    return pa.table(
        {
            "userId": user_ids.take(pa.array(tied)),
            "community": communities(src, dst, len(tied), seed=seed),
            "influence": influence(src, dst, len(tied)),
        },
        schema=SOCIAL_PROFILE,
    )


def _rows_of(edges: pa.Table, end: str) -> Ints:
    rows: Ints = edges[end].to_numpy()
    return rows


def communities(src: Ints, dst: Ints, n: int, *, seed: int = 0) -> Ints:
    """[n] community of each node, 0 the largest (ties: the one with the lowest row first).

    Louvain (Blondel et al. 2008, scikit-network) on the undirected graph; a tie in both directions
    counts twice. The same rows and seed give the same answer."""
    from scipy.sparse import csr_array, csr_matrix
    from sknetwork.clustering import Louvain

    ends = np.concatenate([src, dst]), np.concatenate([dst, src])
    ties = csr_matrix(csr_array((np.ones(2 * len(src)), ends), shape=(n, n)))
    label = np.asarray(Louvain(random_state=seed).fit_predict(ties), np.int64)
    members, first = np.bincount(label), np.full(label.max(initial=-1) + 1, n)
    np.minimum.at(first, label, np.arange(n))
    number = np.empty(len(members), np.int64)
    number[np.lexsort((first, -members))] = np.arange(len(members))
    return number[label]


def influence(src: Ints, dst: Ints, n: int, *, tolerance: float = 1e-10) -> Floats:
    """[n] PageRank times n: 1 is the mean. A tie src → dst is a vote for dst.

    Power iteration with damping 0.85; votes of nodes without a tie out go to all alike (Page et
    al. 1999; `networkx.pagerank` gives the same)."""
    from scipy.sparse import csr_array

    ties = csr_array((np.ones(len(src)), (dst, src)), shape=(n, n))
    out = np.asarray(ties.sum(axis=0)).ravel()
    share = np.divide(1.0, out, out=np.zeros(n), where=out > 0)
    rank = np.ones(n)
    for _ in range(200):
        spread = ties @ (rank * share) + rank[out == 0].sum() / n
        new: Floats = (1 - DAMPING) + DAMPING * spread
        if np.abs(new - rank).mean() < tolerance:
            return new
        rank = new
    return rank
