"""A split → the two moments at which probabilities are fitted and judged, and the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn.graph import UNDATED, Events, Seen
from gnn.split import Part, Split

Bools = NDArray[np.bool_]

DAY = 86_400
HORIZON_DAYS = 30
ENOUGH_USERS = 200
"""Users with a positive event within the horizon, from which it is long enough to judge by."""


@dataclass(frozen=True)
class Window:
    """A look from one moment: what may be seen, and what came true afterwards."""

    seen: Seen
    at: int | None
    """The moment, epoch s; None where the source has no times."""
    before: Events
    """What may be seen."""
    after: Events
    """The events of the horizon from `at` on; without times, those held out."""


@dataclass(frozen=True)
class Windows:
    validation: Window
    """Probabilities are fitted here ..."""
    test: Window
    """... and judged here."""
    horizon_days: int | None
    """None without times: then a score is the chance that a held-out event falls there."""


def windows_of(events: Events, split: Split) -> Windows:
    horizon = _horizon_days(events, split) if split.kind == "temporal" else None
    return Windows(
        _window(events, split, Part.VALIDATION, split.train_until, horizon),
        _window(events, split, Part.TEST, split.val_until, horizon),
        horizon,
    )


def _window(
    events: Events, split: Split, part: Part, at: int | None, horizon: int | None
) -> Window:
    seen = split.before(part)
    if at is None or horizon is None:
        after = events.of_type(split.part, Part.UNDATED) == part
    else:
        after = (events.at >= at) & (events.at < at + horizon * DAY)
    return Window(seen, at, events.seen(seen), events.where(after))


def _horizon_days(events: Events, split: Split) -> int:
    """30 days; fewer where a window is shorter, more (doubled) while too few users would act."""
    first, second = split.train_until, split.val_until
    assert first is not None
    assert second is not None
    last = last_moment(events)
    longest = max(1, min(second - first, (last or second) - second) // DAY)
    horizon = min(HORIZON_DAYS, longest)
    while horizon < longest and _fewest_users(events, (first, second), horizon) < ENOUGH_USERS:
        horizon = min(2 * horizon, longest)
    return horizon


def _fewest_users(events: Events, moments: tuple[int, int], horizon: int) -> int:
    def acting(at: int) -> int:
        there = events.positive & (events.at >= at) & (events.at < at + horizon * DAY)
        return len(np.unique(events.user[there]))

    return min(acting(at) for at in moments)


def last_moment(events: Events) -> int | None:
    """The first second after the last dated event; None where none has a time."""
    dated = events.at[events.at != UNDATED]
    return int(dated.max()) + 1 if len(dated) else None
