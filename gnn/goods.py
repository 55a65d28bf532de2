"""Items' brands and prices → each item's place among the prices of its category, and the users'
leaning towards cheap or dear things and towards brands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.attributes import where_known
from gnn.features import counts
from gnn.graph import Events
from gnn.orders import doubles, lines_of, ratio
from gnn.pairs import distinct
from gnn.tables import GraphTables

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

PLACE = "pricePlace"
"""Column of the item table: 0 the cheapest of the category to 1 the dearest; null where unknown."""
FEWEST_PRICES = 5
"""Priced items a category must have for a place in it to mean something."""
FEWEST_CHOICES = 3
BANDS = ("low", "middle", "high")
BRANDS = 3
FEWEST_OF_A_BRAND = 2


def with_price_places(graph: GraphTables, share: sp.csr_array, at: int | None) -> GraphTables:
    """The graph whose items say where their price stands; the list price, or where there is none
    the median of what was paid before `at`. `share` [I, C] are the items' categories."""
    place = _places(_prices(graph, at), share)
    column = pa.array(place, pa.float64(), from_pandas=True)
    return replace(graph, items=graph.items.append_column(PLACE, column))


def _prices(graph: GraphTables, at: int | None) -> Doubles:
    listed = doubles(graph.items, "price", np.nan)
    lines = lines_of(graph, at)
    if lines is None:
        return listed
    paid = np.isfinite(lines.price)
    found = median_of(lines.item[paid], lines.price[paid], len(listed))
    return np.where(np.isfinite(listed), listed, found)


def median_of(group: Ints, value: Doubles, n: int) -> Doubles:
    """[n] median of each group's values; NaN for groups without."""
    order = np.lexsort((value, group))
    group, value = group[order], value[order]
    number = np.bincount(group, minlength=n)
    first = np.cumsum(number) - number
    there = np.flatnonzero(number)
    middle = np.full(n, np.nan)
    low = first[there] + (number[there] - 1) // 2
    middle[there] = (value[low] + value[first[there] + number[there] // 2]) / 2
    return middle


def _places(price: Doubles, share: sp.csr_array) -> Doubles:
    """[I] mean over the item's categories of the share of their priced items that cost less, those
    of the same price counting half."""
    pairs = share.tocoo()
    item, category = (np.asarray(c, np.int64) for c in pairs.coords)
    priced = np.isfinite(price[item])
    item, category = item[priced], category[priced]
    cost = np.unique(price[item], return_inverse=True)[1]
    wide = np.int64(cost.max(initial=0) + 1)
    steps, step_of, size = np.unique(
        category * wide + cost, return_inverse=True, return_counts=True
    )
    total = np.bincount(category, minlength=share.shape[1])
    first = np.searchsorted(steps, (steps // wide) * wide)
    below = (np.cumsum(size) - size) - (np.cumsum(size) - size)[first]
    place = (below + size / 2)[step_of] / total[category]
    enough = total[category] >= FEWEST_PRICES
    number = np.bincount(item[enough], minlength=len(price))
    return ratio(np.bincount(item[enough], place[enough], len(price)), number)


def price_band(liked: Events, items: pa.Table) -> Texts:
    """[U] the third of its category in which the price of the user's middle choice stands, by
    distinct items; None below FEWEST_CHOICES of them."""
    place = doubles(items, PLACE, np.nan)
    user, item = distinct(liked.user, liked.item)
    user, item = user[np.isfinite(place[item])], item[np.isfinite(place[item])]
    middle = median_of(user, place[item], liked.n_users)
    band = np.minimum(np.nan_to_num(middle) * len(BANDS), len(BANDS) - 1).astype(np.int64)
    enough = np.bincount(user, minlength=liked.n_users) >= FEWEST_CHOICES
    return where_known(np.array(BANDS, object)[band], enough)


def brand_affinity(liked: Events, items: pa.Table, popularity: Floats) -> Texts:
    """[U] up to three brands that the user chose twice or more, and more often than others do, the
    one that stands out most first; None where there is none.

    `popularity` [I] is each item's share of everyone's events. A brand stands out by n log(own
    share / everyone's share), its part of the likelihood ratio (Dunning 1993).
    """
    brand, names = _brands(items)
    n_brands = len(names)
    if not n_brands:
        return np.full(liked.n_users, None, object)
    known = np.flatnonzero(brand >= 0)
    everyone = np.bincount(brand[known], popularity[known].astype(np.float64), n_brands)
    everyone = np.maximum(everyone / max(everyone.sum(), 1e-12), 1e-9)
    of = sp.csr_array(
        (np.ones(len(known)), (known, brand[known])), (len(brand), n_brands), dtype=np.float64
    )
    own = (counts(liked) @ of).tocoo()
    user, which = (np.asarray(c, np.int64) for c in own.coords)
    total = np.bincount(user, own.data, liked.n_users)
    stands_out = own.data * np.log(own.data / total[user] / everyone[which])
    keep = (own.data >= FEWEST_OF_A_BRAND) & (stands_out > 0)
    return leading(user[keep], which[keep], stands_out[keep], names, liked.n_users, BRANDS)


def _brands(items: pa.Table) -> tuple[Ints, pa.Array]:
    """[I] brand of each item, -1 for none; and the brands' names in their own order."""
    if "brand" not in items.column_names:
        return np.full(items.num_rows, -1), pa.array([], pa.string())
    said = pc.utf8_trim_whitespace(items["brand"].cast(pa.string())).combine_chunks()
    names = pc.unique(said.filter(pc.greater(pc.utf8_length(said), 0)))
    names = names.take(pc.sort_indices(names))
    brand = pc.fill_null(pc.index_in(said, names), -1)
    return np.asarray(brand.to_numpy(), np.int64), names


def leading(
    user: Ints,
    which: Ints,
    strength: NDArray[np.floating],
    names: pa.Array,
    n_users: int,
    most: int,
) -> Texts:
    """[U] the names of each user's strongest `most` rows, joined by ", "; None for no rows."""
    order = np.lexsort((which, -strength, user))
    user, which = user[order], which[order]
    turn = np.arange(len(user)) - np.searchsorted(user, user)
    user, which = user[turn < most], which[turn < most]
    ends = np.searchsorted(user, np.arange(n_users + 1)).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(ends), names.take(pa.array(which)).cast(pa.string()))
    joined = np.asarray(pc.binary_join(lists, ", ").to_numpy(zero_copy_only=False), object)
    return where_known(joined, np.diff(ends) > 0)
