"""The seam between the model and the profile: a graph's nodes as vectors, as of one moment.

    score(u, i) = user[u] · item[i] + bias[i]

and the user's side is a plain sum over the user's own edges, so each edge's part of a score is
known exactly:

    user[u] = Σ over hops h, over edges e of h with h.user[e] == u:  h.coefficient[e] · h.message[h.other[e]]
"""  # noqa: E501  (the formula reads better on one line)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Hop:
    """One kind of first-hop edge into users."""

    kind: str
    """Edge type ("PURCHASED", "FOLLOWS", …) or "text" (a user's review, by its vector)."""
    user: Ints
    """[E] receiving user row."""
    other: Ints
    """[E] row of `message`: item row, friend's user row, or review row."""
    edge: Ints
    """[E] row of the edge table (`GraphTables.behaviour[kind]`, `.social[kind]`; for "text" the
    row of the REVIEWED table) it came from."""
    coefficient: Floats
    """[E] normalisation, learned type weight, decay with age, and the user's 1/norm."""
    message: Floats
    """[N, d]"""


@dataclass(frozen=True)
class Encoded:
    user: Floats
    """[U, d] unit rows, shorter for users with friends and few events; zero rows for users with no
    event, friend or text."""
    item: Floats
    """[I, d]; carries the scale of the score."""
    bias: Floats
    """[I] popularity prior that stays when serving."""
    hops: tuple[Hop, ...]
