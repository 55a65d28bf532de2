"""Users, a catalogue and expected visits → the money that follows from the same process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loaders.synthetic_catalogue import Catalogue
from loaders.synthetic_events import DISCOUNTS, MORE_PIECES, OFTEN
from loaders.synthetic_options import LEAVES
from loaders.synthetic_people import People
from loaders.synthetic_process import (
    CROWD,
    CROWD_CONVERSION,
    FAVOURITES,
    expected_looks,
    favourite_places,
    returns_to_favourites,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def expected_spend(people: People, users: Ints, shop: Catalogue, visits: Floats) -> Floats:
    """[U] money spent, before anything is sent back, in a time in which a user is expected to come
    `visits` times, with the interests of the end."""
    a_purchase = _worth(people, users, shop)
    interest = people.interest_end[users].astype(np.float64)
    focused = (interest * a_purchase).sum(1)
    followed = a_purchase @ shop.leaf_share
    a_look = (1 - CROWD) * focused + CROWD * CROWD_CONVERSION * followed
    return np.asarray(visits * expected_looks() * people.conversion[users] * a_look)


def _worth(people: People, users: Ints, shop: Catalogue) -> Floats:
    """[U, 40] money of a purchase from each leaf."""
    weight = np.diff(shop.draw).reshape(-1, len(shop.leaf))
    total, priced = (
        np.add.reduceat(w, shop.leaf_start[:-1], axis=1) for w in (weight, weight * shop.price)
    )
    kind = people.kind[users]
    anywhere = (priced / total)[kind]
    leaf = np.tile(np.arange(LEAVES), len(users))
    user = np.repeat(users, LEAVES)
    favourites = [
        shop.price[shop.pick(people.kind[user], leaf, favourite_places(user, leaf, n))]
        for n in range(FAVOURITES)
    ]
    own = np.mean(favourites, axis=0).reshape(len(users), LEAVES)
    back = returns_to_favourites(shop)
    pieces = 1 + np.where(shop.consumable, *MORE_PIECES)
    return np.asarray((back * own + (1 - back) * anywhere) * pieces * np.dot(DISCOUNTS, OFTEN))
