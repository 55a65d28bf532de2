"""The last release → what the next one's weights begin from, and how alike the two then are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.audit import acts
from kg.config import settings
from kg.errors import ConfigError
from kg.publish import live_version
from kg.release_diff import CATEGORIES, top_jaccard
from kg.releases import latest, read_card, read_tables, verify, versions
from kg.store import GraphStore

if TYPE_CHECKING:
    from gnn.model import Encoder
    from gnn.tables import Candidate

ITEMS = "edges/INTERESTED_IN.Item"
REMOVING = ("consent withdraw", "forget", "retain")
"""Commands after which nothing learned before may be carried on."""


def last_release(store: GraphStore, releases: Path) -> str:
    """The live one where its folder is here, else the newest. Raises NotFound where there is none,
    ConfigError where people or events were removed since: its vectors have learned from them."""
    live = live_version(store)
    version = live if live is not None and live in versions(releases) else latest(releases)
    since = read_card(releases, version).created_at
    stones = store.export({"Tombstone": ("at",)}, {}).nodes["Tombstone"]["at"].to_pylist()
    done = [
        a
        for a in acts(settings().home)
        if a.command in REMOVING
        and a.store == store.url
        and datetime.fromisoformat(a.at).timestamp() >= since
    ]
    if done or any(at is not None and at >= since for at in stones):
        raise ConfigError(
            f"people or events were removed since release {version}, whose vectors have learned "
            "from them: train without --warm, once"
        )
    return version


def model_of(releases: Path, version: str) -> Encoder:
    """Raises ReleaseError, ModelError."""
    from gnn.checkpoint import load_trained

    verify(releases / version)
    return load_trained(releases / version / "model").model


def likeness(releases: Path, version: str, candidate: Candidate) -> list[dict[str, Any]]:
    """One row: cosine of the item vectors that both have (mean, and the lowest tenth), and how much
    users' ten strongest interests overlap (mean Jaccard)."""
    before = read_tables(releases, version)
    a, b = before["items"], candidate.items
    place = pc.index_in(b["itemId"], a["itemId"].combine_chunks())
    both = pc.is_valid(place)
    old = _unit(a.take(place.filter(both))["embedding"])
    new = _unit(b.filter(both)["embedding"])
    cosine = (old * new).sum(1)
    known = len(cosine) > 0
    return [
        {
            "beside": version,
            "items": len(cosine),
            "cosine": float(cosine.mean()) if known else None,
            "cosine_low": float(np.quantile(cosine, 0.1)) if known else None,
            "categories_top10": _mean(top_jaccard(before.get(CATEGORIES),
                                                  candidate.edges.get("INTERESTED_IN.Category"))),
            "items_top10": _mean(top_jaccard(before.get(ITEMS),
                                             candidate.edges.get("INTERESTED_IN.Item"))),
        }
    ]  # fmt: skip


def _unit(vectors: pa.ChunkedArray) -> np.ndarray:
    flat = pc.list_flatten(vectors).to_numpy()
    rows: np.ndarray = flat.reshape(len(vectors), -1 if len(flat) else 1).astype(np.float32)
    length: np.ndarray = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: np.ndarray = rows / np.maximum(length, 1e-12)
    return unit


def _mean(found: pl.DataFrame) -> float | None:
    mean: Any = found["jaccard"].mean()
    return None if mean is None else float(mean)
