"""Graph tables and text at one moment → tensors on a device, in the rows a model knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
import torch
from torch import Tensor

from gnn.errors import GraphError, ModelError
from gnn.graph import Events, Ints, Seen, events, rows_of, ties, weights_of
from gnn.tables import GraphTables, TextVectors

DEEPEST = 32
"""Levels of categories above an item's own; more is a cycle."""


@dataclass(frozen=True)
class Vocabulary:
    """What a model has parameters for."""

    items: pa.Array
    categories: pa.Array
    relations: tuple[str, ...]
    """Behaviour types; an opinion type's low opinions are "TYPE:low"."""
    supports: tuple[bool, ...]
    """Whether each relation speaks for the item."""
    social: tuple[str, ...]
    item_text: int
    """Width of items' text vectors; 0 where there are none."""
    review_text: int

    @classmethod
    def of(cls, graph: GraphTables, text: TextVectors | None) -> Vocabulary:
        named = relation_names(events(graph))
        items, reviews = (None, None) if text is None else (text.items, text.reviews)
        return cls(
            strings(graph.items["itemId"]),
            strings(graph.categories["categoryId"]),
            tuple(n for n, _ in named),
            tuple(s for _, s in named),
            tuple(graph.social),
            0 if items is None else items.shape[1],
            0 if reviews is None or "REVIEWED" not in graph.behaviour else reviews.shape[1],
        )


def relation_names(flat: Events) -> list[tuple[str, bool]]:
    """("RATED", True), ("RATED:low", False), … by row of `Events.relations`."""
    out: list[tuple[str, bool]] = []
    for kind, supports in flat.relations:
        again = any(name == kind for name, _ in out)
        out.append((f"{kind}:low" if again else kind, supports))
    return out


def strings(ids: pa.ChunkedArray) -> pa.Array:
    """One array of ids, whatever string type they came in."""
    chunks = pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], pa.string())
    return chunks.cast(pa.string())


@dataclass(frozen=True)
class Friends:
    """One social type: `user` listens to `other`; sorted by user."""

    kind: str
    row: int
    """Its place in the vocabulary."""
    user: Tensor
    other: Tensor
    since: Tensor
    edge: Tensor


@dataclass(frozen=True)
class ItemRows:
    """I items by the rows of the model's tables."""

    id_row: Ints
    """[I] -1 for items it has never seen"""
    category_indptr: Ints
    """[I + 1]"""
    category: Ints
    category_weight: np.ndarray


def item_rows(graph: GraphTables, known: Vocabulary) -> ItemRows:
    """Raises GraphError where categories are nested in a circle."""
    return ItemRows(_index_in(graph.items["itemId"], known.items), *_memberships(graph, known))


EVENT_COLUMNS = ("user", "item", "at", "relation", "value", "positive", "review")


@dataclass(frozen=True)
class Inputs:
    """Tensors of one graph at one moment. Event columns [E] are sorted by user and time."""

    flat: Events
    """What may be seen and the model knows the type of."""
    now: int | None
    """Ages are counted from here; None without times."""
    user: Tensor
    item: Tensor
    at: Tensor
    relation: Tensor
    """Row of the vocabulary's relations."""
    value: Tensor
    positive: Tensor
    review: Tensor
    """[E] row of `review_text`; -1 where the event is no review with text."""
    indptr: Tensor
    """[U + 1]"""
    friends: tuple[Friends, ...]
    id_row: Tensor
    """[I] row of the model's item table; -1 for items it has never seen."""
    category_indptr: Tensor
    """[I + 1] an item's own categories and all above them, as rows of the model's table."""
    category: Tensor
    category_weight: Tensor
    item_text: Tensor | None
    """[I, t]"""
    review_text: Tensor | None
    """[R, t]"""

    def keeping(self, keep: np.ndarray) -> Inputs:
        """The same moment where only these events [E] are known."""
        flat = self.flat.where(keep)
        rows = torch.from_numpy(np.flatnonzero(keep)).to(self.device)
        indptr = np.searchsorted(flat.user, np.arange(flat.n_users + 1))
        return replace(
            self,
            flat=flat,
            indptr=torch.from_numpy(indptr).to(self.device),
            **{name: getattr(self, name)[rows] for name in EVENT_COLUMNS},
        )

    @property
    def n_users(self) -> int:
        return self.flat.n_users

    @property
    def n_items(self) -> int:
        return self.flat.n_items

    @property
    def device(self) -> torch.device:
        return self.user.device


def inputs(
    graph: GraphTables,
    text: TextVectors | None,
    seen: Seen,
    known: Vocabulary,
    device: torch.device,
    items: ItemRows | None = None,
) -> Inputs:
    """`items` are the graph's, where they stand already. Raises GraphError for tables that do not
    fit together, ModelError for text vectors of another width than the model learned from."""
    items = items or item_rows(graph, known)
    item_text, review_text = _text(graph, text, known)
    flat = events(graph)
    row_of = {name: k for k, name in enumerate(known.relations)}
    rows = np.array([row_of.get(name, -1) for name, _ in relation_names(flat)], np.int64)
    relation = rows[flat.relation] if len(flat) else flat.relation
    flat = flat.where(relation >= 0).seen(seen)
    relation = rows[flat.relation] if len(flat) else flat.relation

    def on(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    review = np.full(len(flat), -1, np.int64)
    if review_text is not None:
        has = np.abs(review_text).sum(1) > 0
        written = np.array([kind == "REVIEWED" for kind, _ in flat.relations])[flat.relation]
        at = np.flatnonzero(written)
        at = at[has[flat.edge[at]]]
        review[at] = flat.edge[at]
    friends = tuple(
        Friends(
            t.kind, known.social.index(t.kind), on(t.user), on(t.other), on(t.since), on(t.edge)
        )
        for t in ties(graph, seen)
        if t.kind in known.social
    )
    return Inputs(
        flat, moment(flat, seen), on(flat.user), on(flat.item), on(flat.at), on(relation),
        on(flat.value), on(flat.positive), on(review),
        on(np.searchsorted(flat.user, np.arange(flat.n_users + 1))),
        friends, on(items.id_row),
        on(items.category_indptr), on(items.category), on(items.category_weight),
        None if item_text is None else on(item_text.astype(np.float32)),
        None if review_text is None else on(review_text.astype(np.float32)),
    )  # fmt: skip


def moment(flat: Events, seen: Seen) -> int | None:
    """`seen.until`, or the second after the last event; None without times."""
    if seen.until is not None:
        return seen.until
    dated = flat.at[flat.dated]
    return int(dated.max()) + 1 if len(dated) else None


def _text(
    graph: GraphTables, text: TextVectors | None, known: Vocabulary
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Vectors the model can read; none where it learned without them."""
    if text is None:
        return None, None
    reviews = graph.behaviour.get("REVIEWED")
    found: list[np.ndarray | None] = []
    for name, array, rows, width in (
        ("items", text.items, graph.items.num_rows, known.item_text),
        ("reviews", text.reviews, 0 if reviews is None else reviews.num_rows, known.review_text),
    ):
        if array is None or not width:
            found.append(None)
            continue
        if len(array) != rows:
            raise GraphError(f"text of {name}: {len(array)} vectors for {rows} rows")
        if array.shape[1] != width:
            raise ModelError(
                f"text of {name} is {array.shape[1]} wide, the model learned from {width}: "
                "use the text encoder it was trained with, or train again"
            )
        if not np.isfinite(array).all():
            raise GraphError(f"text of {name}: a vector holds NaN or infinity")
        found.append(array)
    return found[0], found[1]


def _index_in(ids: pa.ChunkedArray, known: pa.Array) -> Ints:
    found = pc.index_in(ids.cast(pa.string()), known)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def _memberships(graph: GraphTables, known: Vocabulary) -> tuple[Ints, Ints, np.ndarray]:
    """CSR [I, C] of an item's categories (weights add up to 1) and, again adding up to 1, of each
    level above them; columns are the model's category rows."""
    n_items, n = graph.items.num_rows, graph.categories.num_rows
    table = graph.item_category
    item = rows_of(table, "src", n_items, "IN_CATEGORY")
    to = rows_of(table, "dst", n, "IN_CATEGORY")
    own = _mean(sp.csr_matrix((np.log2(1 + weights_of(table)), (item, to)), (n_items, n)))
    child = rows_of(graph.category_parent, "src", n, "CHILD_OF")
    parent = rows_of(graph.category_parent, "dst", n, "CHILD_OF")
    up = _mean(sp.csr_matrix((np.ones(len(child)), (child, parent)), (n, n)))
    total, level = own, own
    for _ in range(DEEPEST):
        level = level @ up
        if not level.nnz:
            break
        total = total + level
    else:
        raise GraphError("CHILD_OF: categories are nested in a circle, or over 32 levels deep")
    column_of = _index_in(graph.categories["categoryId"], known.categories)
    cells = total.tocoo()
    keep = column_of[cells.col] >= 0 if n else np.zeros(0, bool)
    row, col = cells.row[keep], column_of[cells.col[keep]] if n else cells.col[keep]
    shape = (n_items, len(known.categories))
    m = sp.csr_matrix((cells.data[keep], (row, col)), shape)
    m.sort_indices()
    return m.indptr.astype(np.int64), m.indices.astype(np.int64), m.data.astype(np.float32)


def _mean(m: sp.csr_matrix) -> sp.csr_matrix:
    m.sum_duplicates()
    total = np.asarray(m.sum(1)).ravel()
    return sp.csr_matrix(
        sp.diags(np.divide(1, total, out=np.zeros_like(total), where=total > 0)) @ m
    )
