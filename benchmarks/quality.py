"""The model beside every baseline, on one public data set: one split, one evaluator, one table.

    python -m benchmarks.quality gowalla [--data FOLDER] [--seeds 3] [--set epochs=20] [--ablations]

`gowalla` and `amazon_beauty_s3rec` are judged on their published splits: one training on all
training edges, settings chosen on 5,000 fixed users of the test, figures of all the others
(`benchmarks.published`). The other sets are split by time where they have times, else at random
(8:1:1 of each user's items): there all rows see what came before the test, and the encoder learned
from the training part alone, as `kg train` prints it. Prints Markdown; with several seeds each
figure is the mean, with the standard deviation behind it.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.beauty import beauty
from benchmarks.gowalla import gowalla
from benchmarks.lastfm_kg import lastfm_kg
from benchmarks.peers import als, bpr, ease, lightgcn
from benchmarks.published import judged_published
from gnn.baselines import popularity
from gnn.config import TrainConfig
from gnn.evaluate import Ints, Task, measure, table
from gnn.fusion import Fusion, standard
from gnn.graph import Events, events
from gnn.quality import JUDGED, Trial, popular_order
from gnn.retrieval import product_scores
from gnn.score import Scorer
from gnn.split import Part
from gnn.tables import GraphTables, TextVectors
from gnn.train import Trained, device_of_choice, train
from kg.arrays import read_graph
from kg.ingest import ingest
from kg.reference import markdown
from kg.store import open_store
from kg.text_vectors import encode_text
from kg.training import Training, train_config
from loaders import stage

SETS = {
    "ciao": ("ciao", "ciao"),
    "lastfm_hetrec": ("lastfm_hetrec", "lastfm_hetrec"),
    "online_retail": ("online_retail", "online_retail"),
    "gift_cards": ("amazon", "amazon_gift_cards"),
    "musical_instruments": ("amazon", "amazon_musical_instruments"),
    "yelp_hin": ("yelp_hin", "yelp_hin"),
}
"""Name → source of `kg load`, folder."""
PUBLISHED = {"gowalla": gowalla, "amazon_beauty_s3rec": beauty}
"""Name, as of the folder → reader of a graph and a test"""
FIGURES = ("recall@10", "ndcg@10", "recall@20", "ndcg@20", "mrr", "coverage@20")
EASE_ITEMS = 8_000
"""Most items with events for which a dense inverse is taken."""


@dataclass(frozen=True)
class Problem:
    graph: GraphTables
    text: TextVectors | None
    published: Events | None
    """The test of a published split; None where we split"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("set", choices=[*PUBLISHED, "lastfm_kg", *SETS])
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="to go on after earlier ones")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    parser.add_argument("--text-cache", type=Path, help="keeps text vectors between runs")
    parser.add_argument(
        "--ablations", nargs="?", const="", metavar="REGEX", help="all, or those named so"
    )
    parser.add_argument("--lightgcn", action="store_true", help="slow without a GPU")
    given = parser.parse_args()
    config = train_config(given.preset, dict(s.split("=", 1) for s in given.settings))
    problem = read(given.set, given.data)
    runs = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        # a tuned encoder learns from what the seed's split leaves for training
        if seed == given.first_seed or config.tune_text:
            problem = with_text(problem, config, seed, given.text_cache)
        runs.append(judged(problem, config, seed, given))
    print(f"## {given.set}, preset {given.preset}, {given.seeds} seeds\n")
    for key in dict.fromkeys((r["task"], r["users"]) for run in runs for r in run):
        print(f"{key[0]}, users: {key[1]}\n\n{summary(runs, key)}\n")


def read(name: str, data: Path) -> Problem:
    """Without text vectors."""
    if name in PUBLISHED:
        graph, published = PUBLISHED[name](data / name)
        return Problem(graph, None, published)
    if name == "lastfm_kg":
        return Problem(lastfm_kg(data / name), None, None)
    source, folder = SETS[name]
    now = int(time.time())
    with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
        staged = stage(source, [data / folder], Path(scratch) / "staged", now=now)
        with open_store(f"ladybug://{scratch}/kg.lbug") as store:
            ingest(staged, store)
            graph = read_graph(store)
    return Problem(graph, None, None)


def with_text(problem: Problem, config: TrainConfig, seed: int, cache: Path | None) -> Problem:
    """With the vectors of its texts, where it has some."""
    start = time.process_time()
    text = encode_text(problem.graph, Training(config=config, seed=seed, cache=cache))
    if text.tuning is not None:
        print(f"seed {seed}: {time.process_time() - start:.0f} s CPU for texts: {text.tuning}\n")
    return replace(problem, text=text.vectors)


def judged(
    problem: Problem, config: TrainConfig, seed: int, given: argparse.Namespace
) -> list[dict[str, Any]]:
    if problem.published is not None:
        return judged_published(problem.graph, problem.published, config, seed, device_of_choice())
    trained, scorer, trial, on = fitted(problem, config, seed)
    linear = Fusion.model_validate(trained.metrics["linear_filter"])
    rows = table(on, measure(on, plain(scorer, trial, on, linear, trained.half_life)))
    for name, scores in peers(trial, on, seed, given.lightgcn):
        rows += table(on, measure(on, lambda users, s=scores, n=name: {n: s(users)}))
    rows += table(on, measure(on, ours(scorer)))
    for name, changed, settings in ablations(problem, config):
        if given.ablations is None or not re.search(given.ablations, name):
            continue
        _, other, _, _ = fitted(changed, settings, seed)
        both = ours(other)
        rows += table(
            on,
            measure(on, lambda u, b=both, n=name: {f"{k} {n}": v for k, v in b(u).items()}),
        )
    return rows


def fitted(problem: Problem, config: TrainConfig, seed: int) -> tuple[Trained, Scorer, Trial, Task]:
    start = time.process_time()
    trained = train(problem.graph, problem.text, config, seed=seed)
    assert trained.split is not None
    flat = events(problem.graph)
    trial = Trial.of(flat, trained.split, Part.TEST)
    on = trial.task("all items" if trained.repeats else "new items", JUDGED, seed)
    scorer = trained.scorer(problem.graph, problem.text, trained.split.before(Part.TEST))
    print(
        f"seed {seed}: {time.process_time() - start:.0f} s CPU, epoch {trained.epochs} of"
        f" {len(trained.metrics['training']['epochs'])}, {trained.fusion!r}, {trained.weights},"
        f" ranker {trained.metrics['ranker']}\n",
        flush=True,
    )
    return trained, scorer, trial, on


def plain(
    scorer: Scorer, trial: Trial, on: Task, linear: Fusion, half_life: float | None
) -> Callable[[Ints], dict[str, Tensor]]:
    """Rankings that need no training."""
    device = scorer.vectors.user.device
    popular = {"popularity": popularity(trial.before)}
    if half_life is not None:
        name = f"popularity, half-life {half_life:.0f} days"
        popular[name] = popularity(trial.before, trial.now, half_life)
    fixed = {
        "two hops": Fusion(encoder=0, two_hop=1, out=0.5),
        "two hops + band": Fusion(encoder=0, two_hop=1, out=0.5, band=0.35),
        "linear filter, fitted": linear,
    }
    whole = replace(scorer, rank=TrainConfig().rank)
    order = popular_order(torch.from_numpy(popular["popularity"]).to(device))

    def scores(users: Ints) -> dict[str, Tensor]:
        term = whole.terms(users)
        out = {
            name: torch.from_numpy(p).to(device).repeat(len(users), 1)
            for name, p in popular.items()
        }
        if on.of == "all items":
            out["own history"] = term("own") + order
        return out | {name: weights.apply(term) + order for name, weights in fixed.items()}

    return scores


def peers(
    trial: Trial, on: Task, seed: int, with_lightgcn: bool
) -> Iterator[tuple[str, Callable[[Ints], Tensor]]]:
    """Methods of others, fitted on all that came before the test."""
    matrix = trial.before.matrix()
    order = popular_order(torch.from_numpy(popularity(trial.before)))

    def in_order(scores: Callable[[Ints], Tensor]) -> Callable[[Ints], Tensor]:
        """Users without events get what is popular, as everywhere in the table."""
        return lambda users: standard(scores(users).cpu()) + order

    if (np.asarray(matrix.sum(0)) > 0).sum() <= EASE_ITEMS:
        yield "EASE^R", in_order(ease(matrix))
    yield "ALS", in_order(als(matrix, seed=seed))
    yield "BPR", in_order(bpr(matrix, seed=seed))
    if with_lightgcn:
        yield "LightGCN", in_order(lightgcn(matrix, seed=seed))


def ours(scorer: Scorer) -> Callable[[Ints], dict[str, Tensor]]:
    def scores(users: Ints) -> dict[str, Tensor]:
        encoder = scorer.encoder_scores(users)
        term = scorer.blend.terms(users, encoder)
        product = product_scores(scorer, users, encoder, scorer.beside)
        out = {"encoder": encoder, "encoder + band, one product": product}
        if scorer.ranker is not None:
            out["weighted sum"] = replace(scorer, ranker=None).fuse(users, term)
        return {**out, "fused": scorer.fuse(users, term)}

    return scores


_ALL = 1 << 40


def ablations(problem: Problem, config: TrainConfig) -> Iterator[tuple[str, Problem, TrainConfig]]:
    """The same problem without one kind of knowledge, or learned another way."""
    graph = problem.graph
    if graph.social:
        yield "- social", replace(problem, graph=replace(graph, social={})), config
    if problem.text is not None:
        yield "- text", replace(problem, text=None), config
    if graph.item_category.num_rows:
        none = {
            name: getattr(graph, name).slice(0, 0)
            for name in ("categories", "item_category", "category_parent")
        }
        yield "- categories", replace(problem, graph=replace(graph, **none)), config
    if graph.item_category.num_rows or (problem.text and problem.text.items is not None):
        # shown to one training step in a thousand: an ID vector learns next to nothing
        yield "- ID", problem, config.model_copy(update={"id_dropout": 0.999})
    yield "+ a second hop over events", problem, config.model_copy(update={"hops": 2})
    whole = {"history": _ALL, "negatives": _ALL}
    yield "full: a step with all events and items", problem, config.model_copy(update=whole)
    tenth = {"history": config.history // 10, "negatives": config.negatives // 10}
    yield "a tenth as many sampled", problem, config.model_copy(update=tenth)
    yield "BPR for softmax", problem, config.model_copy(update={"loss": "bpr"})


def summary(runs: list[list[dict[str, Any]]], key: tuple[str, str]) -> str:
    """Rows of the table: a model each, figures as mean and standard deviation over runs."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        for row in run:
            if (row["task"], row["users"]) == key:
                found.setdefault(row["model"], []).append(row)
    return markdown(
        ("model", "users", *FIGURES),
        (
            (name, str(rows[0]["n"]), *(_cell([r[f] for r in rows if f in r]) for f in FIGURES))
            for name, rows in found.items()
        ),
    )


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


if __name__ == "__main__":
    main()
