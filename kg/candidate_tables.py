"""A candidate and the social graph → the tables of its release's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.network import social_profile_of
from kg.schema import SOCIAL
from kg.store import GraphStore

if TYPE_CHECKING:
    from gnn.tables import Candidate, GraphTables


def social_of(store: GraphStore, graph: GraphTables, sampled: bool, seed: int) -> pa.Table:
    """Communities and influence are of the whole social graph, also where few users are drawn."""
    users, ties = graph.users, graph.social
    if sampled:
        whole = store.export({"User": ()}, dict.fromkeys(SOCIAL, ()))
        users, ties = whole.nodes["User"], whole.edges
    ends = {
        name: tuple(np.asarray(t[end].to_numpy(), np.int64) for end in ("src", "dst"))
        for name, t in ties.items()
    }
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64))
    follows, friends = ends.get("FOLLOWS", nothing), ends.get("FRIEND_OF", nothing)
    return social_profile_of(
        users["userId"], (follows[0], follows[1]), (friends[0], friends[1]), seed=seed
    )


def release_tables(candidate: Candidate, social: pa.Table) -> dict[str, pa.Table]:
    row_of = pc.index_in(candidate.users["userId"], social["userId"])
    users = candidate.users
    for name in ("community", "influence"):
        users = users.append_column(name, social[name].take(row_of))
    tables = {"users": users, "items": candidate.items}
    tables |= {f"edges/{name}": table for name, table in candidate.edges.items()}
    if candidate.categories is not None and candidate.item_category is not None:
        tables |= {"categories": candidate.categories, "item_category": candidate.item_category}
    return tables


def only_of(tables: dict[str, pa.Table], users: pa.Array, social: pa.Table) -> dict[str, pa.Table]:
    """Without the profiles of those who are here but for others'; what the social graph says of
    everyone stays."""
    kept = {}
    for name, table in tables.items():
        rows = table
        for column in ("userId", "src") if name == "users" or name.startswith("edges/") else ():
            if column in rows.column_names:
                rows = rows.filter(pc.is_in(rows[column], users))
        if name == "edges/SIMILAR_TO":
            rows = rows.filter(pc.is_in(rows["dst"], users))
        kept[name] = rows
    everyone = social.select(["userId", "community", "influence"])
    others = everyone.filter(pc.invert(pc.is_in(everyone["userId"], kept["users"]["userId"])))
    tied = others.filter(pc.is_valid(others["influence"]))
    kept["users"] = pa.concat_tables([kept["users"], tied], promote_options="default")
    return kept
