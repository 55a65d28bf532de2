"""A new model and an earlier one → the new one begins where the earlier ended, so that vectors of
two releases can be compared.

Only the training on everything may begin so: the earlier model has learned from events that the
judged one must not have seen.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor, nn

from gnn.errors import ModelError
from gnn.model import Encoder

LEAST = -2.0
"""Of a half's log: from far below, where older releases have it, nothing would be learned."""


def check_width(before: Encoder, dim: int) -> None:
    """Raises ModelError."""
    if before.dim != dim:
        raise ModelError(
            f"the release to begin from has vectors of {before.dim}, this training of {dim}: "
            f"give dim={before.dim}, or train without it"
        )


@torch.no_grad()
def begin_from(model: Encoder, before: Encoder) -> None:
    """Items, categories and types that both know begin as they were; others as new ones do. Raises
    ModelError for vectors of another width."""
    check_width(before, model.dim)
    old, new = before.known, model.known
    _rows(model.item_id, before.item_id, new.items, old.items)
    _rows(model.category, before.category, new.categories, old.categories)
    relations, social = (pa.array(names, pa.string()) for names in (new.relations, new.social))
    for name in ("type_weight", "decay"):
        _rows(getattr(model, name), getattr(before, name), relations, pa.array(old.relations))
    for name in ("social_weight", "social_alone", "social_half"):
        _rows(getattr(model, name), getattr(before, name), social, pa.array(old.social))
    for name in ("category_weight", "review_weight", "length_half"):
        getattr(model, name).copy_(getattr(before, name))
    if model.takers_weight is not None and before.takers_weight is not None:
        model.takers_weight.copy_(before.takers_weight)
    for half in (model.social_half, model.length_half):
        half.clamp_(min=LEAST)
    for name in ("item_text", "item_reviews", "user_reviews"):
        _mlp(getattr(model, name), getattr(before, name))


def _rows(to: Tensor, of: Tensor, names: pa.Array, known: pa.Array) -> None:
    place = pc.fill_null(pc.index_in(names, known.cast(pa.string())), -1).to_numpy()
    there = np.flatnonzero(place >= 0)
    to[torch.from_numpy(there).to(to.device)] = of[torch.from_numpy(place[there])].to(to.device)


def _mlp(to: nn.Module | None, of: nn.Module | None) -> None:
    """A text encoder of another width is learned anew."""
    if to is None or of is None:
        return
    shapes = [[w.shape for w in m.state_dict().values()] for m in (to, of)]
    if shapes[0] == shapes[1]:
        to.load_state_dict(of.state_dict())
