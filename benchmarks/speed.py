"""How fast the encoder trains and ranks, on this machine's CPU or its GPU.

    python -m benchmarks.speed quality [--data FOLDER] [--set dim=128]
    python -m benchmarks.speed parts [--events 1000000 10000000] [--set dim=128]

`quality` trains on the published split of Gowalla and says after how many seconds of training the
encoder alone, one inner product, ranks as well as published methods, on 5,000 fixed users of the
test. `parts` trains a few steps on synthetic graphs of growing size and ranks all items for some
users: step time, events read a second, the user's sum over events beside the usual gather and
scatter, and beside the time it takes to read as many bytes. Needs no store and no kg, so that it
runs where only torch and torch-geometric are. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from benchmarks.gowalla import gowalla
from gnn.config import TrainConfig
from gnn.encode import snapshot, vectors
from gnn.evaluate import Task, measure, task
from gnn.fit import Around, Fit, start
from gnn.graph import Seen, events
from gnn.inputs import Vocabulary, inputs
from gnn.model import Encoder
from gnn.tables import GraphTables

LEVELS = (
    ("LightGCN as published", 0.1830, 0.1554),
    ("an encoder of 0.187", 0.1870, 0.1576),
    ("best published Recall@20 and NDCG@20", 0.1941, 0.1617),
)
CHOOSING = 5_000
STEPS = 40
RANKED = 4_096
"""Users who are ranked all items."""


@dataclass
class Spent:
    """Seconds."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed(device: torch.device) -> Iterator[Spent]:
    """Of all that was asked of the device, too."""
    _wait(device)
    spent, wall, cpu = Spent(), time.perf_counter(), time.process_time()
    yield spent
    _wait(device)
    spent.wall, spent.cpu = time.perf_counter() - wall, time.process_time() - cpu


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["quality", "parts"])
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    given = parser.parse_args()
    config = TrainConfig.model_validate(dict(s.split("=", 1) for s in given.settings))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}, {config!r}\n")
    if given.what == "quality":
        rows = list(to_quality(given.data / "gowalla", config, device))
        print(
            table(
                ("encoder alone", "epoch", "training, s", "of it CPU", "Recall@20 / NDCG@20"), rows
            )
        )
        return
    figures = [parts(synthetic(n), n, config, device) for n in given.events]
    print(table(tuple(figures[0]), [tuple(f.values()) for f in figures]))


def begun(graph: GraphTables, config: TrainConfig, device: torch.device) -> Fit:
    known = Vocabulary.of(graph, None)
    seen = inputs(graph, None, Seen(), known, device)
    torch.manual_seed(0)
    model = Encoder(known, config.dim, config.temperature, config.hops).to(device)
    return start(model, seen, config, half_life=None, repeats=False, timed=False)


def to_quality(
    folder: Path, config: TrainConfig, device: torch.device
) -> Iterator[tuple[str, ...]]:
    """A row for each level that is reached, and one for the best epoch."""
    graph, published = gowalla(folder)
    whole = task(events(graph), published, "new items")
    on = whole.of_users(np.sort(np.random.default_rng(0).permutation(len(whole))[:CHOOSING]))
    fit = begun(graph, config, device)
    dice = torch.Generator(device)
    dice.manual_seed(0)
    epochs = fit.epochs(np.random.default_rng(0), dice)
    wall = cpu = 0.0
    left = list(LEVELS)
    best: tuple[float, tuple[str, ...]] = (0.0, ())
    for epoch in range(1, config.epochs + 1):
        with timed(device) as spent:
            next(epochs)
        wall, cpu = wall + spent.wall, cpu + spent.cpu
        recall, ndcg = ranked(fit, on)
        row = (str(epoch), f"{wall:.0f}", f"{cpu:.0f}", f"{recall:.4f} / {ndcg:.4f}")
        while left and recall >= left[0][1] and ndcg >= left[0][2]:
            yield (left.pop(0)[0], *row)
        best = max(best, (recall + ndcg, row))
    yield ("best epoch", *best[1])


def ranked(fit: Fit, on: Task) -> tuple[float, float]:
    """Recall@20 and NDCG@20 of the encoder alone."""
    with torch.no_grad():
        v = vectors(fit.served, fit.inputs, snapshot(fit.inputs, None, None))

    def scores(users: np.ndarray) -> dict[str, Tensor]:
        rows = torch.as_tensor(users, device=v.user.device)
        return {"": torch.addmm(v.bias, v.user[rows], v.item.T)}

    figures = measure(on, scores, top_only=True)[""].figures
    return float(figures["recall@20"].mean()), float(figures["ndcg@20"].mean())


def parts(graph: GraphTables, n: int, config: TrainConfig, device: torch.device) -> dict[str, str]:
    """Of one graph. Memory is the process's peak, or the GPU's."""
    fit = begun(graph, config, device)
    rng, dice = np.random.default_rng(0), torch.Generator(device)
    dice.manual_seed(0)
    batches = list(islice(fit.batches.epoch(fit.users, rng), STEPS + 3))
    for batch in batches[:3]:  # warm
        fit.step(batch, Around((), None), dice)
    with timed(device) as steps:
        for batch in batches[3:]:
            fit.step(batch, Around((), None), dice)
    read = sum(len(b.event) for b in batches[3:])
    ours, usual, bound = aggregation(fit, config.dim)
    with timed(device) as ranking:
        top_hundred(fit)
    peak = (
        torch.cuda.max_memory_allocated(device) / 2**30
        if device.type == "cuda"
        else getrusage(RUSAGE_SELF).ru_maxrss / 2**20
    )
    done = len(batches) - 3
    return {
        "events": f"{n:,}",
        "users × items": f"{graph.users.num_rows:,} × {graph.items.num_rows:,}",
        "step, ms (CPU)": f"{1e3 * steps.wall / done:.0f} ({1e3 * steps.cpu / done:.0f})",
        "events read / s": f"{read / steps.wall:,.0f}",
        "sum over events, M/s": f"{ours:.1f}",
        "gather and scatter": f"{usual:.1f}",
        "of the speed of a plain copy": f"{ours / bound:.0%}",
        "users ranked / s, top 100": f"{RANKED / ranking.wall:,.0f}",
        "peak, GiB": f"{peak:.1f}",
    }


def aggregation(fit: Fit, dim: int) -> tuple[float, float, float]:
    """Million events a second into users' sums: ours, by gather and scatter, and by the bytes that
    must be read, at the speed of a plain copy."""
    seen = fit.inputs
    device, n = seen.device, min(len(seen.user), 2_000_000)
    user, item = seen.user[:n], seen.item[:n]
    states = torch.randn(seen.n_items, dim, device=device)
    weight = torch.rand(n, device=device)
    users = int(user[-1]) + 1
    of = fit.model.sum

    def usual() -> Tensor:
        out = torch.zeros(users, dim, device=device)
        return out.index_add_(0, user, weight[:, None] * states[item])

    block = torch.randn(64_000_000 // 4, device=device)
    copy = _best(lambda: block.clone(), device)
    bytes_a_second = 2 * block.numel() * 4 / copy
    ours = _best(lambda: of(states, weight, item, user, users), device)
    assert torch.allclose(of(states, weight, item, user, users), usual(), atol=1e-3)
    return n / ours / 1e6, n / _best(usual, device) / 1e6, bytes_a_second / (4 * dim + 12) / 1e6


def _best(work: Callable[[], Tensor], device: torch.device) -> float:
    with torch.no_grad():
        work()
        taken = []
        for _ in range(5):
            with timed(device) as spent:
                work()
            taken.append(spent.wall)
    return min(taken)


@torch.no_grad()
def top_hundred(fit: Fit) -> None:
    """In blocks, over all items."""
    v = vectors(fit.served, fit.inputs, snapshot(fit.inputs, None, None))
    users = v.user[:RANKED]
    for block in users.split(max(1, 64_000_000 // len(v.item))):
        torch.addmm(v.bias, block, v.item.T).topk(min(100, len(v.item)), dim=1)


def synthetic(n_events: int, seed: int = 7) -> GraphTables:
    """Ten events a user, one item for two users; both ends by a power law."""
    rng = np.random.default_rng(seed)
    users, items = max(n_events // 10, 100), max(n_events // 20, 100)

    def drawn(n: int) -> np.ndarray:
        return (n * rng.random(n_events) ** 2).astype(np.int64)

    nothing = pa.table({"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())})
    user = np.sort(drawn(users))
    return GraphTables(
        users=pa.table({"userId": pa.array(np.arange(users)).cast(pa.string())}),
        items=pa.table({"itemId": pa.array(np.arange(items)).cast(pa.string())}),
        categories=pa.table({"categoryId": pa.array([], pa.string())}),
        behaviour={"VIEWED": pa.table({"src": user, "dst": drawn(items)})},
        social={},
        item_category=nothing,
        category_parent=nothing,
    )


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
