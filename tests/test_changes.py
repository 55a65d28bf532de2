"""What a publish has to write: the rows that differ from those that are live."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg.changes import changes, keeping_versions

VECTOR = pa.list_(pa.float32(), 2)


def profiles(**columns: list[Any]) -> pa.Table:
    types = {"embedding": VECTOR, "frequency": pa.int64(), "staleSince": pa.int64()}
    return pa.table({n: pa.array(v, types.get(n, pa.string())) for n, v in columns.items()})


OLD = profiles(
    userId=["ann", "bob", "cem", "dee"],
    embedding=[[1, 0], [0, 1], None, [0.5, 0.5]],
    frequency=[1, 2, None, 4],
    staleSince=[None, None, None, 9],
    modelVersion=["v1", "v1", "v1", None],
)


def with_(column: str, values: list[Any], of: pa.Table = OLD) -> pa.Table:
    at = of.schema.get_field_index(column)
    return of.set_column(at, column, pa.array(values, of.schema.field(at).type))


def test_the_same_rows_are_no_change() -> None:
    """Another version alone is none."""
    found = changes(OLD, with_("modelVersion", ["v2", "v2", "v2", None]), ["userId"])
    assert (len(found.created), len(found.changed), len(found.gone)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("frequency", [1, 3, None, 4]),
        ("frequency", [1, None, None, 4]),
        ("embedding", [[1, 0], [0, np.nextafter(np.float32(1), 2, dtype=np.float32)], None,
                       [0.5, 0.5]]),
        ("embedding", [[1, 0], None, None, [0.5, 0.5]]),
        ("modelVersion", ["v2", None, "v2", None]),
    ],
)  # fmt: skip
def test_one_other_value_is_a_change(column: str, values: list[Any]) -> None:
    """A number, a value where there was none, the last bit of a vector, a version taken away."""
    found = changes(OLD, with_(column, values), ["userId"])
    assert (found.changed.tolist(), found.columns()) == ([1], [column])


def test_rows_come_and_go() -> None:
    """By their keys, in whatever order."""
    new = OLD.take(pa.array([2, 0]))
    came = profiles(
        userId=["eva"],
        embedding=[[1, 1]],
        frequency=[1],
        staleSince=[None],
        modelVersion=["v2"],
    )
    found = changes(OLD, pa.concat_tables([came, new]), ["userId"])
    assert (found.created.tolist(), found.at.tolist(), found.gone.tolist()) == (
        [0],
        [-1, 2, 0],
        [1, 3],
    )
    assert len(found.changed) == 0


def test_a_vector_of_another_width_is_another() -> None:
    """After a training with more dimensions."""
    wide = pa.array([[1, 0, 0], None, None, None], pa.list_(pa.float32(), 3))
    new = OLD.set_column(1, "embedding", wide)
    assert changes(OLD, new, ["userId"]).changed.tolist() == [0, 1, 3]


def test_a_slice_compares_as_its_rows() -> None:
    """Tables are often parts of larger ones."""
    assert len(changes(OLD.slice(1, 2), OLD.slice(1, 2), ["userId"]).changed) == 0
    assert changes(OLD.slice(0, 2), OLD.slice(1, 2), ["userId"]).at.tolist() == [1, -1]


def test_lists_compare_by_what_is_in_them() -> None:
    """Evidence in another order is other evidence."""
    key = {"src": ["ann", "bob"], "dst": ["tea", "tea"]}
    old = pa.table({**key, "topEvidence": [["a", "b"], ["a"]]})
    new = pa.table({**key, "topEvidence": [["b", "a"], ["a"]]})
    assert changes(old, new, ["src", "dst"]).changed.tolist() == [0]


def test_a_row_that_stays_keeps_its_version() -> None:
    """Also where a mark is taken from it; one that changes has the new one."""
    new = with_("modelVersion", ["v2", "v2", "v2", "v2"], with_("frequency", [1, 2, 3, 4]))
    old = with_("modelVersion", ["v1", "v1", "v1", "v1"], with_("staleSince", [7, None, None, 9]))
    found = changes(old, new, ["userId"])
    assert found.changed.tolist() == [0, 2]
    assert keeping_versions(old, new, found)["modelVersion"].to_pylist() == ["v1", "v1", "v2", "v1"]


def test_nothing_against_nothing() -> None:
    """Empty tables compare too."""
    none = OLD.slice(0, 0)
    assert changes(none, OLD, ["userId"]).created.tolist() == [0, 1, 2, 3]
    assert changes(OLD, none, ["userId"]).gone.tolist() == [0, 1, 2, 3]
    assert changes(none, none, ["userId"]).columns() == []
