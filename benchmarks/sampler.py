"""How fast training steps are made ready, on this machine.

    python -m benchmarks.sampler [--events 1000000 10000000] [--set batch=512]

Users a second (and µs of CPU a user) on synthetic graphs: ours, beside the NeighborLoader of
torch-geometric, which is left out where neither pyg-lib nor torch-sparse is installed, and beside a
pass over all edges. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import islice

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from benchmarks.speed import STEPS, begun, synthetic, table, timed
from gnn.config import TrainConfig
from gnn.encode import first_level
from gnn.fit import Fit
from gnn.tables import GraphTables
from gnn.train import device_of_choice


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    given = parser.parse_args()
    config = TrainConfig.model_validate(dict(s.split("=", 1) for s in given.settings))
    figures = [sampler(synthetic(n), n, config, device_of_choice()) for n in given.events]
    print(table(tuple(figures[0]), [tuple(f.values()) for f in figures]))


def sampler(
    graph: GraphTables, n: int, config: TrainConfig, device: torch.device
) -> dict[str, str]:
    """Users a second that are made ready for training steps: ours (what is read and what is to be
    predicted), those of torch-geometric (what is read alone), and by a pass over all edges."""
    fit = begun(graph, config, device)
    users = fit.users
    rng = np.random.default_rng(0)

    def of(batches: Iterable[object]) -> tuple[float, float]:
        """Seconds a user, from the second step on: wall, CPU"""
        left = iter(batches)
        next(left)
        with timed(device) as spent:
            done = sum(1 for _ in islice(left, STEPS))
        return spent.wall / done / config.batch, spent.cpu / done / config.batch

    found = {"ours, all events": of(fit.batches.epoch(users, rng))}
    for name, around in (("one hop, all", [-1]), ("[25]", [25]), ("[15, 10]", [15, 10])):
        try:
            found[f"NeighborLoader, {name}"] = of(neighbours(fit, around, config.batch))
        except ImportError as e:
            print(f"{name}: {e}")
    everyone = torch.arange(fit.inputs.n_items, device=device)
    moment = fit.snapshots[-1]
    with torch.no_grad(), timed(device) as spent:
        states = fit.model.items(everyone, fit.inputs, moment.reviews)
        first_level(fit.model, fit.inputs, moment, states)
    found["a pass over all edges"] = spent.wall / len(users), spent.cpu / len(users)
    return {"events": f"{n:,}"} | {
        name: f"{1 / wall:,.0f} ({1e6 * cpu:.0f} µs)" for name, (wall, cpu) in found.items()
    }


def neighbours(fit: Fit, around: list[int], size: int) -> Iterable[object]:
    """Steps of users with so many neighbours a hop, drawn by torch-geometric."""
    seen = fit.inputs
    user, item = seen.user.cpu(), seen.item.cpu() + seen.n_users
    both = torch.stack([torch.cat([item, user]), torch.cat([user, item])])
    graph = Data(edge_index=both, num_nodes=seen.n_users + seen.n_items)
    loader: Iterable[object] = NeighborLoader(
        graph,
        num_neighbors=around,
        batch_size=size,
        input_nodes=torch.from_numpy(fit.users),
        shuffle=True,
    )
    return loader


if __name__ == "__main__":
    main()
