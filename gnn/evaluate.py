"""Scores over all items and held-out events → Recall, NDCG, MRR and coverage, by user activity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gnn.graph import Events

Ints = NDArray[np.int64]
Scores = Callable[[Ints], Mapping[str, torch.Tensor]]
"""[B] user rows → by model float32 [B, I], higher is better; called block by block. The tensors are
written into."""

TaskOf = Literal["new items", "all items"]

KS = (10, 20)
BANDS: tuple[tuple[str, int, int], ...] = (
    ("no event", 0, 0), ("1 to 5", 1, 5), ("6 to 20", 6, 20), ("over 20", 21, 2**62),
)  # fmt: skip
BLOCK_CELLS = 16_000_000
"""Users × items scored at once (64 MB)."""
REPEATS = 0.1
"""From this share of repeated pairs on, buying again is part of the task."""


@dataclass(frozen=True)
class Task:
    """Rank all items for each user; the targets are what the user took up in the held-out part."""

    users: Ints
    """[N] rows with at least one target."""
    indptr: Ints
    target: Ints
    """Item rows of user n: `target[indptr[n]:indptr[n + 1]]`."""
    seen_indptr: Ints
    seen: Ints
    """Item rows taken out of the ranking; none where repeats count."""
    events_before: Ints
    """[N] events the model could look at."""
    of: TaskOf
    n_items: int

    def __len__(self) -> int:
        return len(self.users)

    def sample(self, size: int, rng: np.random.Generator) -> Task:
        """At most `size` of the users."""
        if size >= len(self):
            return self
        rows = np.sort(rng.choice(len(self), size, replace=False))
        return self.of_users(rows)

    def halves(self, rng: np.random.Generator) -> tuple[Task, Task]:
        """Two tasks of different users; the same one twice where there is but one user."""
        if len(self) < 2:
            return self, self
        rows = rng.permutation(len(self))
        middle = len(self) // 2
        return self.of_users(np.sort(rows[:middle])), self.of_users(np.sort(rows[middle:]))

    def of_users(self, rows: Ints) -> Task:
        indptr, target = _take(self.indptr, self.target, rows)
        seen_indptr, seen = _take(self.seen_indptr, self.seen, rows)
        return Task(
            self.users[rows], indptr, target, seen_indptr, seen,
            self.events_before[rows], self.of, self.n_items,
        )  # fmt: skip

    def blocks(self) -> Iterator[Task]:
        size = max(1, BLOCK_CELLS // max(self.n_items, 1))
        for start in range(0, len(self), size):
            yield self.of_users(np.arange(start, min(start + size, len(self))))


def _take(indptr: Ints, values: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Rows of a CSR."""
    count = np.diff(indptr)[rows]
    out = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    at = np.arange(out[-1]) - np.repeat(out[:-1], count) + np.repeat(indptr[rows], count)
    return out, values[at]


def _csr(user: Ints, users: Ints) -> Ints:
    """indptr of sorted `user` over sorted `users`."""
    return np.concatenate([np.searchsorted(user, users), [len(user)]]).astype(np.int64)


def task(before: Events, held_out: Events, of: TaskOf) -> Task:
    """`before` is what may be seen, `held_out` the events of the part that is predicted.

    "new items": targets and ranking leave out what the user touched before. "all items": nothing
    is left out, buying again counts.
    """
    n = before.n_items
    target = np.unique(held_out.pair[held_out.positive])
    seen = np.unique(before.pair)
    if of == "new items":
        target = np.setdiff1d(target, seen, assume_unique=True)
    else:
        seen = np.empty(0, np.int64)
    users = np.unique(target // n)
    seen = seen[np.isin(seen // n, users)]
    activity = np.bincount(before.user, minlength=before.n_users)[users]
    return Task(
        users, _csr(target // n, users), target % n, _csr(seen // n, users), seen % n,
        activity, of, n,
    )  # fmt: skip


def repeat_share(before: Events, held_out: Events) -> float:
    """Share of held-out pairs the user had a positive event with before."""
    target = np.unique(held_out.pair[held_out.positive])
    known = np.isin(target, np.unique(before.pair[before.positive]), assume_unique=True)
    return float(known.mean()) if len(target) else 0.0


@dataclass(frozen=True)
class PerUser:
    """[N] a figure for each user of a task, and the items its top 20 reached."""

    figures: dict[str, NDArray[np.float64]]
    reached: NDArray[np.bool_]


def measure(task: Task, scores: Scores, *, top_only: bool = False) -> dict[str, PerUser]:
    """By model: full ranking over all items. Among equal scores a target comes last for MRR; for
    the others the order is torch.topk's. `top_only` leaves MRR out, which needs every rank."""
    figures: dict[str, list[dict[str, NDArray[np.float64]]]] = {}
    reached: dict[str, NDArray[np.bool_]] = {}
    for block in task.blocks():
        for model, s in scores(block.users).items():
            found, top = _measure_block(block, s, top_only)
            figures.setdefault(model, []).append(found)
            reached.setdefault(model, np.zeros(task.n_items, bool))[np.unique(top)] = True
    return {
        model: PerUser({k: np.concatenate([p[k] for p in parts]) for k in parts[0]}, reached[model])
        for model, parts in figures.items()
    }


def _measure_block(
    block: Task, s: torch.Tensor, top_only: bool
) -> tuple[dict[str, NDArray[np.float64]], Ints]:
    k = min(max(KS), block.n_items)
    if torch.isnan(s.amax(1)).any():
        s = s.masked_fill(torch.isnan(s), float("-inf"))
    s[cells(block.seen_indptr, block.seen, s.device)] = float("-inf")
    row, item = cells(block.indptr, block.target, s.device)
    top = s.topk(k, dim=1).indices
    hit = is_target(top, row * block.n_items + item, block.n_items).double()
    count = torch.as_tensor(np.diff(block.indptr), device=s.device).double()
    discount = 1 / torch.log2(torch.arange(k, device=s.device).double() + 2)
    ideal = torch.cat([discount.new_zeros(1), discount.cumsum(0)])
    out: dict[str, NDArray[np.float64]] = {}
    for at in KS:
        m = min(at, k)
        out[f"recall@{at}"] = (hit[:, :m].sum(1) / count).cpu().numpy()
        dcg = (hit[:, :m] * discount[:m]).sum(1)
        out[f"ndcg@{at}"] = (dcg / ideal[count.clamp(max=m).long()]).cpu().numpy()
    if not top_only:
        out["mrr"] = (1 / _first_rank(s, row, item).double()).cpu().numpy()
    return out, top.cpu().numpy()


def is_target(top: torch.Tensor, target: torch.Tensor, n_items: int) -> torch.Tensor:
    """[B, k] whether item rows [B, k] are among the targets, each given as row x n_items + item."""
    target = target.sort().values
    cell = top + n_items * torch.arange(len(top), device=top.device)[:, None]
    return target[torch.searchsorted(target, cell).clamp(max=len(target) - 1)] == cell


def _first_rank(s: torch.Tensor, row: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
    """[B] rank of each user's best target among all that is no target, from 1."""
    of_target = s[row, item]
    best = torch.full((len(s),), float("-inf"), device=s.device, dtype=s.dtype)
    best.scatter_reduce_(0, row, of_target, "amax")
    targets = torch.bincount(row[of_target >= best[row]], minlength=len(s))
    return (s >= best[:, None]).sum(1, dtype=torch.int32) - targets + 1


def cells(indptr: Ints, item: Ints, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of a CSR's entries."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return torch.as_tensor(row, device=device), torch.as_tensor(item, device=device)


def table(task: Task, measured: Mapping[str, PerUser]) -> list[dict[str, Any]]:
    """One row a model and band of users ("all" first), JSON-able. `se` is the standard error, over
    users, of NDCG@20's difference from popularity's."""
    out: list[dict[str, Any]] = []
    for band, low, high in (("all", 0, 2**62), *BANDS):
        rows = (task.events_before >= low) & (task.events_before <= high)
        if not rows.any():
            continue
        for model, m in measured.items():
            figures = {k: float(v[rows].mean()) for k, v in m.figures.items()}
            if band == "all":
                figures["coverage@20"] = float(m.reached.mean())
                if model != "popularity" and "popularity" in measured:
                    plain = measured["popularity"].figures["ndcg@20"]
                    ahead = m.figures["ndcg@20"] - plain
                    figures["se"] = float(ahead.std()) / len(ahead) ** 0.5
            out.append(
                {"task": task.of, "users": band, "n": int(rows.sum()), "model": model, **figures}
            )
    return out
