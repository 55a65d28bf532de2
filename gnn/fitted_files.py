"""Calibrations, tone and derived categories ↔ files beside the model, without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from gnn.bg_nbd import BgNbd
from gnn.calibration import Calibration
from gnn.clusters import NONE, Clusters
from gnn.errors import ModelError
from gnn.fitted import Fitted
from gnn.sentiment import SentimentModel
from gnn.value import ValueModel

FILE, CLUSTERS, TONE = "fitted.json", "clusters.parquet", "tone.npy"
MODELS: dict[str, type[BaseModel]] = {
    "interest": Calibration, "item": Calibration, "churn": Calibration,
    "waiting": BgNbd, "value": ValueModel,
}  # fmt: skip
"""What saves itself."""


def save_fitted(fitted: Fitted, folder: Path, items: pa.ChunkedArray) -> None:
    """`items` are the ids [I] of the graph it was fitted on, so that another graph finds them."""
    state: dict[str, Any] = {
        "horizon_days": fitted.horizon_days,
        "repeats": fitted.repeats,
        "segments": fitted.segments,
        "grouping": fitted.grouping,
        "metrics": fitted.metrics,
        "clusters": None,
        "tone": None,
    }
    for name in MODELS:
        model = getattr(fitted, name)
        state[name] = None if model is None else model.model_dump(mode="json")
    if fitted.clusters is not None:
        of_item = pa.array(fitted.clusters.of_item, pa.int64())
        pq.write_table(pa.table({"itemId": items, "cluster": of_item}), folder / CLUSTERS)
        state["clusters"] = {"names": fitted.clusters.names, "by": fitted.clusters.by}
    if fitted.tone is not None:
        np.save(folder / TONE, fitted.tone.coefficient, allow_pickle=False)
        named = ("intercept", "auc", "held_out", "trained_on", "lexicon")
        state["tone"] = {name: getattr(fitted.tone, name) for name in named}
    (folder / FILE).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")


def load_fitted(folder: Path, items: pa.ChunkedArray) -> Fitted:
    """For a graph with these item ids [I]; items it does not know are in no cluster yet.

    Raises ModelError where the files are missing or not what `save_fitted` wrote."""
    try:
        state = json.loads((folder / FILE).read_text(encoding="utf-8"))
        models: dict[str, Any] = {
            name: None if state[name] is None else kind.model_validate(state[name])
            for name, kind in MODELS.items()
        }
        return Fitted(
            horizon_days=state["horizon_days"],
            repeats=state["repeats"],
            segments=state["segments"],
            grouping=state.get("grouping", "kmeans"),
            metrics=state["metrics"],
            clusters=_clusters(folder, state["clusters"], items),
            tone=_tone(folder, state["tone"]),
            **models,
        )
    except (OSError, ValueError, KeyError) as e:
        raise ModelError(f"{folder / FILE}: {e}; train a new release") from e


def _clusters(
    folder: Path, state: dict[str, Any] | None, items: pa.ChunkedArray
) -> Clusters | None:
    if state is None:
        return None
    table = pq.read_table(folder / CLUSTERS)
    row = pc.index_in(items, table["itemId"])
    of_item = pc.fill_null(table["cluster"].take(row), NONE)
    return Clusters(np.asarray(of_item.to_numpy(), np.int64), tuple(state["names"]), state["by"])


def _tone(folder: Path, state: dict[str, Any] | None) -> SentimentModel | None:
    if state is None:
        return None
    return SentimentModel(coefficient=np.load(folder / TONE, allow_pickle=False), **state)
