"""How a model is trained: every setting, with what it means, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Between:
    """Where `kg tune` looks for a number; with `log`, evenly over factors."""

    low: float
    high: float
    log: bool = False

    def reaching(self, value: float) -> Between:
        """Wide enough for a setting that was given."""
        return Between(min(self.low, value), max(self.high, value), self.log)


@dataclass(frozen=True)
class OneOf:
    """What `kg tune` tries."""

    values: tuple[int, ...]

    def reaching(self, value: int) -> OneOf:
        """With a setting that was given."""
        return OneOf(tuple(sorted({*self.values, value})))


class TrainConfig(BaseModel):
    """Settings of one training, with where `kg tune` looks for better ones. The preset "small" is
    for tests and first looks, "large" is wider, for quality."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dim: Annotated[int, OneOf((64, 128, 256))] = Field(128, ge=2, le=1024)
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
    learning_rate: Annotated[float, Between(0.003, 0.03, log=True)] = Field(0.01, gt=0)
    """Of Adam."""
    averaging: Annotated[float, Between(0.5, 0.95)] = Field(0.8, ge=0, lt=1)
    """Share the weights of earlier epochs have in the mean that is judged and served."""
    batch: Annotated[int, OneOf((256, 512, 1024))] = Field(512, ge=1)
    """Users a step."""
    negatives: int = Field(2000, ge=1)
    """Items drawn beside the batch's own; all items where there are at most twice as many."""
    history: int = Field(500, ge=1)
    """Latest events of a user that a training step reads; serving reads all."""
    snapshots: int = Field(8, ge=1)
    """Moments at which training knows popularity, friends and reviews of items; a target is
    predicted from the last one before it."""
    loss: Literal["softmax", "bpr"] = "softmax"
    """`softmax` tells a target from all items at once, `bpr` from one other at random."""
    hops: int = Field(1, ge=1, le=2)
    """Over events: 1 reads a user's items, 2 also those items' users and what these took up."""
    temperature: Annotated[float, Between(0.06, 0.24, log=True)] = Field(0.12, gt=0)
    """Divides the cosine of user and item."""
    id_dropout: Annotated[float, Between(0, 0.3)] = Field(0.1, ge=0, lt=1)
    """Share of items that training shows by their text and categories alone, so that new items
    work; unused where items have neither."""
    event_dropout: Annotated[float, Between(0, 0.4)] = Field(0.1, ge=0, lt=1)
    """Share of a user's events that a training step leaves out, so that unseen users do as well."""
    few_told: float = Field(0.2, ge=0, le=1)
    """Share of users of whom a training step reads but a few events, so that it learns what friends
    tell of such; unused where there are no friends, or times: users are then read as they began."""
    tune_text: int = Field(0, ge=0, le=48)
    """Last layers of the text encoder that are tuned, before training, on which reviews and items
    belong together; 0 leaves it as it is. The release then has an encoder of its own, and its size
    (90 MB for MiniLM)."""
    validation_users: int = Field(2000, ge=1)
    """Most users that are ranked after each epoch."""
    ranker_users: int = Field(5000, ge=1)
    """Most validation users from whom the order of a ranking's head is learned."""
    rank: int = Field(256, ge=0)
    """Of the linear filter's spectral band; 0 leaves it out."""
    segments: Literal["kmeans", "hierarchical", "hdbscan"] = "kmeans"
    """What groups users by their vectors. `kmeans` had the highest silhouette times stability on
    three real sets. `hierarchical` is Ward's. `hdbscan` finds where users lie densely, and left 24
    to 82 % of them out, whose segment is `no group`. The last two look at 8,000 users, drawn by the
    seed, where there are more; whoever else there is, and whoever comes later, is in the group of
    the nearest centre (with `hdbscan` within its reach)."""

    @classmethod
    def space(cls) -> dict[str, Between | OneOf]:
        """What is tuned, by setting."""
        return {
            name: where
            for name, field in cls.model_fields.items()
            for where in field.metadata
            if isinstance(where, (Between, OneOf))
        }

    @classmethod
    def preset(cls, name: str) -> TrainConfig:
        """Raises KeyError for an unknown name."""
        return cls.model_validate(PRESETS[name])


PRESETS: dict[str, dict[str, object]] = {
    "default": {},
    "small": {"dim": 32, "epochs": 30, "rank": 64},
    "large": {"dim": 256, "epochs": 120, "patience": 20, "rank": 512},
}
