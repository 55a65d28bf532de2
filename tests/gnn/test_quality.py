"""What is chosen on validation before training: how fast popularity fades."""

import numpy as np

from gnn.config import TrainConfig
from gnn.graph import events
from gnn.quality import Trial, choose_half_life
from gnn.split import Part, split
from tests.gnn.planted import DAY, acts, tables

USERS, ITEMS, DAYS = 2000, 200, 1000


def chosen(fashion, seed=0):
    """Each user takes up five items on five days; `fashion(day)` is where popular items start."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, DAYS, 5 * USERS)
    item = (fashion(day) + rng.geometric(0.1, len(day))) % ITEMS
    graph = tables(USERS, ITEMS, {"VIEWED": acts(np.repeat(np.arange(USERS), 5), item, day * DAY)})
    trial = Trial.of(events(graph), split(graph, TrainConfig(), seed=0), Part.VALIDATION)
    return choose_half_life(trial, trial.task("new items", 2000, 0))


def test_where_fashion_changes_popularity_fades():
    """What is popular moves on by an item in twenty days: the shortest is chosen."""
    assert chosen(lambda day: day // 20) == 30


def test_where_taste_stays_all_events_count_alike():
    """Fading would only throw events away."""
    assert chosen(lambda day: 0 * day) is None
