"""Users and a catalogue → visits and looks, and the chances that follow from the same process.

A user comes to the shop as a Poisson process (times of day, weekdays). A visit has a focus, a leaf
category drawn from the user's interest on that day, and 1 + Poisson(2) looks; each look is at an
item of the focus, or with chance .2 at something the crowd looks at. A look turns into a purchase
with the user's own chance, half as often where it follows the crowd. Visits are independent, so the
chance of at least one look at (or purchase from) a category is 1 − exp(−visits × chance a visit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loaders.synthetic_catalogue import DEPARTMENTS, LEAVES_EACH, Catalogue
from loaders.synthetic_options import DAY, LEAVES
from loaders.synthetic_people import NEVER, People

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MORE_LOOKS = 2.0
CROWD = 0.15
CROWD_CONVERSION = 0.5
FADE = 45 * DAY
"""Before they leave, users come more and more seldom."""
FAVOURITES = 2
"""Items a user comes back to in each leaf, with chance .5 for consumables and .15 else."""


@dataclass(frozen=True)
class Calendar:
    """How busy the shop is by hour, scaled so that an average day is 1."""

    start: int
    mass: Floats
    """[hours + 1] cumulative."""

    @classmethod
    def build(cls, start: int, end: int) -> Calendar:
        hours = np.arange((end - start) // 3_600)
        weekday = np.array((0.9, 0.85, 0.85, 0.9, 1.0, 1.3, 1.2))  # from Monday
        night, day = (3, 2, 1, 1, 1, 2, 4, 6), (8, 9, 9, 9, 10, 9, 8, 8)
        of_day = np.array((*night, *day, 9, 11, 13, 15, 16, 14, 10, 6))  # from midnight, UTC
        first = start // DAY + 3  # 1970-01-01 was a Thursday
        busy = weekday[(first + hours // 24) % 7] * of_day[hours % 24]
        mass = np.concatenate([[0.0], np.cumsum(busy)])
        return cls(start, mass / mass[-1] * len(hours) / 24)

    def until(self, at: Ints) -> Floats:
        """Mass before each moment."""
        return np.interp(at - self.start, np.arange(len(self.mass)) * 3_600.0, self.mass)

    def when(self, mass: Floats) -> Ints:
        """The inverse of `until` (epoch s)."""
        seconds = np.interp(mass, self.mass, np.arange(len(self.mass)) * 3_600.0)
        at: Ints = self.start + seconds.astype(np.int64)
        return at


@dataclass(frozen=True)
class Looks:
    """V looks at items."""

    user: Ints
    visit: Ints
    """[V] which visit, from 0."""
    item: Ints
    crowd: NDArray[np.bool_]
    """[V] whether it followed the crowd rather than the visit's focus."""
    at: Ints
    """[V] epoch s"""


def looks(
    people: People,
    users: Ints,
    shop: Catalogue,
    calendar: Calendar,
    begin: int,
    stop: int,
    drift: tuple[int, int],
    rng: np.random.Generator,
) -> Looks:
    """Everything the users (rows) look at from `begin` until `stop`; interest moves from its start
    to its end between the two moments of `drift`, and stays there afterwards."""
    user, came = _visits(people, users, calendar, begin, stop, rng)
    moved = np.clip((came - drift[0]) / (drift[1] - drift[0]), 0, 1)
    focus = _focus(people, users, user, rng.random(len(user)) < moved, rng)
    count = 1 + rng.poisson(MORE_LOOKS, len(user))
    visit = np.repeat(np.arange(len(user)), count)
    nth = np.arange(len(visit)) - np.repeat(np.cumsum(count) - count, count)
    who = users[user[visit]]
    crowd = rng.random(len(visit)) < CROWD
    followed = rng.choice(LEAVES, len(visit), p=shop.leaf_share)
    leaf = np.where(crowd, followed, focus[visit])
    at = came[visit] + nth * 90 + rng.integers(0, 60, len(visit))
    item = shop.pick(people.kind[who], leaf, _which(shop, who, leaf, rng))
    kept = at < np.minimum(stop, people.leaves[who])
    return Looks(who[kept], visit[kept], item[kept], crowd[kept], at[kept])


def _visits(
    people: People,
    users: Ints,
    calendar: Calendar,
    begin: int,
    stop: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Position in `users`, and when (epoch s)."""
    leaves = people.leaves[users]
    low = calendar.until(np.maximum(people.joined[users], begin))
    high = np.maximum(low, calendar.until(np.minimum(leaves, stop)))
    user = np.repeat(np.arange(len(users)), rng.poisson(people.activity[users] * (high - low)))
    at = calendar.when(low[user] + rng.random(len(user)) * (high - low)[user])
    left = leaves[user]
    stays = (left == NEVER) | (rng.random(len(user)) * FADE < left - at)
    return user[stays], at[stays]


def _focus(
    people: People,
    users: Ints,
    user: Ints,
    moved: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Ints:
    """[S] a leaf from the user's interest: a point on the line between start and end is a draw from
    the end with that chance."""
    shares = np.stack([people.interest_start[users], people.interest_end[users]], 1)
    rows = shares.reshape(-1, LEAVES).astype(np.float64)
    rows = np.cumsum(rows, 1) / rows.sum(1, keepdims=True)
    row = user * 2 + moved
    flat = (rows + np.arange(len(rows))[:, None]).ravel()
    found = np.searchsorted(flat, row + rng.random(len(row)), side="right")
    leaf: Ints = np.clip(found - row * LEAVES, 0, LEAVES - 1)
    return leaf


def _which(shop: Catalogue, user: Ints, leaf: Ints, rng: np.random.Generator) -> Floats:
    """[V] where in the leaf: anywhere, or at one of two places the user always comes back to."""
    anywhere = rng.random(len(user))
    back = rng.random(len(user)) < returns_to_favourites(shop)[leaf]
    which = rng.integers(0, FAVOURITES, len(user))
    return np.where(back, favourite_places(user, leaf, which), anywhere)


def returns_to_favourites(shop: Catalogue) -> Floats:
    """[40] chance that a look at a leaf is at one of the user's favourites."""
    return np.where(shop.consumable, 0.5, 0.15)


def favourite_places(user: Ints, leaf: Ints, which: Ints | int) -> Floats:
    """[V] where in the leaf a user's favourites are."""
    return _scatter((user * LEAVES + leaf) * FAVOURITES + which)


def _scatter(number: Ints) -> Floats:
    """A number in [0, 1) that depends on an integer alone (SplitMix64, Steele et al. 2014)."""
    z = number.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).astype(np.float64) / 2.0**64


def expected_looks() -> float:
    """Looks of a visit, on average."""
    return 1 + MORE_LOOKS


def chance(people: People, users: Ints, shop: Catalogue, visits: Floats) -> tuple[Floats, Floats]:
    """[U, 48] chance of at least one look, and of at least one purchase, by category (departments,
    then leaves) in a time in which a user is expected to come `visits` times, with the interests of
    the end."""
    interest = with_departments(people.interest_end[users].astype(np.float64))
    crowd = with_departments(shop.leaf_share[None])
    convert = people.conversion[users][:, None]
    look = (1 - CROWD) + CROWD * crowd, CROWD * crowd
    buy_off = convert * CROWD_CONVERSION * CROWD * crowd
    buy = convert * (1 - CROWD) + buy_off, buy_off
    out = []
    for inside, outside in (look, buy):
        none = interest * _no_success(inside) + (1 - interest) * _no_success(outside)
        out.append(1 - np.exp(-visits[:, None] * (1 - none)))
    return out[0], out[1]


def _no_success(p: Floats) -> Floats:
    """E[(1 − p)^n] for n = 1 + Poisson(2)."""
    return (1 - p) * np.exp(-MORE_LOOKS * p)


def with_departments(leaves: Floats) -> Floats:
    """[N, 40] → [N, 48]: a department is the sum of its leaves."""
    sums = leaves.reshape(-1, DEPARTMENTS, LEAVES_EACH).sum(2)
    return np.concatenate([sums, leaves], 1)
