"""A published split → one training on all its training edges, settings chosen and the order of each
ranking's head learned on some of the test's users, and a table of all the others.

A part cut from the training edges at random would mislead: the published test leans to popular
items. The model has no parameters of users, so that some of them can be spared for choosing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnn.baselines import popularity
from gnn.config import TrainConfig
from gnn.encode import snapshot
from gnn.evaluate import Ints, PerUser, Task, measure, table, task
from gnn.fit import start
from gnn.fusion import Fusion
from gnn.fusion_fit import fit_fusion, fit_linear, shortlist
from gnn.graph import Events, Seen, events
from gnn.inputs import Vocabulary, inputs
from gnn.model import Encoder
from gnn.ranker_fit import fit_ranker
from gnn.retrieval import choose_weight, product_scores
from gnn.score import Scorer
from gnn.tables import GraphTables

CHOOSING = 5_000
"""Test users that settings are chosen on: the same for every seed and setting."""
LOOKED_AT = 2_000
"""Of them, those that choose the epoch"""
EVERY = 2
"""Epochs from one look to the next"""

Rows = list[dict[str, Any]]


def judged_published(
    graph: GraphTables, published: Events, config: TrainConfig, seed: int, device: torch.device
) -> Rows:
    """Rows of the users that chose nothing (`others`) and of all."""
    whole = task(events(graph), published, "new items")
    order = np.random.default_rng(0).permutation(len(whole))
    parts = np.split(order, [CHOOSING])
    choosing, others = (whole.of_users(np.sort(part)) for part in parts)
    whole = whole.of_users(np.concatenate([np.sort(part) for part in parts]))
    scorer = trained_on(graph, choosing, config, seed, device)
    short = shortlist(choosing, scorer.terms)
    linear = fit_linear(short)
    fused = fit_fusion(short)
    scorer = replace(scorer, fusion=fused)
    ranker, figures = fit_ranker(scorer, choosing, seed=seed)
    print(f"seed {seed}: {fused!r}; linear {linear!r}; ranker {figures}\n", flush=True)
    weight, tried = choose_weight(scorer, choosing)
    print(f"seed {seed}: band in one product {weight}: {tried}\n", flush=True)
    scores = _scores(replace(scorer, ranker=ranker, beside=weight), linear)
    chose, most = (measure(on, scores, top_only=True) for on in (choosing, others))
    everyone = {m: _together(chose[m], most[m]) if m in most else chose[m] for m in chose}
    rows = [
        {**row, "users": name}
        for name, on, measured in (("others", others, most), ("all", whole, everyone))
        for row in table(on, measured)
        if row["users"] == "all"
    ]
    for row in rows:
        top = f"{row['recall@20']:.4f} / {row['ndcg@20']:.4f}"
        print(f"seed {seed}, {row['users']}, {row['model']}: {top}", flush=True)
    return rows


def trained_on(
    graph: GraphTables, choosing: Task, config: TrainConfig, seed: int, device: torch.device
) -> Scorer:
    """As of the epoch that ranks best for some of the `choosing` users."""
    known = Vocabulary.of(graph, None)
    seen = inputs(graph, None, Seen(), known, device)
    torch.manual_seed(seed)
    model = Encoder(known, config.dim, config.temperature, config.hops).to(device)
    fit = start(model, seen, config, half_life=None, repeats=False, timed=False)
    dice = torch.Generator(device)
    dice.manual_seed(seed)
    some = choosing.sample(LOOKED_AT, np.random.default_rng(0))
    moment = snapshot(seen, None, None)
    best, kept, spent, began = -1.0, fit.served.state_dict(), 0.0, time.process_time()
    for epoch, loss in enumerate(fit.epochs(np.random.default_rng(seed), dice), 1):
        spent += time.process_time() - began
        if epoch % EVERY == 0 or epoch == config.epochs:
            now = Scorer(fit.served, seen, moment, Fusion(), 0, seed)
            figures = measure(some, _encoder(now), top_only=True)["encoder"].figures
            recall, ndcg = (float(figures[k].mean()) for k in ("recall@20", "ndcg@20"))
            print(
                f"{epoch} epochs, {spent:.0f} s CPU: loss {loss:.4f}, {recall:.4f} / {ndcg:.4f}",
                flush=True,
            )
            if recall + ndcg > best:
                best, best_epoch = recall + ndcg, epoch
                kept = {k: v.clone() for k, v in fit.served.state_dict().items()}
            if epoch - best_epoch >= config.patience:
                break
        if epoch == config.epochs:
            break
        began = time.process_time()
    fit.served.load_state_dict(kept)
    return Scorer(fit.served, seen, moment, Fusion(), config.rank, seed)


def _together(a: PerUser, b: PerUser) -> PerUser:
    figures = {k: np.concatenate([a.figures[k], b.figures[k]]) for k in a.figures}
    return PerUser(figures, a.reached | b.reached)


def _encoder(scorer: Scorer) -> Callable[[Ints], dict[str, Tensor]]:
    return lambda users: {"encoder": scorer.encoder_scores(users)}


def _scores(scorer: Scorer, linear: Fusion) -> Callable[[Ints], dict[str, Tensor]]:
    arms = {
        "two hops": Fusion(encoder=0, two_hop=1, out=0.5),
        "two hops + band": Fusion(encoder=0, two_hop=1, out=0.5, band=0.35),
        "linear filter, fitted": linear,
    }
    popular = torch.from_numpy(popularity(scorer.inputs.flat)).to(scorer.vectors.user.device)

    def scores(users: Ints) -> dict[str, Tensor]:
        encoder = scorer.encoder_scores(users)
        term = scorer.blend.terms(users, encoder)
        out = {"popularity": popular.repeat(len(users), 1)}
        out |= {name: weights.apply(term) for name, weights in arms.items()}
        product = product_scores(scorer, users, encoder, scorer.beside)
        out |= {"encoder": encoder, "encoder + band, one product": product}
        out["weighted sum"] = scorer.fusion.apply(term)
        return {**out, "fused": scorer.fuse(users, term)}

    return scores
