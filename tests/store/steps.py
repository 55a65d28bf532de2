"""Releases of two thousand users that differ step by step, each row saying when it last changed."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kg.store import GraphStore, ReleaseTables, open_store
from tests.store.tables import interests, release, similar, table, users

MANY = [f"u{k}" for k in range(2000)]
EDGES = ("INTERESTED_IN.Category", "INTERESTED_IN.Item", "SIMILAR_TO")


def stepped(step: int, every: int = 1) -> ReleaseTables:
    """Two thousand users, each with a figure, two interests and a neighbour that say in which step
    they last changed. In each step one user of `every` does."""
    said = steps(step, every)
    version = f"v{step}"
    ends = {"INTERESTED_IN.Category": "desk", "INTERESTED_IN.Item": "pen", "SIMILAR_TO": "ada"}
    rows = {
        n: [(u, end, float(s)) for u, s in zip(MANY, said, strict=True)] for n, end in ends.items()
    }
    profiles = users(MANY, version)
    at = profiles.schema.get_field_index("frequency")
    return release(
        version,
        users=profiles.set_column(at, "frequency", pa.array(said, pa.int64())),
        edges={
            "INTERESTED_IN.Category": interests("Category", rows[EDGES[0]], version),
            "INTERESTED_IN.Item": interests("Item", rows[EDGES[1]], version),
            "SIMILAR_TO": similar(rows[EDGES[2]], version),
        },
    )


def steps(step: int, every: int) -> list[int]:
    return [step - (step - k) % every for k in range(len(MANY))]


def add_many(url: str, every: int = 1) -> None:
    """To a store that holds the shop."""
    with open_store(url) as store:
        store.upsert("User", table("User", userId=MANY))
        store.write_release(stepped(0, every))


def assert_whole(store: GraphStore, every: int = 1) -> int:
    """One look finds the profiles and edges of one step, all of them, under the versions that last
    changed them. Returns the step."""
    names = ["score", "modelVersion"]
    seen = store.export({"User": ["frequency", "modelVersion"]}, dict.fromkeys(EDGES, names))
    people = seen.nodes["User"].filter(pc.starts_with(seen.nodes["User"]["userId"], "u"))
    found = {"User": (people["userId"], people["frequency"], people["modelVersion"])}
    for name in EDGES:
        who = seen.nodes["User"]["userId"].take(seen.edges[name]["src"])
        found[name] = (who, *(seen.edges[name][c] for c in names))
    step = pc.max(people["frequency"]).as_py()
    expected = sorted(zip(MANY, steps(step, every), strict=True))
    for name, columns in found.items():
        rows = sorted(zip(*(c.to_pylist() for c in columns), strict=True))
        assert rows == [(u, s, f"v{max(s, 0)}") for u, s in expected], name
    live = store.query("MATCH (r:ProfileRelease) WHERE r.status = 'live' RETURN r.version").rows
    assert len(live) == 1
    return int(step)
