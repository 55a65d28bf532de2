"""Claims about users and their edges → the edges that carry each claim.

A user's vector is a plain sum over the user's edges (`gnn.encoded`), so in a score that is linear
in the vector each edge has an exact part: coefficient x message · direction. What else a score
takes from single edges (`gnn.history`) is added to them. Parts may be negative; shares are of the
positive ones, since what speaks against a claim is no evidence for it.
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
    """[P + 1] claim p cites `cited[indptr[p]:indptr[p + 1]]`, the CITED strongest of those counted,
    strongest first"""
    cited: Ints
    """ids of `Sources.names`"""
    part: Floats
    """of the score, by each cited edge"""

    @classmethod
    def none(cls) -> Evidence:
        rows = np.zeros(0, np.int64)
        return cls(rows, rows.astype(np.float32), np.zeros(1, np.int64), rows, rows.astype("f4"))

    def where(self, keep: Bools) -> Evidence:
        """Of some of the claims."""
        number = np.diff(self.indptr)
        cited = np.repeat(keep, number)
        indptr = np.concatenate([[0], np.cumsum(number[keep])])
        return Evidence(
            self.count[keep], self.share[keep], indptr, self.cited[cited], self.part[cited]
        )


@dataclass(frozen=True)
class Parts:
    """What edges add to claims: columns of one length."""

    claim: Ints
    source: Ints
    """ids of `Sources`"""
    part: Floats

    @classmethod
    def none(cls) -> Parts:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            np.concatenate([self.claim, other.claim]),
            np.concatenate([self.source, other.source]),
            np.concatenate([self.part, other.part]),
        )

    def of(self, claims: Ints) -> Parts:
        """Those of a range of claims, counted from its start. Claims must be in order."""
        at = slice(*np.searchsorted(self.claim, [claims[0], claims[-1] + 1]))
        return Parts(self.claim[at] - claims[0], self.source[at], self.part[at])

    def in_order(self) -> Parts:
        """By claim and source, with the parts of one source added up."""
        order = np.lexsort((self.source, self.claim))
        claim, source, part = self.claim[order], self.source[order], self.part[order]
        new = np.ones(len(claim), np.bool_)
        new[1:] = (np.diff(claim) != 0) | (np.diff(source) != 0)
        total = _sums(np.cumsum(new) - 1, part, int(new.sum()))
        return Parts(claim[new], source[new], total.astype(np.float32))


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
    start: dict[str, int]
    """First source id of each kind; an event's is `start + row`, a friend's `start + user`."""
    citable: Bools
    """[S] not about a private item"""

    def kind_of(self, ids: Ints) -> Ints:
        """Row of `kinds` of each source."""
        starts = np.array([start for start, _, _ in self.kinds], np.int64)
        return np.searchsorted(starts, ids, side="right") - 1

    def names(self, ids: Ints) -> pa.Array:
        """`kind:id` of each source."""
        kind = self.kind_of(ids)
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
        start=start,
        citable=np.concatenate(citable) if citable else np.zeros(0, np.bool_),
    )


def evidence_of(
    sources: Sources,
    user: Ints,
    target: Ints,
    directions: Floats,
    *,
    weight: Floats | None = None,
    more: Parts | None = None,
) -> Evidence:
    """`user` [P] and `target` [P] name the claims; `directions` [T, d] is where each target's score
    points: `weight` (default 1) x user · direction is the part of the score that the vectors
    explain, and `more` (in order of claims) what comes beside them."""
    weight = np.ones(len(user), np.float32) if weight is None else weight
    more = Parts.none() if more is None else more
    count = np.zeros(len(user), np.int64)
    share = np.zeros(len(user), np.float32)
    number = np.zeros(len(user), np.int64)
    cited, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    cost = np.diff(sources.indptr)[user]
    for claims in blocks(cost, max(1, CELLS_A_BLOCK // directions.shape[1])):
        exact = _exact(sources, user[claims], target[claims], directions, weight[claims])
        every = (exact + more.of(claims)).in_order()
        claim, source, part = every.claim, every.source, every.part
        total = _sums(claim[part > 0], part[part > 0], len(claims))
        positive = (part > 0) & sources.citable[source]
        claim, source, part = claim[positive], source[positive], part[positive]
        order = np.lexsort((source, -part, claim))
        claim, source, part = claim[order], source[order], part[order]
        first = np.searchsorted(claim, np.arange(len(claims)))
        notable = part >= NOTABLE * part[first[claim]]
        count[claims] = np.bincount(claim[notable], minlength=len(claims))
        top = notable & (np.arange(len(claim)) - first[claim] < CITED)
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


def blocks(cost: Ints, most: int) -> Iterator[Ints]:
    """Claims in order, in pieces of at most `most` edges (or of one claim)."""
    piece = np.cumsum(cost) // most
    for rows in np.split(np.arange(len(cost)), np.flatnonzero(np.diff(piece)) + 1):
        if len(rows):
            yield rows


def _exact(sources: Sources, user: Ints, target: Ints, directions: Floats, weight: Floats) -> Parts:
    """What the vectors take from each edge, claims counted from 0."""
    claim, edge = spread(user, sources.indptr)
    part = np.zeros(len(edge), np.float32)
    for n, message in enumerate(sources.messages):
        of_hop = np.flatnonzero(sources.hop[edge] == n)
        e, c = edge[of_hop], claim[of_hop]
        dot = np.einsum("ed,ed->e", message[sources.other[e]], directions[target[c]])
        part[of_hop] = weight[c] * sources.coefficient[e] * dot
    return Parts(claim, sources.source[edge], part)


def spread(user: Ints, indptr: Ints) -> tuple[Ints, Ints]:
    """Every row of every user: which of `user` it is for, and the row. User u has rows
    `indptr[u]:indptr[u + 1]`."""
    degree = np.diff(indptr)[user]
    claim = np.repeat(np.arange(len(user)), degree)
    first = np.cumsum(degree) - degree
    return claim, np.arange(len(claim)) - np.repeat(first - indptr[user], degree)


def _sums(group: Ints, values: Floats, n: int) -> NDArray[np.float64]:
    return np.bincount(group, values, minlength=n).astype(np.float64)  # of nothing: integers


def names_of(evidence: Evidence, sources: Sources) -> pa.ListArray:
    """[P] list of `kind:id`, strongest first."""
    offsets = pa.array(evidence.indptr.astype(np.int32))
    return pa.ListArray.from_arrays(offsets, sources.names(evidence.cited))
