"""The item side of a release, as arrays: what a single user's edges are read against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from gnn.encode import Snapshot
from gnn.goods import PLACE
from gnn.graph import Ints, Seen, rows_of
from gnn.inputs import Inputs, inputs, strings
from gnn.linear import LinearFilter
from gnn.model import Encoder
from gnn.score import Scorer
from gnn.tables import GraphTables, TextVectors
from gnn.train import Trained

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Catalogue:
    """Of I items and C categories, as they were published."""

    items: pa.Array
    """[I] itemId"""
    vector: Floats
    """[I, d] the item's side of the score"""
    bias: Floats
    """[I]"""
    users_of_item: Floats
    """[I]"""
    said: pa.Table
    """[I] title, brand and pricePlace"""
    categories: pa.Table
    """Derived ones included"""
    item_category: pa.Table
    category_parent: pa.Table
    linear: LinearFilter | None
    """None where the fused score does without"""
    users: pa.Array | None
    """[U] userId of each row of the filter's matrix"""

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def by_key(self) -> tuple[pl.Series, Ints]:
        """[I] itemIds in order, to be searched, and the row of each"""
        keys = pl.Series(self.items)
        if keys.is_sorted():
            return keys.set_sorted(), np.arange(len(keys))
        row = keys.arg_sort()
        return keys.gather(row).set_sorted(), row.to_numpy().astype(np.int64)


def catalogue_of(graph: GraphTables, scorer: Scorer) -> Catalogue:
    """As of the scorer's moment."""
    encoded, weights = scorer.encoded, scorer.fusion
    filtered = bool(weights.two_hop or weights.band or scorer.ranker or scorer.beside)
    return Catalogue(
        items=strings(graph.items["itemId"]),
        vector=encoded.item,
        bias=encoded.bias,
        users_of_item=scorer.moment.users_of_item.cpu().numpy(),
        said=_said(graph.items),
        categories=graph.categories,
        item_category=graph.item_category,
        category_parent=graph.category_parent,
        linear=scorer.blend.linear if filtered else None,
        users=strings(graph.users["userId"]) if filtered else None,
    )


def _said(items: pa.Table) -> pa.Table:
    """title, brand and pricePlace of items, null where they are not known."""
    types = {"title": pa.string(), "brand": pa.string(), PLACE: pa.float64()}
    return pa.table(
        {
            name: items[name].cast(kind) if name in items.column_names
            else pa.nulls(items.num_rows, kind)
            for name, kind in types.items()
        }
    )  # fmt: skip


def places_of(catalogue: Catalogue, items: pa.ChunkedArray) -> Ints:
    """[N] row of each item among the catalogue's; -1 for one that came later."""
    keys, row = catalogue.by_key
    asked = pl.Series(items.cast(pa.string()))
    if not len(keys):
        return np.full(len(asked), -1, np.int64)
    at = np.minimum(keys.search_sorted(asked).to_numpy(), len(keys) - 1).astype(np.int64)
    return np.where((keys[at] == asked).to_numpy(), row[at], -1)


def with_newcomers(
    catalogue: Catalogue,
    model: Encoder,
    graph: GraphTables,
    text: TextVectors | None,
    came: Ints,
) -> Catalogue:
    """The catalogue and, after its rows, the items of `graph` in the rows `came`, which are not in
    it, by their text and categories alone: nobody is known to have taken them up."""
    if not len(came):
        return catalogue
    n, old = len(came), len(catalogue)
    row_of = np.full(graph.items.num_rows, -1, np.int64)
    row_of[came] = np.arange(n)
    member_of = _members(graph, row_of, catalogue)
    alone = GraphTables(
        users=graph.users.slice(0, 0),
        items=graph.items.take(pa.array(came)),
        categories=catalogue.categories,
        behaviour={},
        social={},
        item_category=member_of,
        category_parent=catalogue.category_parent,
    )
    said = None if text is None or text.items is None else TextVectors(items=text.items[came])
    device = model.type_weight.device
    with torch.no_grad():
        known = inputs(alone, said, Seen(), model.known, device)
        states = model.items(torch.arange(n, device=device), known, None)
    vector = (model.scale * states).cpu().numpy()
    nobody = np.zeros(n, np.float32)
    shifted = member_of.set_column(
        0, "src", pa.array(member_of["src"].to_numpy() + old, pa.int64())
    )
    own = catalogue.item_category
    return replace(
        catalogue,
        items=pa.concat_arrays([catalogue.items, strings(alone.items["itemId"])]),
        vector=np.concatenate([catalogue.vector, vector]),
        bias=np.concatenate([catalogue.bias, nobody]),
        users_of_item=np.concatenate([catalogue.users_of_item, nobody]),
        said=pa.concat_tables([catalogue.said, _said(alone.items)]),
        item_category=pa.concat_tables([own, shifted.select(own.column_names).cast(own.schema)]),
        linear=None if catalogue.linear is None else _wider(catalogue.linear, n),
    )


def _members(graph: GraphTables, row_of: Ints, catalogue: Catalogue) -> pa.Table:
    """IN_CATEGORY of the items `row_of` keeps, to the catalogue's categories."""
    table = graph.item_category
    item = row_of[rows_of(table, "src", graph.items.num_rows, "IN_CATEGORY")]
    category_row = pc.index_in(
        graph.categories["categoryId"].cast(pa.string()),
        strings(catalogue.categories["categoryId"]),
    )
    place = np.asarray(pc.fill_null(category_row, -1).to_numpy(), np.int64)
    to = place[rows_of(table, "dst", len(place), "IN_CATEGORY")]
    keep = (item >= 0) & (to >= 0)
    ends = {"src": pa.array(item[keep], pa.int64()), "dst": pa.array(to[keep], pa.int64())}
    rest = table.filter(pa.array(keep)).drop_columns(["src", "dst"])
    return pa.table({**ends, **{c: rest[c] for c in rest.column_names}})


def _wider(linear: LinearFilter, n: int) -> LinearFilter:
    """With `n` items more that nobody took up."""
    users, items = linear.second_hop.shape
    first, second = linear.first_hop.copy(), linear.second_hop.copy()
    first.resize((items + n, users))
    second.resize((users, items + n))
    into, out = linear.into_band, linear.out_of_band
    return LinearFilter(
        first,
        second,
        np.concatenate([linear.users_of_item, np.zeros(n, np.float32)]),
        None if into is None else np.pad(into, ((0, n), (0, 0))),
        None if out is None else np.pad(out, ((0, 0), (0, n))),
    )


def on_catalogue(catalogue: Catalogue, graph: GraphTables, place: Ints) -> GraphTables:
    """Users, their edges and ties, with the catalogue's items and categories. `place` [N] is the
    catalogue's row of each item that `graph` has: but those its users touched."""
    behaviour = {}
    for kind, table in graph.behaviour.items():
        item = place[rows_of(table, "dst", len(place), kind)]
        at = table.schema.get_field_index("dst")
        behaviour[kind] = table.set_column(at, "dst", pa.array(item, pa.int64()))
    alone = items_alone(catalogue)
    return replace(
        graph,
        items=alone.items,
        categories=alone.categories,
        behaviour=behaviour,
        item_category=alone.item_category,
        category_parent=alone.category_parent,
    )


def items_alone(catalogue: Catalogue) -> GraphTables:
    """The catalogue's items and categories, and nobody."""
    return GraphTables(
        users=pa.table({"userId": pa.array([], pa.string())}),
        items=catalogue.said.add_column(0, "itemId", catalogue.items),
        categories=catalogue.categories,
        behaviour={},
        social={},
        item_category=catalogue.item_category,
        category_parent=catalogue.category_parent,
    )


def as_published(catalogue: Catalogue, model: Encoder) -> Snapshot:
    """What is known of the catalogue's items, which do not change."""
    device = model.type_weight.device
    users_of_item, prior, item = (
        torch.from_numpy(x).to(device)
        for x in (catalogue.users_of_item, catalogue.bias, catalogue.vector)
    )
    with torch.no_grad():
        states = item / model.scale
    return Snapshot(None, users_of_item, prior, reviews=None, states=states, item=item)


def scorer_on(
    catalogue: Catalogue, trained: Trained, known: Inputs, moment: Snapshot | None = None
) -> Scorer:
    """The model looking at some users, with the items as they were published: the moment, where it
    stands already."""
    moment = moment or as_published(catalogue, trained.model)
    linear = catalogue.linear or no_filter(len(catalogue))
    return Scorer(
        trained.model, known, moment, trained.fusion, 0, trained.seed, linear, trained.ranker,
        trained.beside,
    )  # fmt: skip


def no_filter(items: int) -> LinearFilter:
    """A filter nobody asks."""
    empty = sp.csr_matrix((0, items), dtype=np.float32)
    return LinearFilter(empty.T.tocsr(), empty, np.zeros(items, np.float32), None, None)
