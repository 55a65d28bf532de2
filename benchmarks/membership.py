"""Does a trained model tell who was in its training? Membership inference, before and after an
erasure, and after the next training.

    python benchmarks/membership.py [--users 1500] [--seeds 3]

Half of a synthetic shop's users are trained on; the others object. The attacker knows all a person
did and has the released model: it profiles a twin, a new user with the same events, and asks how
far the model puts the person's own items above the rest. The AUC says how well that tells those
trained on from the others: 0.5 is a coin. Twins are used throughout, so that nothing but the
learned item side can tell. Then a third of the members is erased, and the model trained again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from kg.config import Settings
from kg.export import read_tables
from kg.ingest import ingest
from kg.privacy.erasure import forget
from kg.publish import publish
from kg.reference import markdown
from kg.refresh import Refresher
from kg.schema import BEHAVIOURS
from kg.store import GraphStore, open_store
from kg.training import Training, train_config, train_release
from loaders import stage

NOW = 1_780_000_000
TWIN = "twin of "


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    found = [measured(given.users, seed) for seed in range(given.seeds)]
    rows = []
    for name in found[0]:
        each = [f[name] for f in found]
        mean, spread = np.mean(each), np.std(each)
        rows.append([name, f"{mean:.3f}", f"±{spread:.3f}", ", ".join(f"{x:.3f}" for x in each)])
    print(markdown(("who, and when", "AUC", "over seeds", "each"), rows))
    print(f"\nby chance 0.5; {given.users} users, half of them members, a third of those erased")


def measured(users: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    training = Training(config=train_config("small", {}), encoder="none", seed=seed)
    with (
        tempfile.TemporaryDirectory(prefix="membership-") as folder,
        open_store(f"ladybug://{folder}/kg.lbug") as store,
    ):
        at = Path(folder)
        options = {"users": str(users), "seed": str(seed)}
        ingest(stage("synthetic", [], at / "in", now=NOW, options=options), store)
        everyone = [row[0] for row in _rows(store, "MATCH (u:User) RETURN u.userId")]
        order = rng.permutation(everyone).tolist()
        members, others = order[: users // 2], order[users // 2 :]
        own = _twins(store)
        _say(store, [*others, *(TWIN + u for u in everyone)], profiling=False)

        def auc(some: list[str], now: int) -> float:
            publish(store, at / "r", now=now, force="benchmark")
            twins = [TWIN + u for u in [*some, *others]]
            _say(store, twins, profiling=True)
            Refresher.open(store, at / "r", training).refresh(twins, now=now)
            shown = _shown(store, own)
            _say(store, twins, profiling=False)
            return _auc([shown[TWIN + u] for u in some if TWIN + u in shown],
                        [shown[TWIN + u] for u in others if TWIN + u in shown])  # fmt: skip

        train_release(store, at / "r", training, now=NOW)
        erased = members[: users // 6]
        found = {
            "members, in the training": auc(members, NOW + 1),
            "those to be erased, before": auc(erased, NOW + 2),
        }
        forget(store, at / "r", erased, now=NOW + 3, chosen=Settings(home=at / "home"))
        found["erased, until the next training"] = auc(erased, NOW + 4)
        train_release(store, at / "r", training, now=NOW + 100)
        found["erased, after the next training"] = auc(erased, NOW + 101)
        return found


def _rows(store: GraphStore, text: str) -> list[list[str]]:
    return store.query(text, max_rows=10_000_000, timeout_s=600).rows


def _twins(store: GraphStore) -> pl.DataFrame:
    """A new user with the events of each; returns who (the twin) touched what."""
    named = []
    for name in [n for n in BEHAVIOURS if store.counts().get(n)]:
        _, table = next(iter(read_tables(store, [name])))
        frame = pl.DataFrame(pl.from_arrow(table)).with_columns(
            src=TWIN + pl.col("src"), eventId=TWIN + pl.col("eventId")
        )
        store.upsert("User", frame.select(userId="src").unique().to_arrow().cast(_KEY))
        store.upsert(name, frame.to_arrow().cast(table.schema))
        named.append(frame.select("src", "dst"))
    return pl.concat(named).unique()


_KEY = pa.schema([("userId", pa.string())])


def _say(store: GraphStore, users: list[str], *, profiling: bool) -> None:
    store.upsert("User", pa.table({"userId": users, "profiling": [profiling] * len(users)}))


def _shown(store: GraphStore, own: pl.DataFrame) -> dict[str, float]:
    """How far above the others the model puts each twin's own items, in deviations."""
    nodes = store.export({"User": ("embedding",), "Item": ("embedding", "scoreBias")}, {}).nodes
    users = pl.DataFrame(pl.from_arrow(nodes["User"])).filter(pl.col("embedding").is_not_null())
    items = pl.DataFrame(pl.from_arrow(nodes["Item"])).filter(pl.col("embedding").is_not_null())
    u, i = (np.stack(t["embedding"].to_list()) for t in (users, items))
    score = u @ i.T + items["scoreBias"].to_numpy()
    score = (score - score.mean(1, keepdims=True)) / score.std(1, keepdims=True)
    row = {k: n for n, k in enumerate(users["userId"])}
    column = {k: n for n, k in enumerate(items["itemId"])}
    found: dict[str, list[float]] = {}
    for who, what in own.iter_rows():
        if who in row and what in column:
            found.setdefault(who, []).append(score[row[who], column[what]])
    return {who: float(np.mean(scores)) for who, scores in found.items()}


def _auc(yes: list[float], no: list[float]) -> float:
    from scipy.stats import rankdata

    ranks = rankdata([*yes, *no])[: len(yes)]
    return float((ranks.sum() - len(yes) * (len(yes) + 1) / 2) / (len(yes) * len(no)))


if __name__ == "__main__":
    main()
