"""Stars → what a review says: an opening with the product's word, praise and blame of aspects.

The aspects praised are those in which the item is good, the ones blamed those in which it is bad;
five stars praise twice, one star blames twice, three do both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.synthetic_catalogue import ASPECTS, LEAVES_EACH, Catalogue
from loaders.synthetic_people import LANGUAGES

Ints = NDArray[np.int64]

PRAISE_FIRST = np.array((0.0, 0.0, 1.0, 1.0, 1.0))
"""By stars 1 to 5: chance that the first aspect is praised."""
PRAISE_SECOND = np.array((0.0, 0.3, 0.0, 0.75, 1.0))
EMOJI, SHORT = 0.12, 0.1


def write(
    shop: Catalogue, item: Ints, stars: Ints, language: Ints, rng: np.random.Generator
) -> tuple[pa.Array, pa.Array]:
    """Headline and text of each review [R]."""
    titles, texts, places = [], [], []
    for code, name in enumerate(LANGUAGES):
        place = np.flatnonzero(language == code)
        said = shop.words[name]
        write_one = _english if name == "english" else _other
        titles.append(_choose(said["title"], stars[place] - 1, rng))
        texts.append(write_one(shop, said, name, item[place], stars[place], rng))
        places.append(place)
    back = np.argsort(np.concatenate(places))
    title, text = (pa.concat_arrays(parts).take(back) for parts in (titles, texts))
    return title, _with_emoji(shop, text, stars, rng)


def _choose(options: list[list[str]], row: Ints, rng: np.random.Generator) -> pa.Array:
    """[R] one of the sentences of each row's list."""
    size = np.array([len(o) for o in options])
    first = np.cumsum(size) - size
    pick = first[row] + rng.integers(0, size[row]) if len(row) else row
    return pa.array([s for o in options for s in o], pa.string()).take(pick)


def _english(
    shop: Catalogue, said: Any, _name: str, item: Ints, stars: Ints, rng: np.random.Generator
) -> pa.Array:
    nouns = pa.array([n for leaf in shop.leaves for n in leaf["nouns"]])
    opening = _filled(said["open"], nouns.take(shop.leaf[item] * 5 + shop.noun[item]), stars, rng)
    first, second = _aspects(shop, item, stars, rng)
    closing = _choose(said["close"], stars - 1, rng)
    full = pc.binary_join_element_wise(opening, first, second, closing, " ")
    return pc.if_else(pa.array(rng.random(len(item)) < SHORT), opening, full)


def _other(
    shop: Catalogue, said: Any, name: str, item: Ints, stars: Ints, rng: np.random.Generator
) -> pa.Array:
    code, space = {"german": ("de", " "), "chinese": ("zh", "")}[name]
    nouns = pa.array([leaf[code] for leaf in shop.leaves])
    opening = _filled(said["open"], nouns.take(shop.leaf[item]), stars, rng)
    tone = [said["bad"], said["good"]]
    first = _choose(tone, _praised(PRAISE_FIRST, stars, rng), rng)
    second = _choose(tone, _praised(PRAISE_SECOND, stars, rng), rng)
    return pc.binary_join_element_wise(opening, first, second, space)


def _filled(
    options: list[list[str]], noun: pa.Array, stars: Ints, rng: np.random.Generator
) -> pa.Array:
    """The product's word in the place of {}."""
    parts = pc.split_pattern(_choose(options, stars - 1, rng), "{}")
    before, after = (pc.list_element(parts, k) for k in (0, 1))
    return pc.binary_join_element_wise(before, noun, after, "")


def _praised(chance: NDArray[np.float64], stars: Ints, rng: np.random.Generator) -> Ints:
    return (rng.random(len(stars)) < chance[stars - 1]).astype(np.int64)


def _aspects(
    shop: Catalogue, item: Ints, stars: Ints, rng: np.random.Generator
) -> tuple[pa.Array, pa.Array]:
    """Two sentences, each on an aspect of the item."""
    seen = shop.quality[item] + rng.normal(0, 0.5, (len(item), ASPECTS))
    best_last = np.argsort(seen, 1)
    sentences = pa.array(
        [
            sentence
            for department in shop.words["department"]
            for aspect in (*department["aspect"], *shop.words["aspect"])
            for tone in ("bad", "good")
            for sentence in aspect[tone]
        ]
    )
    rows = np.arange(len(item))
    out = []
    for nth, chance in enumerate((PRAISE_FIRST, PRAISE_SECOND)):
        good = _praised(chance, stars, rng)
        place = np.where(good, ASPECTS - 1 - nth, nth)
        aspect = shop.leaf[item] // LEAVES_EACH * ASPECTS + best_last[rows, place]
        out.append(sentences.take((aspect * 2 + good) * 3 + rng.integers(0, 3, len(item))))
    return out[0], out[1]


def _with_emoji(shop: Catalogue, text: pa.Array, stars: Ints, rng: np.random.Generator) -> pa.Array:
    emoji = shop.words["emoji"]
    one = _choose([emoji["bad"], emoji["good"]], (stars > 3).astype(np.int64), rng)
    moved = (rng.random(len(text)) < EMOJI) & (stars != 3)
    return pc.if_else(pa.array(moved), pc.binary_join_element_wise(text, one, " "), text)
