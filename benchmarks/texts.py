"""What texts bring, by how they become vectors; and items nobody knows yet, by their texts alone.

    python -m benchmarks.texts musical_instruments gift_cards [--seeds 5] [--tuned 2]

Each row is a training on the same split, the last events for the test: without text, with TF-IDF
(words and pairs of words of the training period, 256 directions by singular vectors), with the
encoder's [CLS] or the mean of its tokens, and with `--tuned LAYERS` the mean of an encoder whose
last layers were tuned. The encoder is judged alone and fused. Below: items without any event before
the test, ranked among such items for those who took one up, beside how popular each one's
categories are. Prints Markdown; mean and standard deviation over seeds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from torch import Tensor

from benchmarks.quality import SETS, Problem, read, with_text
from gnn.config import TrainConfig
from gnn.evaluate import Ints, Task, measure
from gnn.graph import events
from gnn.quality import JUDGED, Trial
from gnn.split import Part, split
from gnn.tables import GraphTables, TextVectors
from gnn.text import ReviewEncoder
from gnn.train import Trained, train
from kg.reference import markdown
from kg.text_vectors import texts_of

WIDTH = 256
FIGURES = ("recall@20", "ndcg@20")
HEAD = ("texts", "encoder", "fused", "text, CPU s")
NEW_HEAD = ("new items", "users", "items", "by their categories' popularity", "encoder")

Row = dict[str, list[tuple[float, ...]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="+", choices=list(SETS))
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tuned", type=int, nargs="*", default=[], metavar="LAYERS")
    parser.add_argument("--text-cache", type=Path, help="keeps text vectors between runs")
    given = parser.parse_args()
    for name in given.sets:
        problem = read(name, given.data)
        print(f"## {name}, {given.seeds} seeds, recall@20 / ndcg@20\n", flush=True)
        rows, new = [], []
        for how, vectors in arms(problem, given.text_cache, given.tuned):
            ranked: dict[str, list[tuple[float, ...]]] = {"encoder": [], "fused": []}
            fresh: dict[str, list[tuple[float, ...]]] = {"categories": [], "encoder": []}
            start = time.process_time()
            text, counts = vectors(), (0, 0)
            spent = time.process_time() - start
            for seed in range(given.seeds):
                trained = train(problem.graph, text, TrainConfig(), seed=seed)
                for row in trained.metrics["quality"]:
                    if row["users"] == "all" and row["model"] in ranked:
                        ranked[row["model"]].append(tuple(row[f] for f in FIGURES))
                counts, found = unknown(problem.graph, text, trained)
                for model, figures in found.items():
                    fresh[model].append(figures)
            rows.append([how, said(ranked["encoder"]), said(ranked["fused"]), f"{spent:.0f}"])
            new.append([how, *map(str, counts), said(fresh["categories"]), said(fresh["encoder"])])
        print(markdown(HEAD, rows), "\n", markdown(NEW_HEAD, new), sep="\n", flush=True)


def arms(
    problem: Problem, cache: Path | None, tuned: list[int]
) -> Iterator[tuple[str, Callable[[], TextVectors | None]]]:
    graph = problem.graph
    yield "none", lambda: None
    if texts_of(graph) == (None, None):
        return
    yield "TF-IDF", lambda: tf_idf(graph)
    yield "encoder, [CLS]", lambda: first_token(graph)
    yield "encoder, mean", lambda: with_text(problem, TrainConfig(), 0, cache).text
    for layers in tuned:
        config = TrainConfig(tune_text=layers)
        yield (
            f"tuned, last {layers} layers",
            lambda c=config: with_text(problem, c, 0, cache).text,  # type: ignore[misc]
        )


def tf_idf(graph: GraphTables) -> TextVectors:
    """Words are counted in what may be learned from: item texts, and reviews before the cut."""
    items, reviews = texts_of(graph)
    learned = [] if items is None else items.drop_null().to_pylist()
    if reviews is not None:
        may = split(graph, TrainConfig(), seed=0).part["REVIEWED"] == Part.TRAIN
        learned += reviews.filter(pa.array(may)).drop_null().to_pylist()
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=3, max_features=50_000, sublinear_tf=True)
    directions = TruncatedSVD(WIDTH, random_state=0)
    directions.fit(words.fit_transform(learned))

    def of(texts: pa.Array | None) -> np.ndarray | None:
        if texts is None:
            return None
        found = directions.transform(words.transform([t or "" for t in texts.to_pylist()]))
        return np.asarray(normalize(found), np.float32)

    return TextVectors(of(items), of(reviews))


def first_token(graph: GraphTables) -> TextVectors:
    encoder = ReviewEncoder.open(pooling="cls")
    items, reviews = texts_of(graph)
    return TextVectors(*(None if t is None else encoder.encode(t) for t in (items, reviews)))


def unknown(
    graph: GraphTables, text: TextVectors | None, trained: Trained
) -> tuple[tuple[int, int], dict[str, tuple[float, ...]]]:
    """Users and items, and figures by model, where only items without an event before the test are
    ranked."""
    assert trained.split is not None
    flat = events(graph)
    trial = Trial.of(flat, trained.split, Part.TEST)
    taken = np.bincount(trial.before.item, minlength=flat.n_items)
    held_out = trial.held_out.where(taken[trial.held_out.item] == 0)
    asked = replace(trial, held_out=held_out).find("new items", JUDGED, 0)
    if asked is None:
        return (0, int((taken == 0).sum())), {}
    scorer = trained.scorer(graph, text, trained.split.before(Part.TEST))
    known = torch.from_numpy(taken > 0)
    by_category = torch.from_numpy(category_popularity(graph, taken))

    def scores(users: Ints) -> dict[str, Tensor]:
        out = {
            "categories": by_category.repeat(len(users), 1),
            "encoder": scorer.encoder_scores(users).cpu(),
        }
        return {name: s.masked_fill(known, float("-inf")) for name, s in out.items()}

    return (len(asked), int((taken == 0).sum())), figures_of(asked, scores)


def category_popularity(graph: GraphTables, taken: Ints) -> np.ndarray:
    """[I] mean events of an item of the item's categories."""
    item, category = (graph.item_category[c].to_numpy() for c in ("src", "dst"))
    n = max(graph.categories.num_rows, 1)
    total = np.bincount(category, weights=taken[item], minlength=n)
    mean = total / np.maximum(np.bincount(category, minlength=n), 1)
    out = np.bincount(item, weights=mean[category], minlength=len(taken))
    return (out / np.maximum(np.bincount(item, minlength=len(taken)), 1)).astype(np.float32)


def figures_of(
    on: Task, scores: Callable[[Ints], dict[str, Tensor]]
) -> dict[str, tuple[float, ...]]:
    found = measure(on, scores, top_only=True)
    return {m: tuple(float(p.figures[f].mean()) for f in FIGURES) for m, p in found.items()}


def said(runs: list[tuple[float, ...]]) -> str:
    if not runs:
        return ""
    mean, spread = np.mean(runs, 0), np.std(runs, 0, ddof=1) if len(runs) > 1 else [0.0, 0.0]
    return " / ".join(f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True))


if __name__ == "__main__":
    main()
