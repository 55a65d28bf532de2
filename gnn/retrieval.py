"""The encoder and the linear filter's band as one inner product: vectors for an index that finds
the largest inner products, which is how a recommender draws some hundred items from many.

    user [encoder's vector | 1 | band / sqrt(n)]    item [encoder's vector | bias | weight band]

n are the user's items. Both parts of a user are sums over the user's own edges, so that a new user
has them at once. The band's part is that of `gnn.linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn.evaluate import Ints, Task
from gnn.fusion import Fusion
from gnn.fusion_fit import better, shortlist
from gnn.linear import LinearFilter
from gnn.score import Scorer

Floats = NDArray[np.float32]

SHARES = (0.0, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 1.5, 2.5)
"""Of the weight at which the band's scores vary as much as the encoder's"""


def user_vectors(user: Floats, rows: sp.csr_matrix, linear: LinearFilter) -> Floats:
    """[B, d + 1 + k] from the encoder's vectors [B, d] and the users' items [B, I], 0/1."""
    ones = np.ones((len(user), 1), np.float32)
    return np.concatenate([user, ones, linear.user_band(rows)], axis=1)


def item_vectors(item: Floats, bias: Floats, band: Floats, weight: float) -> Floats:
    """[I, d + 1 + k] from the encoder's vectors [I, d], biases [I] and `band_of_items` [I, k]."""
    return np.concatenate([item, bias[:, None], np.float32(weight) * band], axis=1)


def choose_weight(scorer: Scorer, on: Task) -> tuple[float, dict[str, Any]]:
    """The weight of the band that ranks best for validation users, where it is better than none by
    more than chance; and figures for the card."""
    on = on.of_users(np.flatnonzero(on.events_before > 0))
    if not len(on) or scorer.blend.linear.into_band is None:
        return 0.0, {"users": 0}
    short = shortlist(on, lambda users: _raw(scorer, users), ("encoder", "band"))
    one = _spread(short.terms["encoder"]) / _spread(short.terms["band"]).clamp(min=1e-12)
    weights = [round(share * float(one), 4) for share in SHARES]
    worth = {w: short.worth(Fusion(band=w)) for w in weights}
    best = max(weights, key=lambda w: float(worth[w].mean()))
    chosen = best if better(worth[best], worth[0.0]) else 0.0
    return chosen, {
        "users": len(on),
        "worth": {str(w): float(worth[w].mean()) for w in weights},
    }


def product_scores(scorer: Scorer, users: Ints, encoder: Tensor, weight: float) -> Tensor:
    """[B, I] inner products, from the encoder's scores."""
    return torch.add(encoder, _band(scorer, users), alpha=weight) if weight else encoder


def _band(scorer: Scorer, users: Ints) -> Tensor:
    """[B, I] the band's part of the product, before its weight."""
    linear = scorer.blend.linear
    part = linear.user_band(scorer.blend.interactions[users]) @ linear.band_of_items.T
    return torch.from_numpy(part).to(scorer.inputs.device)


def _raw(scorer: Scorer, users: Ints) -> Callable[[str], Tensor]:
    parts = {"encoder": lambda: scorer.encoder_scores(users), "band": lambda: _band(scorer, users)}
    return lambda name: parts[name]()


def _spread(scores: Tensor) -> Tensor:
    """Mean over users of how far the scores of the listed items lie apart."""
    listed = scores > float("-inf")
    n = listed.sum(1).clamp(min=1)
    mean = scores.masked_fill(~listed, 0).sum(1) / n
    square = (scores - mean[:, None]).masked_fill(~listed, 0).square().sum(1) / n
    return square.sqrt().mean()
