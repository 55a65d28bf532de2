"""Options and a catalogue → the synthetic shop's users: what they like, when, and who their
friends are. This is the planted truth that a model is to find again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.synthetic_catalogue import ASPECTS, STYLES, TIERS, numbered
from loaders.synthetic_options import DAY, LEAVES, ShopOptions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Shares = NDArray[np.float32]

TASTES = 12
"""Ways of life that users are mixed from: what makes them alike, and friends."""
COUNTRIES = ("US", "GB", "DE", "CN")
LANGUAGES = ("english", "german", "chinese")
NEVER = np.iinfo(np.int64).max
FRIENDS, FOLLOWED = 6.0, 1.5
"""Friends a user has on average, and others it follows."""


@dataclass(frozen=True)
class People:
    """U users."""

    joined: Ints
    """[U] epoch s; nothing happens before."""
    leaves: Ints
    """[U] epoch s of the day a user leaves for good; NEVER for those who stay."""
    activity: Floats
    """[U] visits a day while here; a power law."""
    conversion: Floats
    """[U] chance that a look at something in focus ends in a purchase."""
    tier: Ints
    """[U] price level: 0 budget … 2 premium."""
    style: Ints
    """[U]"""
    interest_start: Shares
    """[U, 40] interest in each leaf category on the shop's first day; rows sum to 1."""
    interest_end: Shares
    """[U, 40] the same on its last; between the two it moves in a straight line."""
    taste: Ints
    """[U] the strongest of the tastes the user is mixed from, over the whole period."""
    sociability: Floats
    """[U] how readily others befriend the user."""
    leniency: Floats
    """[U] stars given above or below what an average user would give."""
    care: Floats
    """[U, 6] how much each aspect counts for the user; rows sum to 1."""
    country: Ints
    """[U] index of COUNTRIES."""
    language: Ints
    """[U] index of LANGUAGES: what the user writes reviews in."""

    def __len__(self) -> int:
        return len(self.joined)

    @cached_property
    def ids(self) -> pa.Array:
        return numbered("u", np.arange(1, len(self) + 1), len(self))

    @property
    def kind(self) -> Ints:
        """[U] tier and style in one number."""
        return self.tier * STYLES + self.style


def build(options: ShopOptions, start: int, end: int, rng: np.random.Generator) -> People:
    """Users whose interests are mixtures of few tastes, moved by `drift` between start and end."""
    users, span = options.users, end - start
    tastes = rng.dirichlet(np.full(LEAVES, 0.1), TASTES) + 0.05 / LEAVES
    liked = rng.dirichlet(np.full(TASTES, 3.0))
    mix = [_mixture(rng, users, liked) for _ in range(2)]
    moved = np.minimum(1.0, 2 * options.drift * rng.random((users, 1)))
    before, fresh = (_interests(rng, m, tastes) for m in mix)
    after = (1 - moved) * before + moved * fresh
    whole = (1 - moved / 2) * mix[0] + moved / 2 * mix[1]

    churns = rng.random(users) < options.churn
    newcomer = ~churns & (rng.random(users) < 0.4)
    joined = np.where(
        newcomer,
        start + rng.random(users) * 0.95 * span,
        start - rng.random(users) * 2 * 365 * DAY,
    )
    day = rng.integers(int(options.days * 0.35), options.days - 14, users)
    country = rng.choice(len(COUNTRIES), users, p=(0.78, 0.12, 0.06, 0.04))
    native = np.array([0, 0, 1, 2])[country]
    return People(
        joined=joined.astype(np.int64),
        leaves=np.where(churns, start + day * DAY, NEVER),
        activity=np.minimum(rng.pareto(1.8, users) + 0.4, 40.0),
        conversion=rng.beta(3, 15, users),
        tier=rng.choice(len(TIERS), users, p=(0.4, 0.4, 0.2)),
        style=rng.integers(0, STYLES, users),
        interest_start=before.astype(np.float32),
        interest_end=after.astype(np.float32),
        taste=whole.argmax(1),
        sociability=np.minimum(rng.pareto(2.0, users) + 0.3, 30.0),
        leniency=rng.normal(0, 0.35, users),
        care=rng.dirichlet(np.ones(ASPECTS), users),
        country=country,
        language=np.where(rng.random(users) < 0.7, native, 0),
    )


def _mixture(rng: np.random.Generator, users: int, liked: Floats) -> Floats:
    """[U, 12] mostly one or two tastes a user."""
    draws = rng.standard_gamma(np.broadcast_to(0.8 * liked, (users, TASTES))) + 1e-12
    return np.asarray(draws / draws.sum(1, keepdims=True))


def _interests(rng: np.random.Generator, mix: Floats, tastes: Floats) -> Floats:
    """[U, 40] a mixture of tastes with a personal note."""
    weight = mix @ tastes * rng.standard_gamma(2.0, (len(mix), LEAVES))
    return np.asarray(weight / weight.sum(1, keepdims=True))


def friends(
    people: People, homophily: float, end: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """FRIEND_OF: the two users (the lower row first) and since when (epoch s), each pair once."""
    count = round(len(people) * FRIENDS / 2)
    src, dst = _pairs(people, people.sociability, count, homophily, rng)
    low, high = np.minimum(src, dst), np.maximum(src, dst)
    return _dated(people, *_distinct(low, high, len(people)), end, rng)


def follows(
    people: People, homophily: float, end: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """FOLLOWS: who follows, who is followed (few have many), and since when."""
    count = round(len(people) * FOLLOWED)
    src, dst = _pairs(people, people.sociability**2, count, homophily, rng)
    return _dated(people, *_distinct(src, dst, len(people)), end, rng)


def _pairs(
    people: People, wanted: Floats, count: int, homophily: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """The second of a pair is drawn by `wanted`, with chance `homophily` from the first's taste."""
    order = np.argsort(people.taste, kind="stable")
    mass = np.concatenate([[0.0], np.cumsum(wanted[order])])
    starts = mass[np.searchsorted(people.taste[order], np.arange(TASTES + 1))]
    src = rng.integers(0, len(people), count)
    alike = rng.random(count) < homophily
    low = np.where(alike, starts[people.taste[src]], 0.0)
    high = np.where(alike, starts[people.taste[src] + 1], mass[-1])
    at = low + rng.random(count) * (high - low)
    found = np.clip(np.searchsorted(mass, at, side="right") - 1, 0, len(people) - 1)
    return src, order[found]


def _distinct(src: Ints, dst: Ints, users: int) -> tuple[Ints, Ints]:
    pair = np.unique((src * users + dst)[src != dst])
    return pair // users, pair % users


def _dated(
    people: People, src: Ints, dst: Ints, end: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Ties begin once both are members."""
    first = np.maximum(people.joined[src], people.joined[dst])
    return src, dst, first + (rng.random(len(src)) * (end - first)).astype(np.int64)
