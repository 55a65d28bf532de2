"""What was fitted ↔ files beside the model."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.calibration import Calibration
from gnn.clusters import NONE, Clusters
from gnn.errors import ModelError
from gnn.fitted import Fitted
from gnn.fitted_files import load_fitted, save_fitted
from gnn.sentiment import SentimentModel

ITEMS = pa.chunked_array([["a", "b", "c"]])
FITTED = Fitted(
    horizon_days=30,
    interest=Calibration(
        features=("x",), mean=(1.0,), scale=(2.0,), coefficient=(3.0,), intercept=-1.0,
        curve_from=(0.0, 1.0), curve_to=(0.5, 1.5),
    ),
    item=None,
    churn=None,
    tone=SentimentModel(np.array([0.5, -0.5], np.float32), 0.1, 0.9, 40, 200),
    repeats=True,
    clusters=Clusters(np.array([1, 0, NONE]), ("guitar", "drum"), "text"),
    metrics={"unavailable": {"item": "why"}},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    save_fitted(FITTED, tmp_path, ITEMS)
    return tmp_path


def test_what_is_saved_is_loaded(folder):
    """Calibrations, tone, clusters and figures come back."""
    again = load_fitted(folder, ITEMS)
    assert again.interest == FITTED.interest
    assert (again.item, again.churn, again.repeats, again.horizon_days) == (None, None, True, 30)
    assert again.tone.coefficient.tolist() == [0.5, -0.5]
    assert again.clusters.names == FITTED.clusters.names
    assert again.metrics == FITTED.metrics


def test_clusters_follow_the_ids(folder):
    """Another graph has its items in another order, and new ones among them."""
    clusters = load_fitted(folder, pa.chunked_array([["new", "b", "a"]])).clusters
    assert clusters.of_item.tolist() == [NONE, 0, 1]


def test_a_broken_file_is_told(folder):
    """One clear line that says what to do."""
    (folder / "fitted.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="train a new release"):
        load_fitted(folder, ITEMS)
