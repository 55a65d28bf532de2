"""Looks → the shop's log: VIEWED, CARTED, PURCHASED, RETURNED, RATED and REVIEWED tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.synthetic_catalogue import Catalogue, declared
from loaders.synthetic_options import DAY, ShopOptions
from loaders.synthetic_people import People
from loaders.synthetic_process import CROWD, CROWD_CONVERSION, Looks, expected_looks
from loaders.synthetic_reviews import write

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CARTS_PER_PURCHASE = 1.8
DISCOUNTS, OFTEN = (1.0, 0.9, 0.8), (0.7, 0.2, 0.1)
MORE_PIECES = 0.8, 0.1
"""Beside the first, of consumables and of others."""
RATED = 0.2
"""Share of the purchases that get stars and no words."""
RETURNS_BAD, RETURNS_GOOD = 0.4, 0.02
"""Chance that a purchase worth one or two stars, or more, is sent back."""


@dataclass(frozen=True)
class Bought:
    """P purchases."""

    user: Ints
    item: Ints
    visit: Ints
    at: Ints
    price: Floats
    quantity: Ints
    stars: Ints
    """[P] what the buyer thinks of it, said or not."""


@dataclass
class Log:
    """Writes the tables of one group of users after another; numbers go on from group to group."""

    shop: Catalogue
    people: People
    options: ShopOptions
    end: int
    _rows: Counter[str] = field(default_factory=Counter)

    def tables(self, looks: Looks, rng: np.random.Generator) -> dict[str, pa.Table]:
        """The tables of one group."""
        convert = self.people.conversion[looks.user]
        carts = np.minimum(1.0, CARTS_PER_PURCHASE * convert)
        carted = rng.random(len(convert)) < carts * np.where(looks.crowd, CROWD_CONVERSION, 1.0)
        bought = carted & (rng.random(len(convert)) < convert / carts)
        purchases = self._bought(looks, bought, rng)
        out = {
            "VIEWED": self._events("VIEWED", looks.user, looks.item, looks.at),
            "CARTED": self._events(
                "CARTED", looks.user[carted], looks.item[carted], looks.at[carted] + 30
            ),
        }
        out |= self._purchased(purchases, rng)
        out |= self._opinions(purchases, rng)
        return out

    def _bought(self, looks: Looks, bought: NDArray[np.bool_], rng: np.random.Generator) -> Bought:
        user, item = looks.user[bought], looks.item[bought]
        count = len(user)
        discount = rng.choice(DISCOUNTS, count, p=OFTEN)
        again = self.shop.consumable[self.shop.leaf[item]]
        opinion = (
            4.0
            + 2.0 * (self.shop.quality[item] * self.people.care[user]).sum(1)
            + 0.3 * (self.shop.style[item] == self.people.style[user])
            + self.people.leniency[user]
            + rng.normal(0, 0.8, count)
        )
        return Bought(
            user=user,
            item=item,
            visit=looks.visit[bought],
            at=looks.at[bought] + 60,
            price=np.round(self.shop.price[item] * discount, 2),
            quantity=1 + rng.poisson(np.where(again, *MORE_PIECES)),
            stars=np.clip(np.rint(opinion), 1, 5).astype(np.int64),
        )

    def _purchased(self, b: Bought, rng: np.random.Generator) -> dict[str, pa.Table]:
        chance = np.where(b.stars <= 2, RETURNS_BAD, RETURNS_GOOD)
        back, when = self._later(b, rng.random(len(b.user)) < chance, 2.0, rng)
        quantity = b.quantity.astype(float)
        order = self._ids("order-", len(np.unique(b.visit)))
        bought = self._events(
            "PURCHASED",
            b.user,
            b.item,
            b.at,
            weight=quantity,
            orderId=order.take(np.unique(b.visit, return_inverse=True)[1]),
            quantity=quantity,
            price=b.price,
            cancelledQuantity=np.where(np.isin(np.arange(len(b.user)), back), quantity, 0.0),
        )
        returned = self._events(
            "RETURNED",
            b.user[back],
            b.item[back],
            when,
            weight=quantity[back],
            orderId=self._ids("credit-", len(back)),
            quantity=quantity[back],
            price=b.price[back],
            cancels=bought["eventId"].combine_chunks().take(back),
        )
        return {"PURCHASED": bought, "RETURNED": returned}

    def _opinions(self, b: Bought, rng: np.random.Generator) -> dict[str, pa.Table]:
        draw = rng.random(len(b.user))
        reviews = self.options.reviews
        written = draw < reviews * self.options.text
        rated = (draw < min(1.0, reviews + RATED)) & ~written
        out = {}
        for name, chosen in (("RATED", rated), ("REVIEWED", written)):
            row, when = self._later(b, chosen, 1.0, rng)
            stars, item, user = b.stars[row], b.item[row], b.user[row]
            columns: dict[str, object] = {"rating": stars.astype(float)}
            if name == "REVIEWED":
                title, text = write(self.shop, item, stars, self.people.language[user], rng)
                columns |= {"title": title, "text": text, "helpful": rng.poisson(0.7, len(row))}
            out[name] = self._events(name, user, item, when, weight=(stars - 1) / 4, **columns)
        return out

    def _later(
        self, b: Bought, chosen: NDArray[np.bool_], days: float, rng: np.random.Generator
    ) -> tuple[Ints, Ints]:
        """What follows a purchase by `days` and some more: purchase rows, and when; what would fall
        after the end, or after the user has left, has not happened."""
        row = np.flatnonzero(chosen)
        delay = (days + rng.exponential(5.0, len(row))) * DAY
        when = b.at[row] + delay.astype(np.int64)
        happened = when < np.minimum(self.end, self.people.leaves[b.user[row]])
        return row[happened], when[happened]

    def _events(self, name: str, user: Ints, item: Ints, at: Ints, **columns: object) -> pa.Table:
        last = np.minimum(self.end, self.people.leaves[user]) - 1
        columns.setdefault("weight", np.ones(len(user)))
        return declared(
            name,
            src=self.people.ids.take(user),
            dst=self.shop.item_ids.take(item),
            eventId=self._ids(f"{name.lower()}-", len(user)),
            at=np.minimum(at, last),
            **columns,
        )

    def _ids(self, prefix: str, count: int) -> pa.Array:
        first = self._rows[prefix] + 1
        self._rows[prefix] += count
        number = pa.array(np.arange(first, first + count)).cast(pa.string())
        return pc.binary_join_element_wise(prefix, number, "")


def events_per_visit(people: People, options: ShopOptions) -> float:
    """Rows of behaviour that a visit leaves, on average over the visits of these users."""
    convert = float(np.average(people.conversion, weights=people.activity))
    convert *= 1 - CROWD + CROWD * CROWD_CONVERSION
    opinions = min(1.0, options.reviews + RATED)
    return expected_looks() * (1 + convert * (CARTS_PER_PURCHASE + 1 + opinions + 0.05))
