"""`key=value` options of the synthetic shop → checked settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kg.errors import ConfigError

DAY = 86_400
LAST_DAY = date(2026, 1, 1)
"""The shop's end unless it is chosen: fixed, so that a seed gives the same shop on any day."""
EVENTS_PER_USER = 50
LEAVES = 40


class ShopOptions(BaseModel):
    """What kind of shop to make. The same options give the same shop, bit for bit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: int = Field(2_000, ge=10, le=50_000_000)
    items: int | None = Field(None, ge=LEAVES, le=50_000_000)
    """By default a quarter of the users, and at least 40, one for each leaf category."""
    events: int | None = Field(None, ge=1)
    """Expected rows of behaviour in all (±5 %); by default 50 a user."""
    days: int = Field(360, ge=60, le=3_650)
    """Length of the shop's history."""
    seed: int = Field(7, ge=0)
    homophily: float = Field(0.8, ge=0, le=1)
    """Chance that a tie joins two users of one taste; at 0 friendships say nothing."""
    drift: float = Field(0.4, ge=0, le=1)
    """How far, on average, a user's interests have moved by the end: at 1 to wholly new ones."""
    churn: float = Field(0.15, ge=0, le=0.9)
    """Share of the users who leave for good on some day."""
    reviews: float = Field(0.35, ge=0, le=1)
    """Share of the purchases that are reviewed (rated without words where `text` is off)."""
    text: bool = True
    """Whether reviews have words."""
    end: date | None = None
    """First day after the history, UTC; by default 2026-01-01, or today if that is earlier."""

    @property
    def item_count(self) -> int:
        return self.items or max(LEAVES, self.users // 4)

    @property
    def event_count(self) -> int:
        return self.events or EVENTS_PER_USER * self.users

    def period(self, now: int) -> tuple[int, int]:
        """First second and the second after the last (epoch s). Raises ConfigError if it lies in
        the future."""
        today = datetime.fromtimestamp(now, UTC).date()
        last = self.end or min(LAST_DAY, today)
        if last > today:
            raise ConfigError(f"synthetic: end={last} is in the future; choose {today} or earlier")
        end = int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp())
        return end - self.days * DAY, end


def parse(options: Mapping[str, str]) -> ShopOptions:
    """Raises ConfigError naming the option, what was given and what is allowed."""
    try:
        return ShopOptions.model_validate(dict(options))
    except ValidationError as e:
        first = e.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(ShopOptions.model_fields)
            raise ConfigError(f"synthetic: no option {name!r}; there are {known}") from e
        raise ConfigError(f"synthetic: {name}={options[name]!r}: {first['msg']}") from e
