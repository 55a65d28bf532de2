"""How a model is trained: every setting, with what it means, in one place."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainConfig(BaseModel):
    """Settings of one training. `TrainConfig.preset("small")` is for tests and first looks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(128, ge=2, le=1024)
    """Width of user and item vectors."""
    split: Literal["auto", "temporal", "random"] = "auto"
    """`auto` is temporal where at least nine in ten positives have a time."""
    validation: float = Field(0.1, gt=0, lt=0.5)
    """Share of the positives held out for choosing (the last before the test's)."""
    test: float = Field(0.1, gt=0, lt=0.5)
    """Share of the positives held out for judging (the last in time)."""
    epochs: int = Field(60, ge=1)
    """Most passes over the users."""
    patience: int = Field(15, ge=1)
    """Epochs without a better validation figure before training stops."""
    refit: bool = True
    """Train again, for the epochs found, on all events before serving."""

    @classmethod
    def preset(cls, name: str) -> TrainConfig:
        """Raises KeyError for an unknown name."""
        return cls.model_validate(PRESETS[name])


PRESETS: dict[str, dict[str, object]] = {
    "default": {},
    "small": {"dim": 32, "epochs": 30},
}
