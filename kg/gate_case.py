"""What health gates are asked about, and what each demands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic_settings import BaseSettings, SettingsConfigDict

from kg.releases import GateResult


class Thresholds(BaseSettings):
    """What each gate demands. `KG_GATE_INTEREST_CHURN=0.5` in the environment changes one."""

    model_config = SettingsConfigDict(env_prefix="KG_GATE_", env_file=".env", extra="ignore")

    effective_rank: float = 4.0
    """Dimensions the user embeddings really use (exp of the entropy of their spectrum)."""
    mean_cosine: float = 0.95
    """Mean cosine of two users may not exceed this: above, all users look alike."""
    below_popularity: float = 1.0
    """NDCG@20 of the model over that of popularity."""
    calibration_error: float = 0.05
    """ECE of interest scores on the test period, above what right probabilities would show on as
    little data."""
    degree_correlation: float = 0.98
    """Mean correlation of a user's item scores with the items' popularity may not exceed this:
    above, there is no taste in them."""
    leak: float = 0.05
    """Held-out events may not stand higher in the ranking than those the model looked at, by more
    than this share of all items: then it knew them."""
    repeat_error: float = 1e-4
    """Largest difference of a vector between two looks at one graph."""
    coverage: float = 0.5
    """Share of the users with events who must have an interest."""
    property_shift: float = 1.0
    """Population stability index of any property against the live release; 0.25 is called much."""
    interest_churn: float = 0.9
    """Interests in categories that came or went against the live release, of all."""
    segment_shift: float = 0.5
    """Population stability index of the sizes of segments, the largest first."""


Figures = Mapping[str, Any]
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Case:
    """What the gates are asked about."""

    health: Figures
    """Of the candidate's card"""
    tables: Tables
    live: Tables | None = None
    """Of the release that readers see; None where there is none"""


Gate = Callable[[Case, Thresholds], GateResult]
SHOWN = 10
"""Users named by a gate that failed."""


def shown(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.4g}"
