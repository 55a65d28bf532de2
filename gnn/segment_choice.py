"""User vectors → how many segments there are, and what segments tell of the next choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, silhouette_score

from gnn.attributes import activity_of, value_tier
from gnn.categories import Categories
from gnn.features import Past, counts
from gnn.graph import Events
from gnn.grouping import APART, SMALLEST, Method, grouped
from gnn.orders import monetary
from gnn.segments import Names, centred, mass_of, said, segments_of
from gnn.tables import GraphTables
from gnn.windows import Window

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CHOICES = (3, 4, 5, 6, 8, 10, 12, 16)
USERS_A_SEGMENT = 20
"""No more segments than leave this many users for each, on average."""
JUDGED_USERS = 2000
HALF = 4000
"""Users of each of the two samples that stability is measured with."""
NEAR = 0.7
"""Part of the best, and of the users needed, that keeps the number readers know."""
PRIOR_EVENTS = 50.0
"""A group's category mix is drawn to everyone's by this many events."""


def choose_number(
    user: Floats, seed: int, before: int | None = None, method: Method = "kmeans"
) -> tuple[int, list[dict[str, Any]]]:
    """How many segments: of CHOICES the one with the highest silhouette times stability, the fewest
    where they tie; as many as `before`, while that comes within NEAR of the highest; 1 for few
    users. And a row for each that was tried. With HDBSCAN the number is what `gnn.grouping.grouped`
    takes, and `before` what it finds.

    `silhouette` (Rousseeuw 1987) is by cosine, and 0 for those in no group, each of whom stands
    alone. `stability` (Ben-Hur, Elisseeff and Guyon 2002): two disjoint samples of users are
    grouped each for itself, and both groupings place a third sample; how far they agree is the
    adjusted Rand index.
    """
    unit = centred(user)[1]
    drawn = np.random.default_rng(seed).permutation(len(unit))
    size = min(HALF, len(unit) // 2)
    halves = unit[drawn[:size]], unit[drawn[size : 2 * size]]
    judged = unit[drawn[-JUDGED_USERS:]]
    tried: dict[int, dict[str, Any]] = {}
    for k in CHOICES:
        needed = k * USERS_A_SEGMENT * (NEAR if k == before else 1)
        if needed <= len(unit) and (row := _tried(halves, judged, k, seed, method)):
            tried[k] = row
    if not tried:
        return 1, []
    worth = {k: row["silhouette"] * max(row["stability"], 0) for k, row in tried.items()}
    best = max(worth, key=lambda k: (worth[k], -k))
    near = [k for k, row in tried.items()
            if row["segments"] == before and worth[k] >= NEAR * worth[best]]  # fmt: skip
    return max(near, key=lambda k: (worth[k], -k), default=best), list(tried.values())


def _tried(
    halves: tuple[Floats, Floats], judged: Floats, number: int, seed: int, method: Method
) -> dict[str, Any] | None:
    """A row; None where fewer than two groups come of it, or nothing but groups of one. With
    HDBSCAN it has the share of users in no group, and that of the smallest group allowed."""
    groupings = [grouped(half, number, seed, method) for half in halves]
    one, other = (places.of(judged) for places in groupings)
    placed = one != APART
    if not 1 < len(np.unique(one[placed])) < placed.sum():
        return None
    near = float(silhouette_score(judged[placed], one[placed], metric="cosine"))
    row = {
        "method": method,
        "segments": len(groupings[0].centre) if method == "hdbscan" else number,
        "silhouette": near * float(placed.mean()),
        "stability": float(adjusted_rand_score(one, other)),
    }
    if method == "hdbscan":
        row |= {"no_group": float(1 - placed.mean()), "smallest": SMALLEST / number}
    return row


def judge_groupings(
    groupings: Mapping[str, Names],
    past: sp.csr_array,
    after: Events,
    share: sp.csr_array,
) -> list[dict[str, Any]]:
    """What a grouping of users tells of their next choices: bits an event by which the category mix
    of the user's group, of the `past` events [U, C], foretells the categories of the positive
    events `after` better than everyone's mix. Of users that all groupings place. `share` [I, C]."""
    placed = np.ones(past.shape[0], np.bool_)
    for names in groupings.values():
        placed &= said(names)
    rows = np.flatnonzero(placed)
    shape = (past.shape[0], share.shape[0])
    liked = after.where(after.positive & placed[after.user])
    ends = (liked.user, liked.item)
    came = (sp.coo_array((np.ones(len(liked)), ends), shape).tocsr() @ share)[rows].tocoo()
    if not came.nnz:
        return []
    everyone = np.asarray(past[rows].sum(axis=0), np.float64) + 1e-3
    everyone /= everyone.sum()
    user, category = (np.asarray(c, np.int64) for c in came.coords)
    out = []
    for grouping, names in groupings.items():
        group = np.unique(names[rows].astype(str), return_inverse=True)[1]
        mass = mass_of(group, past[rows]) + PRIOR_EVENTS * everyone
        mix = mass / mass.sum(axis=1, keepdims=True)
        gain = np.log2(mix[group[user], category] / everyone[category])
        bits = float((came.data * gain).sum() / came.data.sum())
        out.append({"grouping": grouping, "groups": int(group.max()) + 1, "users": len(rows),
                    "bits": bits})  # fmt: skip
    return out


def fit_number(
    graph: GraphTables,
    test: Window,
    past: Past,
    categories: Categories,
    seed: int,
    before: int | None,
    method: Method = "kmeans",
) -> tuple[int, dict[str, Any]]:
    """How many segments there are, as of the test's moment (`before`: in the last release); and the
    rows "segments_tried" and "segment_quality", which has groups by value and groups by chance
    beside them, and k-means where that is not the `method`."""
    number, tried = choose_number(past.user, seed, before, method)
    found = segments_of(
        past.user, past.share, categories, seed, number=number, method=method
    ).of_user
    groupings = {"random": np.random.default_rng(seed).permutation(found), "profile": found}
    if method != "kmeans":
        plain, more = choose_number(past.user, seed, before)
        tried = more + tried
        groupings["k-means"] = segments_of(
            past.user, past.share, categories, seed, number=plain
        ).of_user
    if test.at is not None:
        activity = activity_of(test.before, graph, test.at)
        groupings["value tier (RFM)"] = value_tier(activity, monetary(graph, test.at))
    share = categories.share
    liked = counts(test.before.where(test.before.positive)) @ share
    quality = judge_groupings(groupings, liked, test.after, share)
    return number, {"segments_tried": tried, "segment_quality": quality}
