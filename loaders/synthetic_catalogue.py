"""Options → the synthetic shop's categories and items, with what users will like about them.

Items of one leaf category lie next to each other (`leaf_start`), so that an item is drawn from a
leaf by one search in a cumulative sum.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.schema import table_schema
from loaders.synthetic_options import LEAVES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIERS = ("budget", "middle", "premium")
STYLES = 4
"""Hidden tastes within a category: users see mostly the items of their own style."""
ASPECTS = 6
"""Three of the department, three that every product has."""
DEPARTMENTS, LEAVES_EACH = 8, 5
SEPARATOR = " > "


def words() -> dict[str, Any]:
    """The shop's words, from synthetic_words.toml."""
    path = Path(__file__).with_name("synthetic_words.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Catalogue:
    """I items in 40 leaf categories (five in each of eight departments)."""

    words: dict[str, Any]
    leaf: Ints
    """[I] ascending."""
    leaf_start: Ints
    """[41] first item of each leaf."""
    number: Ints
    """[I] what the item's id ends in; tells nothing."""
    popularity: Floats
    """[I] share of the visits that follow the crowd."""
    price: Floats
    """[I]"""
    tier: Ints
    """[I] 0 budget … 2 premium."""
    style: Ints
    """[I]"""
    quality: Floats
    """[I, 6] by aspect, 0 is average."""
    noun: Ints
    """[I] which of the leaf's five nouns it is."""
    brand: Ints
    """[I] which of the department's six brands made it."""

    @cached_property
    def leaves(self) -> list[dict[str, Any]]:
        """The 40 leaf categories' words."""
        return [leaf for d in self.words["department"] for leaf in d["leaf"]]

    @cached_property
    def leaf_share(self) -> Floats:
        """[40] share of the visits that follow the crowd, by leaf."""
        return np.add.reduceat(self.popularity, self.leaf_start[:-1])

    @cached_property
    def consumable(self) -> NDArray[np.bool_]:
        """[40] leaves whose items are bought again and again."""
        return np.array([leaf.get("consumable", False) for leaf in self.leaves])

    @cached_property
    def item_ids(self) -> pa.Array:
        return numbered("i", self.number, len(self.number))

    @cached_property
    def category_ids(self) -> pa.Array:
        """[48] departments, then leaves."""
        departments = [d["name"] for d in self.words["department"]]
        leaves = [
            departments[k // LEAVES_EACH] + SEPARATOR + leaf["name"]
            for k, leaf in enumerate(self.leaves)
        ]
        return pa.array(departments + leaves)

    @cached_property
    def draw(self) -> Floats:
        """[12 · I + 1] cumulative weights of items for each kind of user (tier, style): what a user
        of that kind picks within a leaf."""
        tier = np.exp(-1.2 * abs(np.arange(len(TIERS))[:, None] - self.tier))
        style = np.where(np.arange(STYLES)[:, None] == self.style, 4.0, 1.0)
        weight = tier[:, None] * style[None] * self.popularity
        return np.concatenate([[0.0], np.cumsum(weight.ravel())])

    def pick(self, kind: Ints, leaf: Ints, uniform: Floats) -> Ints:
        """[N] items: for each user's kind (tier · 4 + style) and leaf, the item at `uniform`."""
        base = kind * len(self.leaf)
        first, last = base + self.leaf_start[leaf], base + self.leaf_start[leaf + 1]
        at = self.draw[first] + uniform * (self.draw[last] - self.draw[first])
        found = np.searchsorted(self.draw, at, side="right") - 1
        item: Ints = np.clip(found, first, last - 1) - base
        return item


def build(items: int, rng: np.random.Generator) -> Catalogue:
    """A catalogue of `items` items: leaf sizes vary, popularity is a power law, price follows leaf,
    brand and tier."""
    said = words()
    share = rng.dirichlet(np.full(LEAVES, 3.0))
    extra = rng.choice(LEAVES, items - LEAVES, p=share)
    leaf = np.sort(np.concatenate([np.arange(LEAVES), extra]))
    popularity = rng.permutation(1.0 / np.arange(1, items + 1) ** 0.8)
    tier = rng.choice(len(TIERS), items, p=(0.4, 0.4, 0.2))
    base = np.array([k["price"] for d in said["department"] for k in d["leaf"]], float)
    price = base[leaf] * np.array((0.5, 1.0, 2.2))[tier] * rng.lognormal(0, 0.25, items)
    return Catalogue(
        words=said,
        leaf=leaf,
        leaf_start=np.searchsorted(leaf, np.arange(LEAVES + 1)),
        number=rng.permutation(items) + 1,
        popularity=popularity / popularity.sum(),
        price=np.round(np.maximum(price, 0.5), 2),
        tier=tier,
        style=rng.integers(0, STYLES, items),
        quality=rng.normal(0, 0.8, (items, ASPECTS)),
        noun=rng.integers(0, 5, items),
        brand=rng.integers(0, 6, items),
    )


def tables(shop: Catalogue, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Category, CHILD_OF, Item and IN_CATEGORY as the schema declares them."""
    names = pc.split_pattern(shop.category_ids, SEPARATOR)
    level = pc.subtract(pc.list_value_length(names).cast(pa.int64()), 1)
    leaf_ids = shop.category_ids.slice(DEPARTMENTS)
    parent = np.arange(LEAVES) // LEAVES_EACH
    return {
        "Category": declared(
            "Category",
            categoryId=shop.category_ids,
            name=pa.array([path[-1] for path in names.to_pylist()]),
            level=level,
            derived=pa.array(np.zeros(len(level), bool)),
        ),
        "CHILD_OF": declared("CHILD_OF", src=leaf_ids, dst=shop.category_ids.take(parent)),
        "Item": declared("Item", itemId=shop.item_ids, price=shop.price, **_described(shop, rng)),
        "IN_CATEGORY": declared(
            "IN_CATEGORY",
            src=shop.item_ids,
            dst=leaf_ids.take(shop.leaf),
            weight=np.ones(len(shop.leaf)),
        ),
    }


def _described(shop: Catalogue, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Title, description and brand: words of the item's own leaf and department."""
    count = len(shop.leaf)
    department = shop.leaf // LEAVES_EACH
    by_department = shop.words["department"]
    brand = pa.array([b for d in by_department for b in d["brands"]]).take(
        department * 6 + shop.brand
    )
    adjective = pa.array([a for d in by_department for a in d["adjectives"]]).take(
        department * 6 + rng.integers(0, 6, count)
    )
    noun = pa.array([n for leaf in shop.leaves for n in leaf["nouns"]]).take(
        shop.leaf * 5 + shop.noun
    )
    topics = pa.array([w for leaf in shop.leaves for w in leaf["words"]])
    first = rng.integers(0, 6, count)
    second = (first + rng.integers(1, 6, count)) % 6
    model = numbered("", rng.integers(100, 1_000, count), 999)
    return {
        "title": pc.binary_join_element_wise(brand, adjective, noun, model, " "),
        "description": pc.binary_join_element_wise(
            pc.utf8_capitalize(adjective), " ", noun, " by ", brand, ": for ",
            topics.take(shop.leaf * 6 + first), " and ", topics.take(shop.leaf * 6 + second),
            ". From our ", pa.array([leaf["name"] for leaf in shop.leaves]).take(shop.leaf),
            " range.", "",
        ),
        "brand": brand,
    }  # fmt: skip


def declared(name: str, /, **columns: Any) -> pa.Table:
    """A table with the columns, order and types of `kg.schema`; columns not given are null."""
    schema = table_schema(name)
    rows = len(next(iter(columns.values())))
    arrays = [columns.get(field.name, pa.nulls(rows)) for field in schema]
    return pa.Table.from_arrays([pa.array(a) for a in arrays], names=schema.names).cast(schema)


def numbered(prefix: str, number: Ints, largest: int) -> pa.Array:
    """Ids of one width: u0001 … u2000."""
    digits = pc.utf8_lpad(pa.array(number).cast(pa.string()), len(str(largest)), "0")
    return pc.binary_join_element_wise(prefix, digits, "")
