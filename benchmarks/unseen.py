"""How good the model is for users it never learned from, beside the same users once it has.

    python -m benchmarks.unseen [--data FOLDER] [--share 0.1] [--seed 0] [--set epochs=22]

Gowalla, the published split. A share of the users that choose nothing is taken out of the training,
edges and all; then they are scored from their own training edges alone, with items, popularity and
the linear filter as they stand without them. Beside it the same users after a training on all.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from torch import Tensor

from benchmarks.gowalla import gowalla
from benchmarks.published import CHOOSING, trained_on
from gnn.config import TrainConfig
from gnn.evaluate import Ints, Task, measure, task
from gnn.fusion import Fusion
from gnn.fusion_fit import fit_fusion, shortlist
from gnn.graph import Seen, events
from gnn.inputs import inputs
from gnn.ranker_fit import fit_ranker
from gnn.retrieval import choose_weight, product_scores
from gnn.score import Scorer
from gnn.tables import GraphTables
from gnn.train import device_of_choice
from kg.reference import markdown
from kg.training import train_config

FIGURES = ("recall@20", "ndcg@20")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    given = parser.parse_args()
    graph, published = gowalla(given.data / "gowalla")
    config = train_config(given.preset, dict(s.split("=", 1) for s in given.settings))
    choosing, hidden = drawn(task(events(graph), published, "new items"), given.share)
    found = judged(graph, choosing, hidden, config, given.seed)
    print(markdown(("users", "score", *FIGURES), rows_of(found, len(hidden))))


Found = dict[str, dict[str, tuple[float, ...]]]
"""FIGURES by "seen" or "unseen" and score"""


def judged(
    graph: GraphTables, choosing: Task, hidden: Task, config: TrainConfig, seed: int
) -> Found:
    nobody = np.zeros(0, np.int64)
    return {
        name: figures(stranger_scorer(graph, choosing, users, config, seed), hidden)
        for name, users in (("seen", nobody), ("unseen", hidden.users))
    }


def rows_of(found: Found, users: int) -> Iterator[tuple[str, ...]]:
    for name, scores in found.items():
        for score, values in scores.items():
            yield (f"{users} {name}", score, *(f"{v:.4f}" for v in values))
    for score, values in found["unseen"].items():
        share = (f"{u / s:.3f}" for u, s in zip(values, found["seen"][score], strict=True))
        yield ("unseen / seen", score, *share)


def drawn(whole: Task, share: float) -> tuple[Task, Task]:
    """Users that settings are chosen on, as `benchmarks.published` draws them, and some to hide."""
    order = np.random.default_rng(0).permutation(len(whole))
    hidden = order[CHOOSING : CHOOSING + round(share * len(whole))]
    return whole.of_users(np.sort(order[:CHOOSING])), whole.of_users(np.sort(hidden))


def stranger_scorer(
    graph: GraphTables, choosing: Task, hidden: Ints, config: TrainConfig, seed: int
) -> Scorer:
    """Of a model that never saw the hidden users, looking at them and at all others."""
    device = device_of_choice()
    rest = trained_on(without(graph, hidden), choosing, config, seed, device)
    rest = replace(rest, fusion=fit_fusion(shortlist(choosing, rest.terms)))
    ranker, learned = fit_ranker(rest, choosing, seed=seed)
    beside, _ = choose_weight(rest, choosing)
    print(f"{len(hidden)} users hidden: {rest.fusion!r}; ranker {learned}\n", flush=True)
    now = inputs(graph, None, Seen(), rest.model.known, device)
    linear = rest.blend.linear
    return replace(rest, inputs=now, ranker=ranker, linear=linear, beside=beside)


def without(graph: GraphTables, users: Ints) -> GraphTables:
    """The graph without what these users did."""
    keep = np.ones(graph.users.num_rows, np.bool_)
    keep[users] = False
    return replace(
        graph,
        behaviour={
            kind: table.filter(pa.array(keep[table["src"].to_numpy()]))
            for kind, table in graph.behaviour.items()
        },
    )


def figures(scorer: Scorer, on: Task) -> dict[str, tuple[float, ...]]:
    """By score, the FIGURES."""

    def scores(users: Ints) -> dict[str, Tensor]:
        term = scorer.terms(users)
        plain = Fusion(encoder=0, two_hop=1)
        encoder = scorer.encoder_scores(users)
        return {
            "two hops": plain.apply(term),
            "encoder": encoder,
            "encoder + band, one product": product_scores(scorer, users, encoder, scorer.beside),
            "weighted sum": scorer.fusion.apply(term),
            "fused": scorer.fuse(users, term),
        }

    measured = measure(on, scores, top_only=True)
    return {
        name: tuple(float(m.figures[f].mean()) for f in FIGURES) for name, m in measured.items()
    }


if __name__ == "__main__":
    main()
