"""User vectors → each user's nearest users by cosine, exactly, and how spread out users are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

TOP = 10
GROUP = 128
CELLS_A_BLOCK = 8_000_000
"""Cosines held at once (32 MB: larger blocks fall out of the cache)."""


@dataclass(frozen=True)
class Neighbours:
    """By user and then by rank."""

    user: Ints
    other: Ints
    cosine: Floats
    rank: Ints
    """1 is the nearest"""


def nearest_users(
    user: Floats, *, rows: Ints | None = None, top: int = TOP, device: str | None = None
) -> Neighbours:
    """`user` [U, d] of any norm; of the users `rows`, in order (everyone where None). Users with a
    zero vector have no neighbours and are nobody's; a neighbour with a cosine of 0 or less is
    none."""
    known = np.flatnonzero(user.any(axis=1))
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    unit = torch.nn.functional.normalize(torch.as_tensor(user[known], device=chosen), dim=1)
    asked = np.arange(len(known)) if rows is None else np.flatnonzero(np.isin(known, rows))
    n, k = len(asked), min(top, max(0, len(known) - 1))
    size = max(1, CELLS_A_BLOCK // max(1, len(known)))
    found = [_nearest(unit, asked[start : start + size], k) for start in range(0, n, size)]
    if not found or k == 0:
        none = np.zeros(0, np.int64)
        return Neighbours(none, none, none.astype(np.float32), none)
    cosine, other = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
    who, place = np.nonzero(cosine > 0)
    return Neighbours(known[asked[who]], known[other[who, place]], cosine[who, place], place + 1)


def _nearest(unit: torch.Tensor, asked: Ints, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    own = torch.as_tensor(asked, device=unit.device)
    cosine = unit[own] @ unit.T
    cosine[torch.arange(len(own), device=unit.device), own] = -2
    values, columns = best_columns(cosine, k)
    return values.clamp(max=1), columns


def best_columns(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`scores.topk(k, dim=1)`, some six times faster on long rows: the k best of a row lie in the
    k groups of columns with the highest maxima."""
    n = scores.shape[1]
    grouped = n // GROUP * GROUP
    if grouped <= 2 * k * GROUP:
        return tuple(scores.topk(k, dim=1))  # type: ignore[return-value]  # a named tuple of two
    highest = scores[:, :grouped].view(len(scores), -1, GROUP).amax(dim=2)
    groups = highest.topk(k, dim=1).indices
    within = torch.arange(GROUP, device=scores.device)
    rest = torch.arange(grouped, n, device=scores.device).expand(len(scores), -1)
    columns = torch.cat([(groups[:, :, None] * GROUP + within).flatten(1), rest], dim=1)
    best = scores.gather(1, columns).topk(k, dim=1)
    return best.values, columns.gather(1, best.indices)


def effective_rank(user: Floats) -> float | None:
    """exp of the entropy of the singular values' shares (Roy and Vetterli 2007): how many
    dimensions the vectors really use. None without vectors."""
    unit = _unit(user)
    if not len(unit):
        return None
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(unit.T @ unit), 0))
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def mean_cosine(user: Floats) -> float | None:
    """Mean over all pairs of two users. None with fewer than two vectors."""
    unit = _unit(user)
    n = len(unit)
    if n < 2:
        return None
    total = unit.sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def _unit(user: Floats) -> NDArray[np.float64]:
    known = user[user.any(axis=1)].astype(np.float64)
    return np.asarray(known / np.linalg.norm(known, axis=1, keepdims=True))
