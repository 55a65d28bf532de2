"""A trained encoder and a graph at one moment → user and item vectors, with every edge's part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gnn.baselines import popularity
from gnn.encoded import Encoded, Hop
from gnn.inputs import Inputs
from gnn.model import Encoder


@dataclass(frozen=True)
class Snapshot:
    """What is known of items at one moment."""

    until: int | None
    users_of_item: Tensor
    """[I] users with a positive event before it"""
    prior: Tensor
    """[I] log of popularity then: the part of a score that is no taste"""
    reviews: Tensor | None
    """[I, t] mean vector of each item's reviews before it"""
    states: Tensor | None = None
    """[I, d] of the items, where they stand already"""
    item: Tensor | None = None
    """[I, d] their side of the score, where it stands already"""


def snapshot(inputs: Inputs, until: int | None, half_life: float | None) -> Snapshot:
    """Of the events before `until`; all of them where it is None."""
    flat = inputs.flat if until is None else inputs.flat.where(inputs.flat.at < until)
    now = inputs.now if until is None else until
    device = inputs.device
    prior = np.log1p(popularity(flat, now, half_life))
    return Snapshot(
        until,
        torch.from_numpy(popularity(flat)).to(device),
        torch.from_numpy(prior).to(device),
        _mean_reviews(inputs, until),
    )


def _mean_reviews(inputs: Inputs, until: int | None) -> Tensor | None:
    if inputs.review_text is None:
        return None
    before = inputs.review >= 0
    if until is not None:
        before &= inputs.at < until  # No leakage.
    item, review = inputs.item[before], inputs.review[before]
    size = (inputs.n_items, inputs.review_text.shape[1])
    total = torch.zeros(size, device=inputs.device)
    total.index_add_(0, item, inputs.review_text[review])
    return total / torch.bincount(item, minlength=inputs.n_items).clamp(min=1)[:, None]


@torch.no_grad()
def item_states(model: Encoder, inputs: Inputs, moment: Snapshot) -> Tensor:
    """[I, d] as of the moment."""
    if moment.states is not None:
        return moment.states
    everything = torch.arange(inputs.n_items, device=inputs.device)
    takers = takers_of(model, inputs, moment)
    return model.items(everything, inputs, moment.reviews, takers=takers)


@torch.no_grad()
def takers_of(model: Encoder, inputs: Inputs, moment: Snapshot) -> Tensor | None:
    """[I, d] mean of the users who took an item up before the moment, each by their own events and
    reviews alone; None where the model does not ask."""
    if model.takers_weight is None:
        return None
    everything = torch.arange(inputs.n_items, device=inputs.device)
    states = model.items(everything, inputs, moment.reviews)
    unit = F.normalize(first_level(model, inputs, moment, states), dim=1)
    event, _ = _before(inputs, moment)
    event = event[inputs.positive[event]]
    event = event[inputs.item[event].argsort(stable=True)]
    item = inputs.item[event]
    count = torch.bincount(item, minlength=inputs.n_items)
    share = 1 / (1 + count[item]).float()
    mean: Tensor = model.sum(unit, share, inputs.user[event], item, inputs.n_items)
    return mean


@torch.no_grad()
def first_level(model: Encoder, inputs: Inputs, moment: Snapshot, states: Tensor) -> Tensor:
    """[U, d] users from events and reviews alone, as of the moment; not yet unit."""
    event, now = _before(inputs, moment)
    return model.first_level(
        inputs, event, inputs.user[event], inputs.n_users, now, moment.users_of_item,
        states, inputs.item[event],
    )  # fmt: skip


def events_told(inputs: Inputs, moment: Snapshot) -> Tensor:
    """[U] events of each user before the moment."""
    event, _ = _before(inputs, moment)
    return torch.bincount(inputs.user[event], minlength=inputs.n_users)


def _before(inputs: Inputs, moment: Snapshot) -> tuple[Tensor, Tensor | None]:
    """Rows of the events before the moment, and each user's now."""
    until = moment.until
    event = torch.arange(len(inputs.user), device=inputs.device)
    if until is not None:
        event = event[inputs.at < until]  # No leakage.
    now = inputs.now if until is None else until
    if now is None:
        return event, None
    return event, torch.full((inputs.n_users,), now, device=inputs.device)


@torch.no_grad()
def friend_sums(
    model: Encoder, inputs: Inputs, moment: Snapshot, first: Tensor
) -> tuple[Tensor, ...]:
    """By social type [U, d]: the normalised sum of friends' vectors, without the type's weight.
    `first` [U, d] is everybody's first level."""
    unit = F.normalize(first, dim=1)
    sums = []
    for f in inputs.friends:
        if moment.until is None:
            there = torch.ones_like(f.user, dtype=torch.bool)
        else:
            there = f.since < moment.until  # No leakage. An undated tie is below every time.
        c = model.friend_coefficients(f, inputs.n_users)
        sums.append(model.sum(unit, c[there], f.other[there], f.user[there], inputs.n_users))
    return tuple(sums)


def tied(sums: tuple[Tensor, ...], told: Tensor) -> Tensor:
    """[n] whether friends say anything of users with so many events `told` [n]."""
    there = torch.zeros_like(told, dtype=torch.bool)
    for total in sums:
        there |= total.any(1)
    return there


@dataclass(frozen=True)
class Vectors:
    """On the device. score = user · item + bias"""

    user: Tensor
    item: Tensor
    bias: Tensor


@torch.no_grad()
def vectors(model: Encoder, inputs: Inputs, moment: Snapshot) -> Vectors:
    states = item_states(model, inputs, moment)
    first = users = first_level(model, inputs, moment, states)
    sums = friend_sums(model, inputs, moment, first)
    told = events_told(inputs, moment)
    for f, total in zip(inputs.friends, sums, strict=True):
        users = users + model.friend_weight(f, told)[:, None] * total
    length = model.length(told, tied(sums, told))
    users = length[:, None] * F.normalize(users, dim=1)
    return Vectors(users, item_side(model, moment, states), moment.prior)


def item_side(model: Encoder, moment: Snapshot, states: Tensor) -> Tensor:
    """[I, d] of the score, of items with these states."""
    return model.scale * states if moment.item is None else moment.item


@torch.no_grad()
def friends_alone(model: Encoder, inputs: Inputs, moment: Snapshot) -> Tensor:
    """[U, d] users as if they had no events of their own, at length 1; zeros without friends."""
    first = first_level(model, inputs, moment, item_states(model, inputs, moment))
    total = torch.zeros_like(first)
    sums = friend_sums(model, inputs, moment, first)
    for f, of_type in zip(inputs.friends, sums, strict=True):
        total = total + model.social_alone[f.row] * of_type
    return F.normalize(total, dim=1)


@torch.no_grad()
def encoded(model: Encoder, inputs: Inputs, moment: Snapshot) -> Encoded:
    """`vectors` with each edge's exact part. `moment` must be the present (`until` None)."""
    states = item_states(model, inputs, moment)
    first = first_level(model, inputs, moment, states)
    everything, now = _before(inputs, moment)
    parts = _event_hops(model, inputs, moment, everything, now, states)
    parts += _review_hops(model, inputs, everything)
    unit = F.normalize(first, dim=1)
    told = events_told(inputs, moment)
    for f in inputs.friends:
        weight = model.friend_weight(f, told)[f.user]
        c = weight * model.friend_coefficients(f, inputs.n_users)
        parts.append((f.kind, f.user, f.other, f.edge, c, unit))
    has_friends = tied(friend_sums(model, inputs, moment, first), told)
    total = torch.zeros(inputs.n_users, model.dim, device=inputs.device)
    for _, user, other, _, c, message in parts:
        total += model.sum(message, c, other, user, inputs.n_users)
    norm = total.norm(dim=1)
    shrink = torch.where(norm > 0, model.length(told, has_friends) / norm.clamp(min=1e-12), 0)
    hops = tuple(
        Hop(kind, _np(user), _np(other), _np(edge), _np(c * shrink[user]), _np(message))
        for kind, user, other, edge, c, message in parts
    )
    item = item_side(model, moment, states)
    return Encoded(_np(total * shrink[:, None]), _np(item), _np(moment.prior), hops)


_Parts = list[tuple[str, Tensor, Tensor, Tensor, Tensor, Tensor]]
"""kind, user, other, edge, coefficient, message"""


def _event_hops(
    model: Encoder,
    inputs: Inputs,
    moment: Snapshot,
    event: Tensor,
    now: Tensor | None,
    states: Tensor,
) -> _Parts:
    """One hop a behaviour type: an opinion type's high and low opinions together."""
    a = model.events(inputs, event, inputs.user[event], inputs.n_users, now, moment.users_of_item)
    kinds = list(dict.fromkeys(kind for kind, _ in inputs.flat.relations))
    place = np.array([kinds.index(kind) for kind, _ in inputs.flat.relations], np.int64)
    of = torch.from_numpy(place[inputs.flat.relation]).to(inputs.device)
    edge = torch.from_numpy(inputs.flat.edge).to(inputs.device)
    out: _Parts = []
    for k, kind in enumerate(kinds):
        rows = torch.nonzero(of == k).ravel()
        if len(rows):
            out.append((kind, inputs.user[rows], inputs.item[rows], edge[rows], a[rows], states))
    return out


def _review_hops(model: Encoder, inputs: Inputs, event: Tensor) -> _Parts:
    texts = model.reviews(inputs, event, inputs.user[event], inputs.n_users)
    if texts is None or inputs.review_text is None:
        return []
    user, review, b = texts
    return [("text", user, review, review, b, model.review_messages(inputs.review_text))]


def _np(t: Tensor) -> np.ndarray:
    out: np.ndarray = t.detach().cpu().numpy()
    return out
