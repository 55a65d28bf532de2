"""Users, arms and their shares → who is in which arm, as a table that only grows.

Within a value tier users stand in the order of a keyed hash of their ids, and the order is cut at
the arms' shares: each tier has each arm's share to within one user, and who comes first is chance
to everybody who does not know the seed. Whoever has an arm keeps it, whatever becomes of their
tier; users who came later fill the arms up to their shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.audience.where import willing
from kg.errors import ConfigError, InputError, NotFound
from kg.privacy.groups import refuse_small
from kg.store import GraphStore

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCHEMA = pa.schema(
    [
        ("userId", pa.string()),
        ("experiment", pa.string()),
        ("arm", pa.string()),
        ("share", pa.float64()),  # of the arm
        ("valueTier", pa.string()),  # when the arm was given
        ("assignedAt", pa.int64()),  # epoch s
    ]
)
COLUMNS: dict[str, pa.DataType] = {f.name: f.type for f in SCHEMA}


@dataclass(frozen=True)
class Assignment:
    rows: pa.Table
    """SCHEMA, by userId"""
    new: int
    gone: int
    """Users of the former assignment who are left out now: erased, or they object"""


def check_arms(arms: Mapping[str, float]) -> None:
    """Raises ConfigError."""
    if len(arms) < 2:
        raise ConfigError("a test has two arms or more: control=0.5 and mail=0.5, say")
    for name, share in arms.items():
        if not 0 < share < 1:
            raise ConfigError(f"arm {name!r}: its share {share:g} is not between 0 and 1")
    total = sum(arms.values())
    if abs(total - 1) > 1e-9:
        raise ConfigError(f"the arms' shares add up to {total:g}, not to 1")


def check_former(former: pa.Table, experiment: str, arms: Mapping[str, float], file: str) -> None:
    """Raises InputError where a file is of another experiment, or of other arms."""
    of = pc.unique(former["experiment"]).to_pylist()
    if of != [experiment]:
        raise InputError(f"{file} is of experiment {', '.join(map(repr, of))}, not {experiment!r}")
    there = former.group_by(["arm", "share"]).aggregate([])
    said = dict(zip(there["arm"].to_pylist(), there["share"].to_pylist(), strict=True))
    if any(arms.get(name) != share for name, share in said.items()):
        was = ", ".join(f"{name}={share:g}" for name, share in sorted(said.items()))
        raise InputError(f"{file} has the arms {was}: an experiment keeps them; begin another")
    if len(pc.unique(former["userId"])) != former.num_rows:
        raise InputError(f"{file}: a user is in it twice")


def assign(
    store: GraphStore,
    experiment: str,
    arms: Mapping[str, float],
    *,
    now: int,
    seed: int = 7,
    former: pa.Table | None = None,
    only: Sequence[str] | None = None,
    smallest: int = 0,
) -> Assignment:
    """An arm for every user (or those of `only`, ids as the store has them) who does not object to
    being profiled, and for all of `former`.

    Raises ConfigError (arms), NotFound (users of `only`), GroupTooSmall (an arm of fewer than
    `smallest`)."""
    check_arms(arms)
    known = willing(store.export({"User": ("valueTier", "profiling")}, {}).nodes["User"])
    known = known.sort_by("userId").combine_chunks()
    chosen = known if only is None else known.filter(_among(store, known, only))
    kept = SCHEMA.empty_table() if former is None else former.select(SCHEMA.names).cast(SCHEMA)
    before = kept.num_rows
    kept = kept.filter(pc.is_in(kept["userId"], known["userId"].combine_chunks()))
    fresh = chosen.filter(
        pc.invert(pc.is_in(chosen["userId"], kept["userId"].combine_chunks()))
    ).combine_chunks()
    order = np.argsort(_hashes(fresh["userId"], f"{experiment}\0{seed}"), kind="stable")
    fresh = fresh.take(pa.array(order))
    arm = _arms_of(fresh, kept, arms, f"{experiment}\0{seed}")
    names = pa.array(list(arms))
    shares = pa.array(list(arms.values()), pa.float64())
    given = pa.table(
        {
            "userId": fresh["userId"],
            "experiment": pa.array([experiment] * fresh.num_rows, pa.string()),
            "arm": names.take(pa.array(arm)),
            "share": shares.take(pa.array(arm)),
            "valueTier": fresh["valueTier"],
            "assignedAt": pa.array(np.full(fresh.num_rows, now, np.int64)),
        },
        schema=SCHEMA,
    )
    rows = pa.concat_tables([kept, given]).sort_by("userId")
    for name in arms:
        size = pc.sum(pc.equal(rows["arm"], name)).as_py() or 0
        refuse_small(size, smallest, [f"arm {name}"])
    return Assignment(rows, given.num_rows, before - kept.num_rows)


def _among(store: GraphStore, known: pa.Table, only: Sequence[str]) -> pa.Array:
    wanted = pa.array(dict.fromkeys(only), pa.string())
    everyone = store.export({"User": ()}, {}).nodes["User"]["userId"].combine_chunks()
    lost = wanted.filter(pc.invert(pc.is_in(wanted, everyone)))
    if len(lost):
        raise NotFound(f"no user {lost[0].as_py()[:80]!r} in {store.url}, and {len(lost) - 1} more")
    return pc.is_in(known["userId"], wanted)


def _hashes(ids: pa.ChunkedArray, salt: str) -> NDArray[np.uint64]:
    """[N] A keyed hash of each id. hashlib takes one at a time: a million take about a second, and
    no hash of columns that is here promises the same values from version to version."""
    key = blake2b(salt.encode(), digest_size=32).digest()
    raw = b"".join(blake2b(i.encode(), key=key, digest_size=8).digest() for i in ids.to_pylist())
    return np.frombuffer(raw, np.uint64)


def _arms_of(fresh: pa.Table, kept: pa.Table, arms: Mapping[str, float], salt: str) -> Ints:
    """[N] the arm of each fresh user, who stand in the order of their hashes."""
    share = np.array(list(arms.values()))
    tiers = pc.unique(pa.chunked_array([*fresh["valueTier"].chunks, *kept["valueTier"].chunks]))
    tier = _rows(fresh["valueTier"], tiers)
    old = np.zeros((len(tiers), len(arms)), np.int64)
    np.add.at(old, (_rows(kept["valueTier"], tiers), _rows(kept["arm"], pa.array(list(arms)))), 1)
    found = np.zeros(fresh.num_rows, np.int64)
    starts = _hashes(pa.chunked_array([tiers.fill_null("")]), salt) / 2.0**64 * (1 - 1e-6)
    for k, start in enumerate(starts):  # a tier each
        rows = np.flatnonzero(tier == k)
        wanted = _cut(len(rows) + int(old[k].sum()), share, start)
        missing = np.maximum(wanted - old[k], 0)
        if missing.sum():
            counts = _cut(len(rows), missing / missing.sum(), start)
            found[rows] = np.repeat(np.arange(len(arms)), counts)
    return found


def _cut(n: int, share: Floats, start: float) -> Ints:
    """n in parts of these shares, each to within one; which are rounded up is left to `start` (in
    [0, 1)), so that on average nobody is."""
    ends = np.floor(n * np.cumsum(share) + start + 1e-9).astype(np.int64)
    ends[-1] = n
    return np.diff(np.minimum(ends, n), prepend=0)


def _rows(values: pa.ChunkedArray, among: pa.Array) -> Ints:
    found = pc.index_in(values, among)  # null is a value of its own
    return np.asarray(found.to_numpy(), np.int64)
