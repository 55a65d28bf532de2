"""Events up to a moment → what each user did: recency, frequency, tenure, and the value tier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn.features import own_acts
from gnn.graph import UNDATED, Events, Seen, ties
from gnn.pairs import distinct
from gnn.tables import GraphTables
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

TIERS = (
    # columns: value (frequency, and money where there is any) in fifths, the lowest first
    ("lost", "lost", "at risk", "at risk", "at risk"),  # recency: the fifth seen longest ago
    ("lost", "at risk", "at risk", "at risk", "at risk"),
    ("potential", "potential", "loyal", "loyal", "loyal"),
    ("new", "potential", "loyal", "champion", "champion"),
    ("new", "potential", "loyal", "champion", "champion"),  # the fifth seen last
)
"""Value tier by fifth of recency and fifth of value, the usual grid of RFM marketing."""


LATELY = (30, 90, 180)


@dataclass(frozen=True)
class Activity:
    """[U] columns; NaN where there is nothing to say."""

    recency_days: Doubles
    tenure_days: Doubles
    frequency: Ints
    """Distinct days with an event; events where there are no times."""
    events: Ints
    ties: Ints
    """Other users the user is tied to."""
    lately: Ints
    """[U, len(LATELY)] dated events by age: of the last LATELY[0] days, of those before up to
    LATELY[1], ..."""


def activity_of(events: Events, graph: GraphTables, at: int | None) -> Activity:
    """`events` are those before `at`. Acts that undo another (returns) are not activity."""
    acts = events.where(own_acts(events, graph))
    n = events.n_users
    number = np.bincount(acts.user, minlength=n)
    first, last = np.full(n, np.nan), np.full(n, np.nan)
    frequency, lately = number, np.zeros((n, len(LATELY)), np.int64)
    dated = acts.where(acts.at != UNDATED)
    if at is not None and len(dated):
        earliest, latest = np.full(n, at), np.full(n, UNDATED)
        np.minimum.at(earliest, dated.user, dated.at)
        np.maximum.at(latest, dated.user, dated.at)
        there = np.bincount(dated.user, minlength=n) > 0
        first[there] = (at - earliest[there]) / DAY
        last[there] = (at - latest[there]) / DAY
        frequency = np.bincount(distinct(dated.user, dated.at // DAY)[0], minlength=n)
        band = np.searchsorted(LATELY, (at - dated.at) / DAY)
        known = band < len(LATELY)
        place = dated.user[known] * len(LATELY) + band[known]
        lately = np.bincount(place, minlength=lately.size).reshape(lately.shape)
    return Activity(last, first, frequency, number, _ties(graph, at), lately)


def _ties(graph: GraphTables, at: int | None) -> Ints:
    tied = [
        np.stack([np.concatenate([t.user, t.other]), np.concatenate([t.other, t.user])])
        for t in ties(graph, Seen(until=at))
    ]
    if not tied:
        return np.zeros(graph.users.num_rows, np.int64)
    user, _ = distinct(*np.concatenate(tied, axis=1))
    return np.bincount(user, minlength=graph.users.num_rows)


@dataclass(frozen=True)
class Fifths:
    """Where the fifths of the users with a dated event begin: four bounds each, none without such
    users. A value's fifth, 0 to 4, is the number of bounds below it, so that equal users are in
    one fifth."""

    recency: Doubles
    """Of −recencyDays"""
    frequency: Doubles
    money: Doubles | None


def fifths_of(activity: Activity, money: Doubles | None) -> Fifths:
    there = np.isfinite(activity.recency_days)
    return Fifths(
        _bounds(-activity.recency_days[there]),
        _bounds(activity.frequency[there]),
        None if money is None else _bounds(money[there]),
    )


def _bounds(values: NDArray[np.generic]) -> Doubles:
    ordered = np.sort(values).astype(np.float64)
    n = len(ordered)
    return ordered[-(-np.arange(1, 5) * n // 5) - 1] if n else ordered


def value_tier(
    activity: Activity, money: Doubles | None, fifths: Fifths | None = None
) -> NDArray[np.object_]:
    """[U] a tier of TIERS for every user with a dated event, None for the others.

    The value is the mean of the fifths of frequency and of money, halves rounded up. `fifths` are
    those of these users where none are given.
    """
    bounds = fifths or fifths_of(activity, money)
    there = np.isfinite(activity.recency_days)
    recency = np.searchsorted(bounds.recency, -activity.recency_days[there])
    value = np.searchsorted(bounds.frequency, activity.frequency[there])
    if money is not None and bounds.money is not None:
        value = (value + np.searchsorted(bounds.money, money[there]) + 1) // 2
    tier = np.full(len(there), None, object)
    tier[there] = np.array(TIERS, object)[recency, value]
    return tier


def rfm_score(activity: Activity, money: Doubles | None, fifths: Fifths) -> NDArray[np.object_]:
    """[U] the fifths of recency, frequency and money as digits, 5 the best: "545"; two digits where
    there is no money, None for users without a dated event."""
    there = np.isfinite(activity.recency_days)
    places = [
        np.searchsorted(fifths.recency, -activity.recency_days[there]),
        np.searchsorted(fifths.frequency, activity.frequency[there]),
    ]
    if money is not None and fifths.money is not None:
        places.append(np.searchsorted(fifths.money, money[there]))
    digits = sum(10**n * (place + 1) for n, place in enumerate(reversed(places)))
    score = np.full(len(there), None, object)
    score[there] = np.asarray(digits).astype(str)
    return score


def where_known(values: NDArray[np.object_], known: NDArray[np.bool_]) -> NDArray[np.object_]:
    """The values, None where they are not known."""
    out = np.full(len(values), None, object)
    out[known] = values[known]
    return out


def cold_start(activity: Activity, has_text: NDArray[np.bool_]) -> NDArray[np.object_]:
    """[U] the best that stands behind a profile: events, friends, text or nothing."""
    kinds = np.array(["nothing", "text", "friends", "events"], object)
    best = np.where(activity.ties > 0, 2, np.where(has_text, 1, 0))
    return np.asarray(kinds[np.where(activity.events > 0, 3, best)], object)
