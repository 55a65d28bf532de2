"""The first items of users' rankings, and what is known of each: the terms of the fusion, and what
no sum of terms can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gnn.alike import NAMES as ALIKE
from gnn.alike import alike, own_items
from gnn.baselines import age_days
from gnn.evaluate import Ints
from gnn.fusion import Blend, Terms, standard, two_hop
from gnn.inputs import Inputs
from gnn.linear import NARROW
from gnn.model import spans

DEEP = 300
"""Items of a user that are put in another order."""
INTO, OUTS = 0.75, (0.0, 0.25, 0.5)
"""Exponents of the two hops it is told of"""
WITHIN = ("encoder", *(two_hop(INTO, out) for out in OUTS), "band", *(f"band^{k}" for k in NARROW))
"""In standard deviations over the head, so that it is no matter how much a user took up."""
MORE = (
    "fused", "popular", "own", "recent", "categories", "friends", "events", "own popular",
)  # fmt: skip
"""The weighted sum; log popularity; log of the user's events with the item; how lately the user
took it up, 1 / log2(2 + days); how much of what the user took up is in its categories; log of the
friends who took it up; and, the same for all items of a user, log of the user's items and their
mean log popularity."""
NAMES = (*WITHIN, *ALIKE, *MORE)
AT_ONCE = 64
"""Users whose own items are compared together."""


@dataclass(frozen=True)
class Heads:
    """As of one moment."""

    inputs: Inputs
    blend: Blend

    def items(self, users: Ints, scores: Tensor, *, repeats: bool) -> Tensor:
        """[B, M] items the scores [B, I] put first, own ones left out unless they may be
        recommended again."""
        s = scores
        if not repeats:
            own = self.blend.interactions[users].tocoo()
            at = tuple(torch.as_tensor(c, device=s.device).long() for c in (own.row, own.col))
            s = scores.index_put(at, torch.tensor(float("-inf"), device=s.device))
        return s.topk(min(DEEP, s.shape[1]), dim=1).indices

    def features(self, terms: Terms, rows: Tensor, scores: Tensor, head: Tensor) -> Tensor:
        """[B, M, F] by NAMES, of items `head` [B, M] of the users in `rows` [B] of the terms, whose
        weighted sums are `scores` [B, I]."""
        users = terms.users[rows.cpu().numpy()]
        own, device = self.blend.interactions[users], head.device
        count = np.asarray(own.sum(1), np.float32).ravel()
        popular = self.blend.popular
        said = np.asarray(own @ popular.cpu().numpy(), np.float32).ravel()
        parts = [
            *(standard(x) for x in self._terms(terms, rows, own, head)),
            *self._alike(users, head).unbind(-1),
            scores.gather(1, head),
            popular.to(device)[head],
            _at(self.blend.own[users], head).log1p(),
            _at(self.latest[users], head),
            self._categories(users, head),
            _at(self.friends[users] @ self.blend.interactions, head).log1p(),
            *(
                torch.from_numpy(c).to(device)[:, None].expand(head.shape)
                for c in (np.log1p(count), said / np.maximum(count, 1))
            ),
        ]
        return torch.stack(parts, dim=-1)

    def _terms(
        self, terms: Terms, rows: Tensor, own: sp.csr_matrix, head: Tensor
    ) -> Iterator[Tensor]:
        """[B, M] each, raw, as WITHIN names them."""
        linear, device = self.blend.linear, head.device
        yield terms.encoder[rows[:, None], head]
        hops = terms.two_hop(INTO)[rows[:, None], head]
        for out in OUTS:
            yield hops * torch.from_numpy(linear.fade(out)).to(device)[head]
        items = head.cpu().numpy()
        parts = [
            linear.bands(own[start:end], items[start:end]) for start, end in _blocks(len(items))
        ]
        yield from torch.from_numpy(np.concatenate(parts)).to(device).unbind(-1)

    def _alike(self, users: Ints, head: Tensor) -> Tensor:
        seen = self.inputs
        rows = torch.as_tensor(users, device=seen.device)
        parts = []
        for start, end in _blocks(len(users)):
            owner, own = own_items(seen.indptr, seen.item, seen.positive, rows[start:end])
            near = alike(self.blend.linear, owner, own, head[start:end])
            if seen.now is None:
                near[..., ALIKE.index("last three")] = 0  # there is no order
            parts.append(near)
        return torch.cat(parts)

    def _categories(self, users: Ints, head: Tensor) -> Tensor:
        """[B, M] mean, over an item's categories, of the share of the user's items in them."""
        seen = self.inputs
        if not len(seen.category):
            return torch.zeros(head.shape, device=head.device)
        share = torch.from_numpy(self.shares[users].toarray()).to(head.device)
        item = head.ravel()
        start, end = seen.category_indptr[item], seen.category_indptr[item + 1]
        cell, at = spans(start, end)
        value = share[cell // head.shape[1], seen.category[at]]
        total = torch.zeros(len(item), device=head.device).index_add_(0, cell, value)
        return (total / (end - start).clamp(min=1)).view(head.shape)

    @cached_property
    def shares(self) -> sp.csr_matrix:
        """[U, C] of a user's items, by category; an item of several counts in each for a part."""
        seen, own = self.inputs, self.blend.interactions
        indptr, category = seen.category_indptr.cpu().numpy(), seen.category.cpu().numpy()
        count = np.diff(indptr)
        part = np.repeat(1 / np.maximum(count, 1), count).astype(np.float32)
        width = int(category.max(initial=-1)) + 1
        of_item = sp.csr_matrix((part, category, indptr), (seen.n_items, width))
        items = np.maximum(np.diff(own.indptr), 1).astype(np.float32)
        return (sp.diags(1 / items, dtype=np.float32) @ own @ of_item).tocsr()

    @cached_property
    def latest(self) -> sp.csr_matrix:
        """[U, I] 1 / log2(2 + days) since the user's last positive event; nothing without times."""
        seen = self.inputs.flat.where(self.inputs.flat.positive)
        if self.inputs.now is None:
            return sp.csr_matrix((seen.n_users, seen.n_items), dtype=np.float32)
        order = np.lexsort((seen.at, seen.pair))
        last = order[np.append(np.diff(seen.pair[order]) != 0, [True] * bool(len(order)))]
        fresh = 1 / np.log2(2 + age_days(seen.at[last], self.inputs.now))
        at = seen.user[last], seen.item[last]
        return sp.csr_matrix((fresh.astype(np.float32), at), (seen.n_users, seen.n_items))

    @cached_property
    def friends(self) -> sp.csr_matrix:
        """[U, U] 1 for each tie."""
        n = self.inputs.n_users
        ends = [(f.user.cpu().numpy(), f.other.cpu().numpy()) for f in self.inputs.friends]
        user, other = (
            np.concatenate([np.empty(0, np.int64), *side])
            for side in (tuple(u for u, _ in ends), tuple(o for _, o in ends))
        )
        return sp.csr_matrix((np.ones(len(user), np.float32), (user, other)), (n, n))


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    return pairwise([*range(0, n, AT_ONCE), n])


def _at(rows: sp.csr_matrix, head: Tensor) -> Tensor:
    """[B, M] cells of a sparse [B, I]."""
    item = head.cpu().numpy()
    row = np.repeat(np.arange(len(item)), item.shape[1])
    found = np.asarray(rows[row, item.ravel()], np.float32).reshape(item.shape)
    return torch.from_numpy(found).to(head.device)
