"""The heterogeneous GraphSAGE: items from ids, text and categories; users from their edges alone.

An item's state is the sum of its ID vector, an MLP of its text, an MLP of the mean of its reviews
and the mean of its categories' vectors (their ancestors' too), shortened to a length below 1 that
grows with what was learned of it:

    x = id + text + reviews + categories        state = x / sqrt(|x|^2 + 1)

A user is a vector of length 1 (less where friends stand in for events, see below), a plain sum over
edges (GraphSAGE's aggregation, Hamilton et al. 2017, with learned typed weights and no self term, so
that it works for users never trained on):

    events   a = weight[type] x value x (1 + users of the item)^-1/2 x (1 + age / 30 days)^-decay[type]
             sum of a x item state, over sqrt(sum |a|)
    reviews  an MLP of each review's text, over sqrt(1 + reviews)
    friends  weight[type] x the friend's vector from events and reviews, over sqrt(1 + friends)

Whoever has events of their own needs their friends for little, and may even be set against them; a
user without any has nothing else. So friends have a weight for those (`alone`) and another for users
of many events, and at n events one between the two:

    weight = (1 - t) x alone + t x with events        t = n / (n + half)

The vector's length passes so, too, with another half: from one at which near 0 leaves what is
popular, and 1 trusts friends as one's own events, to 1. Without friends it is 1.
"""  # noqa: E501  (the formulas read better on one line)

from __future__ import annotations

import math
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gnn.inputs import Friends, Inputs, Vocabulary

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # torch.jit's, at torch-geometric's import
    warnings.simplefilter("ignore", UserWarning)  # torch says once a process that CSR is new
    from torch_geometric.nn import MessagePassing

    torch.sparse_csr_tensor(
        torch.zeros(1, dtype=torch.long),
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0),
        (0, 0),
        check_invariants=False,
    )

DAY = 86_400
AGE_UNIT_DAYS = 30
START = 0.01
"""Spread of the ID vectors before training: an item never learned of stays near 0."""
AGAINST, FRIENDS, TEXT = -0.1, 0.3, 0.1
"""Weights before training of types that speak against an item, of friends and of review text."""


class WeightedSum(MessagePassing):  # type: ignore[misc]  # torch-geometric is untyped
    """out[user] = sum of coefficient x message over the user's edges: GraphSAGE's aggregation with
    a coefficient on each edge, fused so that no [E, d] is made: 5 to 40 times as fast on a CPU."""

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(
        self, message: Tensor, coefficient: Tensor, other: Tensor, user: Tensor, n: int
    ) -> Tensor:
        """[n, d] from message [N, d], and coefficient, row of `message` and row of out [E], in the
        order of `user`."""
        first = torch.searchsorted(user, torch.arange(n + 1, device=user.device))
        adjacency = torch.sparse_csr_tensor(
            first, other, coefficient.detach(), (n, len(message)), check_invariants=False
        )
        out: Tensor = self.propagate(adjacency, x=(message, None), coefficient=coefficient)
        return out

    def message_and_aggregate(
        self, adj_t: Tensor, x: tuple[Tensor, None], coefficient: Tensor
    ) -> Tensor:
        return F.embedding_bag(
            adj_t.col_indices(),
            x[0],
            adj_t.crow_indices(),
            mode="sum",
            per_sample_weights=coefficient,
            include_last_offset=True,
        )


ALONE = 0.3
"""Length before training of the vectors of users without events."""
FEW, FEW_FRIENDS = 1.0, 8.0
"""Events at which the length, and the weight of friends, is midway between that of users without
events and that of users with many, before training."""
TAKERS = 0.3
"""Weight before training of the users who took an item up."""


def _mlp(width: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, dim), nn.ReLU(), nn.Linear(dim, dim))


class Encoder(nn.Module):
    """Holds no parameter of any user."""

    def __init__(self, known: Vocabulary, dim: int, temperature: float, hops: int = 1) -> None:
        """`hops` over events: with 2 an item also knows who took it up."""
        super().__init__()
        self.known, self.dim, self.scale = known, dim, 1 / temperature
        self.item_id = nn.Parameter(START * torch.randn(len(known.items), dim))
        self.category = nn.Parameter(START * torch.randn(len(known.categories), dim))
        self.category_weight = nn.Parameter(torch.tensor(1.0))
        self.item_text = _mlp(known.item_text, dim) if known.item_text else None
        self.item_reviews = _mlp(known.review_text, dim) if known.review_text else None
        self.user_reviews = _mlp(known.review_text, dim) if known.review_text else None
        self.review_weight = nn.Parameter(torch.tensor(TEXT))
        signs = torch.tensor(known.supports, dtype=torch.bool)
        self.type_weight = nn.Parameter(torch.where(signs, 1.0, AGAINST))
        self.decay = nn.Parameter(torch.full((len(known.relations),), 0.3))
        self.social_weight = nn.Parameter(torch.full((len(known.social),), FRIENDS))
        self.social_alone = nn.Parameter(torch.full((len(known.social),), FRIENDS))
        self.length_alone = nn.Parameter(torch.tensor(ALONE))
        self.social_half = nn.Parameter(torch.full((len(known.social),), math.log(FEW_FRIENDS)))
        self.length_half = nn.Parameter(torch.tensor(math.log(FEW)))
        self.takers_weight = nn.Parameter(torch.tensor(TAKERS)) if hops > 1 else None
        self.sum = WeightedSum()

    @property
    def has_side_information(self) -> bool:
        return len(self.known.categories) > 0 or self.item_text is not None

    def decay_exponent(self) -> Tensor:
        """[R] at least 0; 0 keeps events of any age."""
        return F.softplus(4 * self.decay) / 4

    def items(
        self,
        rows: Tensor,
        inputs: Inputs,
        reviews: Tensor | None,
        shown: Tensor | None = None,
        takers: Tensor | None = None,
    ) -> Tensor:
        """[n, d] states of item rows. `reviews` [I, t] is the mean of each item's reviews so far;
        `shown` [n] is 0 where the ID vector is held back; `takers` [I, d] is the mean of the users
        who took it up."""
        known = inputs.id_row[rows]
        has = (known >= 0).to(self.item_id.dtype)
        has = has if shown is None else has * shown
        if len(self.item_id):
            x = F.embedding(known.clamp(min=0), self.item_id) * has[:, None]
        else:
            x = torch.zeros(len(rows), self.dim, device=rows.device)
        if len(self.known.categories):
            start, end = inputs.category_indptr[rows], inputs.category_indptr[rows + 1]
            owner, at = spans(start, end)
            weight = self.category_weight * inputs.category_weight[at]
            x = x + self.sum(self.category, weight, inputs.category[at], owner, len(rows))
        if self.item_text is not None and inputs.item_text is not None:
            x = x + _of_known(self.item_text, inputs.item_text[rows])
        if self.item_reviews is not None and reviews is not None:
            x = x + _of_known(self.item_reviews, reviews[rows])
        if self.takers_weight is not None and takers is not None:
            there = takers[rows] if shown is None else takers[rows] * shown[:, None]
            x = x + self.takers_weight * there
        return x / (x.square().sum(1, keepdim=True) + 1).sqrt()

    def events(
        self,
        inputs: Inputs,
        event: Tensor,
        owner: Tensor,
        n: int,
        now: Tensor | None,
        users_of_item: Tensor,
    ) -> Tensor:
        """[E] coefficients of events (rows of `inputs`) of `n` users, each aged to its owner's
        `now` [n]."""
        relation = inputs.relation[event]
        a = self.type_weight[relation] * inputs.value[event]
        a = a * (1 + users_of_item[inputs.item[event]]).rsqrt()
        if now is not None:
            age = (now[owner] - inputs.at[event]).clamp(min=0).float() / (DAY * AGE_UNIT_DAYS)
            undated = inputs.at[event] == torch.iinfo(torch.int64).min
            a = a * (1 + age.masked_fill(undated, 0)) ** -self.decay_exponent()[relation]
        total = torch.zeros(n, device=a.device).index_add(0, owner, a.abs())
        return a / (total[owner] + 1e-6).sqrt()

    def reviews(
        self, inputs: Inputs, event: Tensor, owner: Tensor, n: int
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Of events that are reviews with text: owner, review row, coefficient."""
        if self.user_reviews is None or inputs.review_text is None:
            return None
        review = inputs.review[event]
        written = torch.nonzero(review >= 0).ravel()
        owner = owner[written]
        count = torch.bincount(owner, minlength=n)
        return owner, review[written], self.review_weight * (1 + count[owner]).rsqrt()

    def review_messages(self, vectors: Tensor) -> Tensor:
        """[R, d]"""
        assert self.user_reviews is not None
        out: Tensor = self.user_reviews(vectors)
        return out

    def first_level(
        self,
        inputs: Inputs,
        event: Tensor,
        owner: Tensor,
        n: int,
        now: Tensor | None,
        users_of_item: Tensor,
        states: Tensor,
        state_row: Tensor,
    ) -> Tensor:
        """[n, d] users from events and reviews alone, not yet unit; `state_row` [E] is each event's
        item among `states`."""
        a = self.events(inputs, event, owner, n, now, users_of_item)
        z: Tensor = self.sum(states, a, state_row, owner, n)
        texts = self.reviews(inputs, event, owner, n)
        if texts is not None and inputs.review_text is not None:
            who, review, b = texts
            rows = torch.arange(len(review), device=review.device)
            z = z + self.sum(self.review_messages(inputs.review_text[review]), b, rows, who, n)
        return z

    def friend_weight(self, friends: Friends, told: Tensor) -> Tensor:
        """[n] the type's weight for users with so many events `told` [n]."""
        k = friends.row
        own = _share(told, self.social_half[k])
        return torch.lerp(self.social_alone[k], self.social_weight[k], own)

    def length(self, told: Tensor, tied: Tensor) -> Tensor:
        """[n] of the vectors of users with so many events `told` [n], of whom those `tied` [n] have
        friends."""
        own = _share(told, self.length_half)
        return torch.where(tied, torch.lerp(self.length_alone, torch.ones_like(own), own), 1.0)

    def set_length_alone(self, length: float) -> None:
        """As validation chose it: training sees other users than those who come."""
        with torch.no_grad():
            self.length_alone.fill_(length)

    def friend_coefficients(self, friends: Friends, n: int) -> Tensor:
        """[E] without the type's weight."""
        count = torch.bincount(friends.user, minlength=n)
        return (1 + count[friends.user]).rsqrt()

    def readable(self) -> dict[str, object]:
        """The learned weights, JSON-able."""
        half_life = [_half_life(float(d)) for d in self.decay_exponent().detach()]
        return {
            "type_weight": _named(self.known.relations, self.type_weight),
            "half_life_days": dict(zip(self.known.relations, half_life, strict=True)),
            "social_weight": _named(self.known.social, self.social_weight),
            "social_weight_without_events": _named(self.known.social, self.social_alone),
            "social_half_events": _named(self.known.social, self.social_half.exp()),
            "length_without_events": round(float(self.length_alone.detach()), 4),
            "length_half_events": round(float(self.length_half.detach().exp()), 4),
            "review_weight": round(float(self.review_weight.detach()), 4),
            "category_weight": round(float(self.category_weight.detach()), 4),
        }


def _share(told: Tensor, log_half: Tensor) -> Tensor:
    """[n] 0 without events, a half at `half` of them, near 1 with many."""
    return told / (told + log_half.exp())


def _half_life(exponent: float) -> float | None:
    """Days until an event counts half; None where that is more than a lifetime."""
    days = AGE_UNIT_DAYS * math.expm1(min(math.log(2) / max(exponent, 1e-9), 50))
    return round(days, 1) if days < 36_500 else None


def _named(names: tuple[str, ...], weights: Tensor) -> dict[str, float]:
    return {n: round(float(w), 4) for n, w in zip(names, weights.detach(), strict=True)}


def _of_known(mlp: nn.Sequential, vectors: Tensor) -> Tensor:
    """MLP of the rows that are not zeros; zeros for the others."""
    has = vectors.abs().sum(1, keepdim=True) > 0
    out: Tensor = mlp(vectors) * has
    return out


def spans(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Ranges → owner [E] and place [E] of each of their members."""
    count = (end - start).clamp(min=0)
    owner = torch.repeat_interleave(torch.arange(len(start), device=start.device), count)
    first = count.cumsum(0) - count
    return owner, torch.arange(len(owner), device=start.device) - first[owner] + start[owner]
