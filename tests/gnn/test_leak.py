"""Where held-out events stand in the ranking, beside those the model saw."""

from types import SimpleNamespace

import numpy as np
import torch

from gnn.config import TrainConfig
from gnn.graph import events
from gnn.leak import places
from gnn.quality import Trial
from gnn.split import Part, split
from tests.gnn.planted import DAY, acts, tables


def placed(liked):
    """Ten users; each takes up items 0 and 1 early and 2 late, of five. `liked` [5] is scored."""
    user = np.tile(np.arange(10), 3)
    item, day = np.repeat([0, 1, 2], 10), np.repeat([0, 1, 900], 10) + user / 100
    graph = tables(10, 5, {"VIEWED": acts(user, item, (day * DAY).astype(np.int64))})
    trial = Trial.of(events(graph), split(graph, TrainConfig(), seed=0), Part.TEST)
    scores = torch.tensor(liked, dtype=torch.float32)
    scorer = SimpleNamespace(encoder_scores=lambda users: scores.repeat(len(users), 1), seed=0)
    return places(scorer, trial, trial.task("new items", 100, 0))


def test_a_model_that_learned_has_what_it_saw_on_top():
    """Above three and four of the four other items; what is to come in the middle."""
    assert placed([5, 4, 3, 2, 1]) == {"seen": 0.875, "held_out": 0.5, "error": 0.0}


def test_a_model_that_knows_the_future_is_shown_by_it():
    """What is held out stands above what was seen."""
    found = placed([2, 3, 5, 1, 0])
    assert found["held_out"] > found["seen"]
