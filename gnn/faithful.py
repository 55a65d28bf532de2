"""Interests and the edges cited for them → how far each score falls when these edges are gone,
beside as many edges drawn from the same user's others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.evidence import Sources
from gnn.features import past_of
from gnn.fitted import Fitted, Model
from gnn.graph import UNDIRECTED, Seen
from gnn.interests import chances
from gnn.portrait import Look, Standing, claims_of
from gnn.tables import GraphTables, TextVectors

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SAMPLE = 300
"""Users of whom the strongest interest is tried."""
MORE = 2
"""A user must have this many times the cited edges: else there are no others to draw from."""


def judge_evidence(
    model: Model,
    look: Look,
    fitted: Fitted,
    standing: Standing,
    graph: GraphTables,
    text: TextVectors | None,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """`fall`: share of the sum of these scores that is lost; `deeper`: share of interests whose
    score falls further than under the other removal. The whole model looks again at the graph
    without the edges, so that nothing is taken from the parts the evidence claims."""
    sources, users = look.sources, look.graph.users.num_rows
    degree = np.diff(sources.indptr)
    able = np.flatnonzero(degree > 0)
    rows = np.sort(rng.permutation(able)[: 4 * SAMPLE])
    found, evidence = claims_of(look, fitted, standing, rows)
    number = np.diff(evidence.indptr)
    own = _distinct_number(sources, users)
    first = (found.rank == 1) & (number > 0) & (own[found.user] >= MORE * number)
    tried = np.flatnonzero(first)[:SAMPLE]
    if fitted.interest is None or not len(tried):
        return []
    user, target, score = found.user[tried], found.target[tried], found.score[tried]
    cited = [evidence.cited[evidence.indptr[c] : evidence.indptr[c + 1]] for c in tried]
    drawn = [_draw(sources, u, len(c), rng) for u, c in zip(user, cited, strict=True)]
    falls: dict[str, NDArray[np.floating]] = {}
    for name, removed in (("cited", cited), ("random", drawn)):
        gone = _without(look, user, removed)
        scorer = model.scorer(graph, text, gone)
        window = replace(look.window, seen=gone, before=look.window.before.seen(gone))
        past = past_of(
            look.graph, window, scorer.encoded, look.categories,
            half_life_days=fitted.half_life_days, usual=standing.usual,
        )  # fmt: skip
        after = chances(past, fitted.interest, user, look.categories)
        falls[name] = score - after[np.arange(len(user)), target]
    other = {"cited": "random", "random": "cited"}
    return [
        {
            "removed": name,
            "interests": len(tried),
            "edges": float(np.mean([len(c) for c in cited])),
            "fall": float(fall.sum() / score.sum()),
            "deeper": float((fall > falls[other[name]]).mean()),
        }
        for name, fall in falls.items()
    ]


def _distinct_number(sources: Sources, n_users: int) -> Ints:
    """[U] sources of each user: one that reaches the vector in two ways is one."""
    user = np.repeat(np.arange(n_users), np.diff(sources.indptr))
    new = np.ones(len(user), np.bool_)  # sorted by user and source
    new[1:] = (np.diff(user) != 0) | (np.diff(sources.source) != 0)
    return np.bincount(user[new], minlength=n_users)


def _draw(sources: Sources, user: int, number: int, rng: np.random.Generator) -> Ints:
    own = np.unique(sources.source[sources.indptr[user] : sources.indptr[user + 1]])
    return rng.choice(own, number, replace=False)


def _without(look: Look, user: Ints, removed: list[Ints]) -> Seen:
    """What is seen, less these sources of each of the users."""
    graph, sources, seen = look.graph, look.sources, look.window.seen
    who = np.repeat(user, [len(r) for r in removed])
    source = np.concatenate(removed)
    kind = sources.kind_of(source)
    exclude = {name: np.array(mask, np.bool_) for name, mask in seen.exclude.items()}
    for n, (start, _, name) in enumerate(sources.kinds):
        at = np.flatnonzero(kind == n)
        table = graph.behaviour.get(name)
        if table is not None:
            mask = exclude.setdefault(name, np.zeros(table.num_rows, np.bool_))
            mask[source[at] - start] = True
            continue
        ties = graph.social[name]
        mask = exclude.setdefault(name, np.zeros(ties.num_rows, np.bool_))
        src, dst = ties["src"].to_numpy(), ties["dst"].to_numpy()
        wide = np.int64(graph.users.num_rows)
        gone = who[at] * wide + (source[at] - start)
        mask |= np.isin(src * wide + dst, gone)
        if name in UNDIRECTED:
            mask |= np.isin(dst * wide + src, gone)
    return Seen(seen.until, exclude)
