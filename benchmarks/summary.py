"""Tables in `benchmarks/results/` → `summary.md`, the README's "How fast": each job with the usual
practice beside it. `python -m benchmarks.summary` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kg.reference import markdown

RESULTS = Path(__file__).with_name("results")
HEAD = ("job", "store", "ours", "usual practice beside it", "× ours", "what bounds it")
INTRODUCTION = "CPU, not time; µs a row, of ours + of the server where there is one:"
STORES = {"ladybug": "embedded", "neo4j": "Neo4j"}
Row = Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """A step of a table, and a step of the usual practice in the same table."""

    name: str
    table: str
    """Name of a file, less the store: `stores` is stores_ladybug.md and stores_neo4j.md"""
    step: str
    usual: Mapping[str, tuple[str, str]]
    """By store: the step beside ours, and what it is called here"""
    bound: Mapping[str, str]


JOBS = (
    Job(
        "load events", "stores", "load VIEWED",
        {"ladybug": ("usual: MERGE of maps", "MERGE of maps"),
         "neo4j": ("usual: MERGE of maps, eventId unique", "MERGE of maps")},
        {"ladybug": "the engine: its bare COPY takes as long",
         "neo4j": "server CPU: records and the unique index on eventId"},
    ),
    Job(
        "the same", "stores", "load VIEWED",
        {"ladybug": ("usual: one MERGE a row", "one MERGE a row"),
         "neo4j": ("usual: one MERGE a row", "one MERGE a row")},
        {"ladybug": "", "neo4j": ""},
    ),
    Job(
        "export for training, 3 properties", "stores", "export VIEWED, 3 properties",
        {"ladybug": ("usual: a row of Python per edge", "a row of Python an edge"),
         "neo4j": ("usual: a record per edge", "a record an edge")},
        {"ladybug": "the engine's scan", "neo4j": "server CPU: a property 0.5 to 1 µs"},
    ),
    Job(
        "upsert 10,000 events, half new", "stores", "upsert VIEWED, half new (3)",
        {"neo4j": ("usual: MERGE of maps, half new (2)", "MERGE of maps")},
        {"ladybug": "the engine reads the keys of the type",
         "neo4j": "server CPU; ours also counts and refuses events that move"},
    ),
    Job(
        "embeddings, 64-d", "publish", "embeddings",
        {"ladybug": ("usual: SET of a FLOAT[64] by maps, 1,000 a batch", "SET by maps"),
         "neo4j": ("usual: SET of lists in maps, 1,000 a batch", "SET of lists in maps")},
        {"ladybug": "", "neo4j": "server CPU: nothing but the SET costs as much"},
    ),
    Job(
        "15 profile properties", "publish", "15 properties",
        {"ladybug": ("usual: SET by maps, 1,000 a batch", "SET by maps"),
         "neo4j": ("usual: SET u += map, 1,000 a batch", "SET u += map")},
        {"ladybug": "", "neo4j": "server CPU"},
    ),
    Job(
        "interest edges replaced, 9 properties", "publish", "replaced edges",
        {"ladybug": ("usual: delete and create of maps, 1,000 a batch", "DELETE, CREATE of maps"),
         "neo4j": ("usual: delete and create of maps, 1,000 a batch", "DELETE, CREATE of maps")},
        {"ladybug": "", "neo4j": "server CPU: a bare DELETE and CREATE costs as much"},
    ),
)  # fmt: skip
PUBLISHES = {"100 % of users and items, with their edges": "everything changed",
             "10% of them": "a tenth changed", "1% of them": "a hundredth changed"}  # fmt: skip


def summary(folder: Path = RESULTS) -> str:
    lines = [line for job in JOBS for store in STORES for line in _line(folder, job, store)]
    lines += [line for store in STORES for line in _publishes(folder, store)]
    lines += [line for store in STORES for line in _refreshes(folder, store)]
    lines += [line for store in STORES for line in _nearest(folder, store)]
    return f"{INTRODUCTION}\n\n{markdown(HEAD, lines)}"


def _line(folder: Path, job: Job, store: str) -> list[list[str]]:
    rows = found(folder / f"{job.table}_{store}.md")
    if job.name == "the same" and store not in job.usual:
        return []
    ours, beside, ratio = rows[job.step], "", ""
    if store in job.usual:
        step, name = job.usual[store]
        beside = f"{name}: {_each(rows[step])}"
        ratio = f"{_cpu(rows[step]) / _cpu(ours):,.1f}"
    return [[job.name, STORES[store], _each(ours), beside, ratio, job.bound[store]]]


def _publishes(folder: Path, store: str) -> list[list[str]]:
    path = folder / f"publish_{store}.md"
    size = re.search(r"^([\d,]+) users, [\d,]+ items, ([\d,]+) edges$", path.read_text(), re.M)
    if size is None:
        raise ValueError(f"{path}: says no sizes")
    what = f"publish {size[1]} users, {size[2]} interests"
    costs = {}
    for table in tables(path):
        for row in table:
            if row.get("step") == "publish":
                costs[row["changed"]] = _seconds(row)
    first, *others = PUBLISHES
    whole = [f"{what}: {PUBLISHES[first]}", STORES[store], f"{costs[first]:.0f} s", "", "", ""]
    parts = [
        [
            f"{what}: {PUBLISHES[changed]}", STORES[store], f"{costs[changed]:.0f} s",
            f"everything: {costs[first]:.0f} s", f"{costs[first] / costs[changed]:.1f}",
            "reading what is live",
        ]
        for changed in others
    ]  # fmt: skip
    return [whole, *parts]


def _refreshes(folder: Path, store: str) -> list[list[str]]:
    """Beside a training and a publish on the same graph; the training is one for both stores."""
    rows = [row for table in tables(folder / "refresh.md") for row in table]
    lines = []
    for row in rows:
        if row["step"] == "refresh" and row["store"] == store:
            alike = [r for r in rows if r["users"] == row["users"]]
            trained = next(r for r in alike if r["step"].startswith("train"))
            published = next(
                r for r in alike if r["step"].startswith("publish") and r["store"] == store
            )
            who = trained["changed"] if trained["changed"] != row["users"] else "everyone"
            whole = (_milliseconds(trained) + _milliseconds(published)) / 1000
            cost = _milliseconds(row) / 1000
            what = f"new profiles of {row['changed']} of {row['users']} users, in a running process"
            beside = f"train on, publish {who}: {whole:.0f} s"
            said = f"{cost:.2g} s" if cost < 10 else f"{cost:.0f} s"
            ratio = f"{whole / cost:,.1f}"
            lines.append([what, STORES[store], said, beside, ratio, "the model and the writes"])
    return lines


def _milliseconds(row: Row) -> float:
    return _number(row["client CPU ms"]) + _number(row["server CPU ms"])


def _nearest(folder: Path, store: str) -> list[list[str]]:
    rows = found(folder / f"nearest_{store}.md", "answer")
    ours = rows["exact, by the store" if store == "ladybug" else
                "by the index, ranked by whole vectors"]  # fmt: skip
    usual = rows["usual: all vectors to the client"]
    cost, other = _milliseconds(ours), _milliseconds(usual)
    return [[
        f"ten nearest of 200,000 users, recall {ours['recall@10']}", STORES[store],
        f"{cost:,.0f} ms", f"all vectors to the client: {other:,.0f} ms", f"{other / cost:,.1f}",
        "reading all vectors" if store == "ladybug" else "reading the candidates' vectors",
    ]]  # fmt: skip


def found(path: Path, key: str = "step") -> dict[str, Row]:
    """Rows of all tables of a file by their first column; the last of a name."""
    return {row[key]: row for table in tables(path) for row in table if key in row}


def tables(path: Path) -> list[list[Row]]:
    """The Markdown tables of a file. Raises ValueError where there is none."""
    made: list[list[Row]] = []
    head: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
            made.append([])
        elif set("".join(cells)) != {"-"}:
            # a trailing empty cell is lost with the bars
            made[-1].append(dict(zip(head, [*cells, *[""] * len(head)], strict=False)))
    if not made:
        raise ValueError(f"{path}: no table in it")
    return made


def _cpu(row: Row) -> float:
    return _number(row["client µs"]) + _number(row["server µs"])


def _each(row: Row) -> str:
    """`2.6 + 50.9 µs`"""
    parts = [_number(row[c]) for c in ("client µs", "server µs") if row[c]]
    return " + ".join(f"{p:,.0f}" if p >= 100 else f"{p:,.1f}" for p in parts) + " µs"


def _seconds(row: Row) -> float:
    return _number(row["client CPU s"]) + _number(row["server CPU s"])


def _number(text: str) -> float:
    return float(text.replace(",", "")) if text else 0.0


if __name__ == "__main__":
    (RESULTS / "summary.md").write_text(summary() + "\n", encoding="utf-8")
