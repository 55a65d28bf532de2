"""How well a candidate's vectors foretell what users declare of themselves. Nothing of it is kept
but the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import ConfigError
from kg.store import GraphStore

if TYPE_CHECKING:
    from gnn.tables import Candidate, GraphTables


def declared_values(store: GraphStore, attribute: str) -> pa.Table:
    """userId and value (text) of an attribute that the source says of users. Raises ConfigError."""
    known = store.attributes().get("User", pa.schema([]))
    texts = [
        f.name for f in known if not (pa.types.is_list(f.type) or pa.types.is_floating(f.type))
    ]
    if attribute not in texts:
        there = f"there are {', '.join(texts)}" if texts else "no user here has any"
        raise ConfigError(f"no attribute {attribute!r} that could be foretold; {there}")
    users = store.export({"User": (attribute,)}, {}).nodes["User"]
    return pa.table({"userId": users["userId"], "value": users[attribute].cast(pa.string())})


def judged(
    candidate: Candidate, graph: GraphTables, declared: pa.Table, attribute: str, seed: int
) -> dict[str, Any]:
    """How well the candidate's vectors foretell the declared values, for the card."""
    from gnn.graph import events
    from gnn.predict import judge_attribute

    ids = graph.users["userId"]
    known = candidate.users.filter(pc.is_valid(candidate.users["embedding"]))
    flat = pc.list_flatten(known["embedding"].combine_chunks()).to_numpy()
    vectors = np.zeros((len(ids), len(flat) // max(known.num_rows, 1)), np.float32)
    row = pc.index_in(known["userId"], ids.combine_chunks()).to_numpy()
    vectors[row] = flat.reshape(known.num_rows, -1)
    values = declared["value"].take(pc.index_in(ids, declared["userId"]))
    found = judge_attribute(
        vectors, events(graph).matrix(), np.array(values.to_pylist(), object), seed
    )
    if isinstance(found, str):
        return {"foretold": [], "foretold_not": f"{attribute}: {found}"}
    return {"foretold": [{"attribute": attribute, **r} for r in found]}
