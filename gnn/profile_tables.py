"""Claims and attributes as arrays → the columns that are written back, keyed by external ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnn.clusters import NONE, Clusters, cluster_table
from gnn.encoded import Encoded
from gnn.evidence import Evidence, Sources, names_of
from gnn.interests import Interests
from gnn.similar import Neighbours

Floats = NDArray[np.float32]
Array = NDArray[np.generic]


@dataclass(frozen=True)
class Claim:
    """What all rows of a release share."""

    version: str
    as_of: int | None
    horizon_days: int | None


def interest_table(
    interests: Interests,
    evidence: Evidence,
    sources: Sources,
    users: pa.ChunkedArray,
    targets: pa.ChunkedArray,
    claim: Claim,
) -> pa.Table:
    """INTERESTED_IN: src and dst by external id, as `kg.schema` declares it."""
    n = len(interests)
    basis = pa.array(["inferred", "observed"]).take(pa.array(interests.observed.astype(np.int8)))
    return pa.table(
        {
            "src": _keys(users, interests.user),
            "dst": _keys(targets, interests.target),
            "score": pa.array(interests.score.astype(np.float64)),
            "rank": pa.array(interests.rank, pa.int64()),
            "basis": basis,
            "evidenceCount": pa.array(evidence.count, pa.int64()),
            "topEvidence": names_of(evidence, sources),
            "evidenceShare": pa.array(evidence.share.astype(np.float64)),
            "asOf": _all(n, claim.as_of, pa.int64()),
            "horizonDays": _all(n, claim.horizon_days, pa.int64()),
            "modelVersion": _all(n, claim.version, pa.string()),
        }
    )


def similar_table(found: Neighbours, users: pa.ChunkedArray, version: str) -> pa.Table:
    """SIMILAR_TO"""
    return pa.table(
        {
            "src": _keys(users, found.user),
            "dst": _keys(users, found.other),
            "score": pa.array(found.cosine.astype(np.float64)),
            "rank": pa.array(found.rank, pa.int64()),
            "modelVersion": _all(len(found.user), version, pa.string()),
        }
    )


def user_table(
    users: pa.ChunkedArray, vectors: Floats, attributes: dict[str, Array], claim: Claim
) -> pa.Table:
    """userId and the profile's properties. NaN and None become null, and so does a zero vector."""
    n = len(users)
    return pa.table(
        {
            "userId": users.combine_chunks(),
            "embedding": vectors_column(vectors, np.asarray(vectors.any(axis=1))),
            "modelVersion": _all(n, claim.version, pa.string()),
            "profileAsOf": _all(n, claim.as_of, pa.int64()),
            **{name: _column(values) for name, values in attributes.items()},
        }
    )


def item_table(items: pa.ChunkedArray, encoded: Encoded, version: str) -> pa.Table:
    """itemId and the item's side of the score."""
    return pa.table(
        {
            "itemId": items.combine_chunks(),
            "embedding": vectors_column(encoded.item, np.ones(len(encoded.item), np.bool_)),
            "scoreBias": pa.array(encoded.bias.astype(np.float64)),
            "modelVersion": _all(len(items), version, pa.string()),
        }
    )


def derived_tables(clusters: Clusters, items: pa.ChunkedArray) -> tuple[pa.Table, pa.Table]:
    """Derived categories, and IN_CATEGORY by external ids."""
    categories = cluster_table(clusters)
    rows = np.flatnonzero(clusters.of_item != NONE)
    member_of = pa.table(
        {
            "src": _keys(items, rows),
            "dst": categories["categoryId"].combine_chunks().take(
                pa.array(clusters.of_item[rows])
            ),
            "weight": pa.array(np.ones(len(rows))),
        }
    )  # fmt: skip
    return categories, member_of


def vectors_column(vectors: Floats, known: NDArray[np.bool_]) -> pa.FixedSizeListArray:
    """[N, d] → a column of float32 vectors, null where not `known`."""
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(~known))


def _keys(ids: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.Array:
    return ids.take(pa.array(rows, pa.int64())).combine_chunks()


def _all(n: int, value: object, type_: pa.DataType) -> pa.Array:
    return pa.nulls(n, type_) if value is None else pa.repeat(pa.scalar(value, type_), n)


def _column(values: Array) -> pa.Array:
    if values.dtype == object:
        return pa.array(values, pa.string())
    if np.issubdtype(values.dtype, np.floating):
        return pa.array(values.astype(np.float64), from_pandas=True)
    return pa.array(values.astype(np.int64))
