"""Claims about users and the first-hop parts of their vectors → the edges that carry each claim.

A user's vector is a plain sum over the user's edges (`gnn.encoded`), so in a score that is linear
in the vector each edge has an exact part: coefficient x message · direction. Parts may be negative;
shares are of the positive ones, since what speaks against a claim is no evidence for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gnn.encoded import Encoded
from gnn.errors import GraphError
from gnn.tables import GraphTables

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CITED = 5
NOTABLE = 0.1
"""An edge counts as speaking for a claim from this share of the strongest edge's part."""
CELLS_A_BLOCK = 16_000_000
"""Floats of message and of direction held at once, each."""


@dataclass(frozen=True)
class Evidence:
    """Of P claims."""

    count: Ints
    """[P] edges that speak for it: their part is at least NOTABLE of the strongest one's"""
    share: Floats
    """[P] what the cited edges carry of all positive parts; 0 where there is none"""
    indptr: Ints
    """[P + 1] claim p cites `cited[indptr[p]:indptr[p + 1]]`, strongest first"""
    cited: Ints
    """ids of `Sources.names`"""
    part: Floats
    """of the score, by each cited edge"""


@dataclass(frozen=True)
class Sources:
    """The first-hop edges of all users as columns, sorted by user.

    A review is one source, whether the user's vector took it in as an event, as text or both; so is
    a friend tied in several ways by one type."""

    indptr: Ints
    """[U + 1] edges of user u: `indptr[u]:indptr[u + 1]`"""
    source: Ints
    """[E] id of the source of each edge"""
    coefficient: Floats
    hop: NDArray[np.int16]
    other: Ints
    messages: tuple[Floats, ...]
    """By hop"""
    kinds: tuple[tuple[int, pa.ChunkedArray, str], ...]
    """First source id of each kind, the external ids of its sources, and its name."""
    citable: Bools
    """[S] not about a private item"""

    def names(self, ids: Ints) -> pa.Array:
        """`kind:id` of each source."""
        starts = np.array([start for start, _, _ in self.kinds], np.int64)
        kind = np.searchsorted(starts, ids, side="right") - 1
        order = np.argsort(kind, kind="stable")
        sorted_names = pa.concat_arrays(
            [pa.array([], pa.string())]
            + [
                _prefixed(name, keys.take(pa.array(ids[kind == n] - start)))
                for n, (start, keys, name) in enumerate(self.kinds)
            ]
        )
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return sorted_names.take(pa.array(place))


def _prefixed(name: str, keys: pa.ChunkedArray) -> pa.Array:
    keys = keys.combine_chunks()
    return pc.binary_join_element_wise(pa.scalar(f"{name}:"), keys, "").cast(pa.string())


def sources_of(encoded: Encoded, graph: GraphTables, private_items: Bools) -> Sources:
    """Raises GraphError where a behaviour table has no `eventId`: evidence could not be named."""
    kinds: list[tuple[int, pa.ChunkedArray, str]] = []
    citable = []
    start: dict[str, int] = {}
    size = 0
    for name, table in graph.behaviour.items():
        if "eventId" not in table.column_names:
            raise GraphError(f"{name}: no column 'eventId'; ask for it when the graph is exported")
        start[name] = size
        kinds.append((size, table["eventId"], name))
        citable.append(~private_items[table["dst"].to_numpy()])
        size += table.num_rows
    for name in graph.social:
        start[name] = size
        kinds.append((size, graph.users["userId"], name))
        citable.append(np.ones(graph.users.num_rows, np.bool_))
        size += graph.users.num_rows
    edges = [
        (
            hop.user,
            start["REVIEWED" if hop.kind == "text" else hop.kind]
            + (hop.other if hop.kind in graph.social else hop.edge),
            hop.coefficient,
            np.full(len(hop.user), n, np.int16),
            hop.other,
        )
        for n, hop in enumerate(encoded.hops)
    ]
    empty = (np.zeros(0, np.int64),) * 2 + (np.zeros(0, np.float32), np.zeros(0, np.int16))
    columns = [np.concatenate(c) for c in zip((*empty, np.zeros(0, np.int64)), *edges, strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    user, source, coefficient, hop, other = (c[order] for c in columns)
    return Sources(
        indptr=np.searchsorted(user, np.arange(len(encoded.user) + 1)),
        source=source,
        coefficient=coefficient,
        hop=hop,
        other=other,
        messages=tuple(h.message for h in encoded.hops),
        kinds=tuple(kinds),
        citable=np.concatenate(citable) if citable else np.zeros(0, np.bool_),
    )


def evidence_of(sources: Sources, user: Ints, target: Ints, directions: Floats) -> Evidence:
    """`user` [P] and `target` [P] name the claims; `directions` [T, d] is where each target's score
    points, so that user · direction is the score explained."""
    width = directions.shape[1]
    count = np.zeros(len(user), np.int64)
    share = np.zeros(len(user), np.float32)
    number = np.zeros(len(user), np.int64)
    cited, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for claims in _blocks(np.diff(sources.indptr)[user], max(1, CELLS_A_BLOCK // width)):
        claim, source, part = _parts(sources, user[claims], target[claims], directions)
        positive = (part > 0) & sources.citable[source]
        total = _sums(claim[part > 0], part[part > 0], len(claims))
        claim, source, part = claim[positive], source[positive], part[positive]
        order = np.lexsort((source, -part, claim))
        claim, source, part = claim[order], source[order], part[order]
        first = np.searchsorted(claim, np.arange(len(claims)))
        place = np.arange(len(claim)) - first[claim]
        strongest = part[first[claim]]
        count[claims] = np.bincount(claim[part >= NOTABLE * strongest], minlength=len(claims))
        top = place < CITED
        number[claims] = np.bincount(claim[top], minlength=len(claims))
        carried = _sums(claim[top], part[top], len(claims))
        share[claims] = np.divide(carried, total, out=np.zeros_like(total), where=total > 0)
        cited.append(source[top])
        parts.append(part[top])
    return Evidence(
        count=count,
        share=np.minimum(share, 1),
        indptr=np.concatenate([[0], np.cumsum(number)]),
        cited=np.concatenate(cited),
        part=np.concatenate(parts),
    )


def _blocks(cost: Ints, most: int) -> Iterator[Ints]:
    """Claims in order, in pieces of at most `most` edges (or of one claim)."""
    piece = np.cumsum(cost) // most
    for rows in np.split(np.arange(len(cost)), np.flatnonzero(np.diff(piece)) + 1):
        if len(rows):
            yield rows


def _parts(
    sources: Sources, user: Ints, target: Ints, directions: Floats
) -> tuple[Ints, Ints, Floats]:
    """Claim (counted from 0), source and part, one row for each source of each claim."""
    degree = np.diff(sources.indptr)[user]
    claim = np.repeat(np.arange(len(user)), degree)
    before = np.cumsum(degree) - degree
    edge = np.arange(len(claim)) - np.repeat(before - sources.indptr[user], degree)
    part = np.zeros(len(edge), np.float32)
    for n, message in enumerate(sources.messages):
        of_hop = np.flatnonzero(sources.hop[edge] == n)
        e = edge[of_hop]
        along = directions[target[claim[of_hop]]]
        dot = np.einsum("ed,ed->e", message[sources.other[e]], along)
        part[of_hop] = sources.coefficient[e] * dot
    source = sources.source[edge]
    new = np.ones(len(edge), np.bool_)
    new[1:] = (np.diff(claim) != 0) | (np.diff(source) != 0)
    group = np.cumsum(new) - 1
    return claim[new], source[new], _sums(group, part, int(new.sum())).astype(np.float32)


def _sums(group: Ints, values: Floats, n: int) -> NDArray[np.float64]:
    return np.bincount(group, values, minlength=n).astype(np.float64)  # of nothing: integers


def names_of(evidence: Evidence, sources: Sources) -> pa.ListArray:
    """[P] list of `kind:id`, strongest first."""
    offsets = pa.array(evidence.indptr.astype(np.int32))
    return pa.ListArray.from_arrays(offsets, sources.names(evidence.cited))
