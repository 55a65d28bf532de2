"""Which events are for training, choosing and judging; and that nothing is seen before its time."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from gnn.config import TrainConfig
from gnn.errors import GraphError
from gnn.graph import events
from gnn.split import Part, split
from tests.gnn.boards import checkerboard, communities
from tests.gnn.planted import DAY, acts, tables

CONFIG = TrainConfig()


def dated(at, **more):
    at = list(at)
    user, item = np.arange(len(at)) % 2, np.arange(len(at)) % 3
    return tables(2, 3, {"VIEWED": acts(user, item, at, **more)})


def test_the_last_tenth_in_time_is_the_test():
    """And the tenth before it is for choosing."""
    parts = split(dated(range(100)), CONFIG, seed=0)
    assert parts.kind == "temporal"
    assert (parts.train_until, parts.val_until) == (80, 90)
    assert np.bincount(parts.part["VIEWED"]).tolist() == [80, 10, 10]


def test_one_moment_is_in_one_part():
    """Equal times are never divided, whatever the shares say."""
    parts = split(dated([1] * 50 + [2] * 25 + [3] * 25), TrainConfig(validation=0.3), seed=0)
    assert [set(parts.part["VIEWED"][s].tolist()) for s in (slice(0, 50), slice(50, 75))] == [
        {Part.TRAIN},
        {Part.VALIDATION},
    ]


def test_cuts_follow_the_positives():
    """Views of items that were returned later do not move them."""
    graph = dated(range(100))
    more = replace(
        graph, behaviour={**graph.behaviour, "RETURNED": acts([0] * 900, [0] * 900, [99] * 900)}
    )
    assert split(more, CONFIG, seed=0).train_until == split(graph, CONFIG, seed=0).train_until


def test_rows_without_a_time_belong_to_no_part():
    """Where the split is by time."""
    parts = split(dated([*range(99), None]), CONFIG, seed=0)
    assert parts.part["VIEWED"][-1] == Part.UNDATED


@pytest.mark.parametrize(("undated", "kind"), [(9, "temporal"), (11, "random")])
def test_auto_splits_by_time_where_nine_in_ten_have_one(undated, kind):
    """Else at random."""
    graph = dated([*range(100 - undated), *[None] * undated])
    assert split(graph, CONFIG, seed=0).kind == kind


def test_a_split_by_time_needs_times():
    """And says so."""
    with pytest.raises(GraphError, match="needs positive events with times; there are 0"):
        split(checkerboard(6), TrainConfig(split="temporal"), seed=0)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_little_to_split_is_an_error(rows):
    """It says how much there is, and what to do."""
    with pytest.raises(GraphError, match=f"{rows} positive events cannot .*load more data"):
        split(tables(2, 3, {"VIEWED": acts([0] * rows, range(rows))}), CONFIG, seed=0)


def test_a_random_split_keeps_a_pair_together():
    """A view would give the purchase away."""
    user, item = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    graph = tables(20, 10, {"VIEWED": acts(user, item), "PURCHASED": acts(user, item)})
    parts = split(graph, CONFIG, seed=0)
    assert np.array_equal(parts.part["VIEWED"], parts.part["PURCHASED"])


def test_a_random_split_is_eight_to_one_to_one():
    """Of each user's items."""
    parts = split(checkerboard(), CONFIG, seed=0)
    counts = np.bincount(parts.part["VIEWED"])
    assert counts / counts.sum() == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_everyone_keeps_something_to_train_on():
    """Users with one item too."""
    graph = tables(
        60, 3, {"VIEWED": acts([*range(50), *[50] * 3, *[51] * 3], [0] * 50 + [0, 1, 2] * 2)}
    )
    parts = split(graph, TrainConfig(validation=0.3, test=0.3), seed=0)
    train = parts.part["VIEWED"] == Part.TRAIN
    assert set(graph.behaviour["VIEWED"]["src"].to_numpy()[train]) == set(range(52))


def test_the_seed_decides_a_random_split():
    """The same seed the same, another another."""
    first, again, other = (split(checkerboard(), CONFIG, seed=s).part["VIEWED"] for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("at", [True, False])
def test_before_a_part_only_earlier_parts_are_seen(at):
    """With times and without."""
    graph = communities(at=at)
    parts = split(graph, CONFIG, seed=0)
    for part in (Part.VALIDATION, Part.TEST):
        seen = events(graph).seen(parts.before(part))
        assert len(seen) == int((parts.part["PURCHASED"] < part).sum())
        assert (seen.of_type(parts.part, Part.UNDATED) < part).all()


def test_undated_rows_are_never_seen_beside_dated_ones():
    """Before the test of a split by time."""
    graph = dated([*range(99), None])
    parts = split(graph, CONFIG, seed=0)
    assert events(graph).seen(parts.before(Part.TEST)).dated.all()


def test_nothing_at_or_after_the_cut_is_seen():
    """To the second."""
    graph = communities()
    parts = split(graph, CONFIG, seed=0)
    assert parts.val_until is not None
    assert events(graph).seen(parts.before(Part.TEST)).at.max() < parts.val_until
    assert parts.val_until % DAY == 0
    assert pa.compute.sum(
        pa.compute.equal(graph.behaviour["PURCHASED"]["at"], parts.val_until)
    ).as_py()
