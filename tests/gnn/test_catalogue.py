"""Where a few items stand in a release's catalogue."""

from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest

from gnn.catalogue import Catalogue, places_of


def catalogue(*items: str) -> Catalogue:
    of = {f.name: None for f in fields(Catalogue)}
    return Catalogue(**of | {"items": pa.array(items, pa.string())})


@pytest.mark.parametrize("order", [["a", "b", "c", "é"], ["c", "é", "a", "b"]])
def test_items_are_found_in_any_order(order):
    """As the catalogue has them, in byte order or not; what came later is nowhere."""
    found = places_of(catalogue(*order), pa.chunked_array([["é", "aa"], ["a", "zz", ""]]))
    assert found.tolist() == [order.index("é"), -1, order.index("a"), -1, -1]
    assert found.dtype == np.int64


def test_nothing_is_found_in_nothing():
    """No items asked for, or none there."""
    assert places_of(catalogue(), pa.chunked_array([["a"]])).tolist() == [-1]
    assert places_of(catalogue("a"), pa.chunked_array([pa.array([], pa.string())])).tolist() == []
