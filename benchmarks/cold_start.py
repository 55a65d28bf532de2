"""How good the profile of somebody new is, by how much is told of them, beside popularity.

    python -m benchmarks.cold_start ciao online_retail synthetic [--data FOLDER] [--preset small]

Users are drawn and taken out of the graph, with all they did. A model learns from the rest, up to
the test's cut, as `kg train` does. Then, of each drawn user, it is told the last 0, 1, 2, 3, 5 and
10 events before the cut (as `kg profile --from` is), alone or with their social ties, and ranks all
items they had not touched; what they took up after the cut is the answer. The same users and
answers in every row: those with ten events before the cut or more, and something new after it.
Where there are no times a fifth of each drawn user's items, at random, is the answer. The last
column is the profile's taste alone, not drawn to popularity as the profile of somebody known by few
events is where validation bears that out. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from benchmarks.quality import SETS
from gnn.baselines import popularity
from gnn.catalogue import Catalogue, catalogue_of, on_catalogue, places_of, scorer_on
from gnn.config import PRESETS, TrainConfig
from gnn.evaluate import Ints, Task, measure, task
from gnn.fusion import Fusion
from gnn.graph import Events, Seen, events
from gnn.inputs import inputs
from gnn.quality import popular_order
from gnn.score import Scorer
from gnn.split import Part
from gnn.tables import GraphTables, TextVectors
from gnn.train import Trained, train
from kg.arrays import read_graph
from kg.ingest import ingest
from kg.reference import markdown
from kg.store import open_store
from kg.text_vectors import encode_text
from kg.training import Training
from loaders import stage

TOLD = (0, 1, 2, 3, 5, 10)
MOST = 2_000
"""Users drawn; never more than a fifth of all."""
COLUMNS = ("set", "events told", "users", "popularity", "linear filter", "profile",
           "profile with friends", "taste alone")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="+", choices=["synthetic", *SETS])
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--users", type=int, default=2000, help="of the synthetic shop")
    parser.add_argument("--preset", default="default", choices=list(PRESETS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--text-cache", type=Path, help="keeps text vectors between runs")
    given = parser.parse_args()
    rows: list[list[str]] = []
    for name in given.sets:
        began = time.monotonic()
        graph, text = read(name, given)
        rows += judged(name, graph, text, TrainConfig.preset(given.preset), given.seed)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print("Recall@20 / NDCG@20\n")
    print(markdown(COLUMNS, rows))


def read(name: str, given: argparse.Namespace) -> tuple[GraphTables, TextVectors | None]:
    now = int(time.time())
    source, folder = SETS.get(name, ("synthetic", ""))
    files = [given.data / folder] if folder else []
    options = {} if folder else {"users": str(given.users)}
    with tempfile.TemporaryDirectory(prefix="cold-") as scratch:
        staged = stage(source, files, Path(scratch) / "staged", now=now, options=options)
        with open_store(f"ladybug://{scratch}/kg.lbug") as store:
            ingest(staged, store)
            graph = read_graph(store)
    training = Training(config=TrainConfig(), encoder=given.encoder, cache=given.text_cache)
    return graph, encode_text(graph, training).vectors


def judged(
    name: str, graph: GraphTables, text: TextVectors | None, config: TrainConfig, seed: int
) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    flat = events(graph)
    n = graph.users.num_rows
    drawn = np.zeros(n, np.bool_)
    drawn[rng.choice(n, min(MOST, n // 5), replace=False)] = True
    rest, its_text, _ = kept(graph, text, ~drawn, None)
    trained = train(rest, its_text, config, seed=seed)
    assert trained.split is not None
    seen = trained.split.before(Part.TEST)
    scorer = trained.scorer(rest, its_text, seen)
    # the plain filter stands in the table, whether or not the fused score has a use for it
    linear = replace(scorer, rank=config.rank).blend.linear
    catalogue = replace(catalogue_of(rest, scorer), linear=linear)
    before, after = halves(flat, drawn, seen.until, rng)
    on = task(before, after, "new items")
    enough = np.bincount(before.user, minlength=n)[on.users] >= max(TOLD)
    on = on.of_users(np.flatnonzero(drawn[on.users] & enough))
    learned = events(rest).seen(seen)
    now = seen.until
    popular = torch.from_numpy(popularity(learned, now, trained.half_life))
    rows = []
    for told in TOLD:
        shown = last(before, told)
        known = stranger(graph, text, drawn, shown, catalogue, trained, seen.until)
        alone = replace(graph, social={})
        lonely = stranger(alone, text, drawn, shown, catalogue, trained, seen.until)
        rows.append([name, str(told), str(len(on)), *figures(on, popular, trained, lonely, known)])
        if not graph.social:
            rows[-1][COLUMNS.index("profile with friends")] = ""
    return rows


def figures(
    on: Task, popular: torch.Tensor, trained: Trained, lonely: Scorer, known: Scorer
) -> list[str]:
    linear = Fusion.model_validate(trained.metrics["linear_filter"])
    order = popular_order(popular)

    def scores(users: Ints) -> dict[str, torch.Tensor]:
        term = lonely.terms(users)
        taste = replace(lonely, fusion=lonely.fusion.model_copy(update={"half": 0.0}))
        return {
            "popularity": popular.repeat(len(users), 1),
            "linear filter": linear.apply(term) + order,
            "profile": lonely.fuse(users, term),
            "profile with friends": known.fuse(users, known.terms(users)),
            "taste alone": taste.fuse(users, term),
        }

    found = measure(on, scores, top_only=True)
    return [
        " / ".join(f"{found[m].figures[f].mean():.4f}" for f in ("recall@20", "ndcg@20"))
        for m in COLUMNS[3:]
    ]


def halves(
    flat: Events, drawn: np.ndarray, cut: int | None, rng: np.random.Generator
) -> tuple[Events, Events]:
    """Of the drawn users: what came before the test's cut, and what came after."""
    if cut is not None:
        early = flat.dated & (flat.at < cut)
    else:
        pairs = np.unique(flat.pair)
        early = (rng.random(len(pairs)) >= 0.2)[np.searchsorted(pairs, flat.pair)]
    return flat.where(early & drawn[flat.user]), flat.where(~early & drawn[flat.user])


def last(before: Events, number: int) -> dict[str, np.ndarray]:
    """By behaviour type the rows of its table that hold the users' last `number` events."""
    ends = np.searchsorted(before.user, before.user, side="right")
    late = before.where(ends - np.arange(len(before)) <= number)
    found: dict[str, list[np.ndarray]] = {}
    for k, (kind, _) in enumerate(late.relations):
        found.setdefault(kind, []).append(late.edge[late.relation == k])
    return {kind: np.concatenate(parts) for kind, parts in found.items()}


def kept(
    graph: GraphTables,
    text: TextVectors | None,
    users: np.ndarray,
    also: dict[str, np.ndarray] | None,
) -> tuple[GraphTables, TextVectors | None, dict[str, np.ndarray]]:
    """The graph with the events of some users, and the rows `also`; without the others' ties
    where `also` is None."""
    mask = {}
    for kind, table in graph.behaviour.items():
        keep = users[table["src"].to_numpy()]
        if also is not None and kind in also:
            keep[also[kind]] = True
        mask[kind] = keep
    behaviour = {k: t.filter(pa.array(mask[k])) for k, t in graph.behaviour.items()}
    social = dict(graph.social)
    if also is None:
        for kind, table in social.items():
            both = users[table["src"].to_numpy()] & users[table["dst"].to_numpy()]
            social[kind] = table.filter(pa.array(both))
    if text is not None and text.reviews is not None and "REVIEWED" in mask:
        text = replace(text, reviews=text.reviews[mask["REVIEWED"]])
    return replace(graph, behaviour=behaviour, social=social), text, mask


def stranger(
    graph: GraphTables,
    text: TextVectors | None,
    drawn: np.ndarray,
    shown: dict[str, np.ndarray],
    catalogue: Catalogue,
    trained: Trained,
    cut: int | None,
) -> Scorer:
    """The model looking at the drawn users, of whom it is told `shown` alone, with the items as
    they stood without them."""
    told, its_text, _ = kept(graph, text, ~drawn, shown)
    reviews = None if its_text is None else TextVectors(reviews=its_text.reviews)
    device = trained.model.type_weight.device
    placed = on_catalogue(catalogue, told, places_of(catalogue, told.items["itemId"]))
    known = inputs(placed, reviews, Seen(until=cut), trained.model.known, device)
    return scorer_on(catalogue, trained, known)


if __name__ == "__main__":
    main()
