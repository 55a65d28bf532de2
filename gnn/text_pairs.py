"""Reviews and items → texts that belong together, of what may be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MOST = 4_000
"""Pairs of one tuning: enough for a domain, minutes on two cores."""


@dataclass(frozen=True)
class TextPairs:
    texts: list[str]
    pairs: Ints
    """[P, 2] rows of `texts`"""
    item: Ints
    """[P] item row both are about"""

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def fingerprint(self) -> str:
        """Hash of all of it: 32 hexadecimal digits."""
        digest = blake2b(self.pairs.tobytes(), digest_size=16)
        for text in self.texts:
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()


def text_pairs(
    item_text: pa.Array, reviews: pa.Table, may: NDArray[np.bool_], *, seed: int, most: int = MOST
) -> TextPairs:
    """Each review (`reviews` has src, dst and text; rows where `may` [R]) with what the catalogue
    says of its item (`item_text` [I], null where nothing), or, where it says nothing, with another
    user's review of it; at most so many pairs, at random."""
    rng = np.random.default_rng(seed)
    written = pc.fill_null(
        pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(reviews["text"])), 0), False
    )
    rows = rng.permutation(np.flatnonzero(may & written.to_numpy(zero_copy_only=False)))
    item = reviews["dst"].to_numpy()[rows]
    rows = rows[np.argsort(item, kind="stable")]
    item, user = reviews["dst"].to_numpy()[rows], reviews["src"].to_numpy()[rows]
    said = item_text.is_valid().to_numpy(zero_copy_only=False)[item]
    first = np.searchsorted(item, item)
    after = np.searchsorted(item, item, side="right")
    n = np.arange(len(rows))
    following = np.where(n + 1 < after, n + 1, first)
    other = user[following] != user
    kept = rng.permutation(np.flatnonzero(said | other))[:most]
    told = kept[said[kept]]
    catalogue, place = np.unique(item[told], return_inverse=True)
    needed, at = np.unique(
        np.concatenate([kept, following[kept[~said[kept]]]]), return_inverse=True
    )
    second = np.empty(len(kept), np.int64)
    second[~said[kept]] = at[len(kept) :]
    second[said[kept]] = len(needed) + place
    texts = [
        *reviews["text"].take(pa.array(rows[needed])).to_pylist(),
        *item_text.take(pa.array(catalogue)).to_pylist(),
    ]
    return TextPairs(texts, np.stack([at[: len(kept)], second], 1), item[kept])
