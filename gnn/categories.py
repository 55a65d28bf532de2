"""Category tables → who belongs where, ancestors included, with sensitive categories taken out."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.lookup import Lookup
from gnn.tables import GraphTables

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Categories:
    """The categories that may be scored. C counts all rows of the category table; a sensitive one
    keeps its row and has no members."""

    ids: pa.Array
    """[C] categoryId"""
    names: pa.Array
    """[C] name, or the id where there is none"""
    direct: sp.csr_array
    """[I, C] float32, 1 where the source puts an item in a category itself"""
    members: sp.csr_array
    """[I, C] float32, 1 where the item is in the category or in a narrower one. An item of a
    sensitive category is in none: what it says must not show in a broader one."""
    narrower: sp.csr_array
    """[C, C] bool: row c has a 1 for every category under c, at any depth."""
    allowed: Bools
    """[C] not sensitive and not empty"""
    private_items: Bools
    """[I] items of a sensitive category: never shown as an interest or as evidence."""
    unknown: tuple[str, ...] = ()
    """Sensitive ids that no category has."""

    def __len__(self) -> int:
        return len(self.ids)

    def has(self, item: Ints, category: Ints) -> Bools:
        """[N] whether the item is in the category, or in a narrower one."""
        return self._entries(item, category) > 0

    @cached_property
    def _entries(self) -> Lookup:
        return Lookup(self.members)

    @cached_property
    def share(self) -> sp.csr_array:
        """[I, C] the narrowest categories of each item as equal parts of 1; none for private
        items."""
        broader = (self.direct @ self.narrower.astype(np.float32).T) > 0
        narrowest = (self.direct - self.direct.multiply(broader)).tocsr()
        shown = sp.diags_array((~self.private_items).astype(np.float32))
        narrowest = (shown @ narrowest).tocsr()
        narrowest.eliminate_zeros()
        number = np.diff(narrowest.indptr)
        each = np.repeat(1 / np.maximum(number, 1), number).astype(np.float64)
        return sp.csr_array((each, narrowest.indices, narrowest.indptr), narrowest.shape)


def categories_of(graph: GraphTables, sensitive: Set[str] = frozenset()) -> Categories:
    """Everything under a sensitive category is sensitive too."""
    n = graph.categories.num_rows
    ids = graph.categories["categoryId"].combine_chunks()
    up = _closure(_pairs(graph.category_parent, (n, n)))
    said = pc.is_in(ids, pa.array(sorted(sensitive), pa.string())).to_numpy(zero_copy_only=False)
    blocked = (up @ said.astype(np.float32)) > 0
    direct = _pairs(graph.item_category, (graph.items.num_rows, n))
    members = (direct @ up).tocsr()
    private_items = (members @ blocked.astype(np.float32)) > 0
    shown = sp.diags_array((~private_items).astype(np.float32))
    members = (shown @ members).tocsr()
    members.eliminate_zeros()
    members.data[:] = 1
    narrower = sp.csr_array(up.T)
    narrower.setdiag(0)
    narrower.eliminate_zeros()
    return Categories(
        ids=ids,
        names=_names(graph.categories),
        direct=direct,
        members=members,
        narrower=narrower.astype(np.bool_),
        allowed=np.asarray(members.sum(axis=0)).ravel() > 0,
        private_items=private_items,
        unknown=tuple(sorted(set(sensitive) - set(ids.to_pylist()))),
    )


def _pairs(edges: pa.Table, shape: tuple[int, int]) -> sp.csr_array:
    ends = (edges["src"].to_numpy(), edges["dst"].to_numpy())
    pairs = sp.coo_array((np.ones(edges.num_rows, np.float32), ends), shape).tocsr()
    pairs.data[:] = 1
    return pairs


def _closure(parents: sp.csr_array) -> sp.csr_array:
    """[C, C]: row c has a 1 for c itself and for everything above it. A cycle makes its members
    each other's ancestors."""
    reach = (parents + sp.eye_array(parents.shape[0], dtype=np.float32)).tocsr()
    size = -1
    while reach.nnz != size:
        size = reach.nnz
        reach = (reach @ reach).tocsr()
        reach.data[:] = 1
    return reach


def _names(categories: pa.Table) -> pa.Array:
    ids = categories["categoryId"].combine_chunks()
    if "name" not in categories.column_names:
        return ids
    return pc.coalesce(categories["name"].combine_chunks(), ids)


def parents_at_least_children(
    scores: NDArray[np.float32], categories: Categories
) -> NDArray[np.float32]:
    """[B, C] scores in which a broader category is at least as likely as each narrower one.

    An event in the narrower one is an event in the broader one, so the broader one is raised."""
    if categories.narrower.nnz == 0:
        return scores
    under = categories.narrower
    broad = np.flatnonzero(np.diff(under.indptr))
    best = np.maximum.reduceat(scores[:, under.indices], under.indptr[broad], axis=1)
    raised = scores.copy()
    raised[:, broad] = np.maximum(scores[:, broad], best)
    return raised
