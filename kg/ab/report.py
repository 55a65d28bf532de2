"""An assignment and what came after it → each arm beside the control, with what to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.ab.statistics import (
    MISMATCH,
    Effect,
    detectable,
    of_means,
    of_rates,
    sample_ratio,
    users_for_mean,
    users_for_rate,
)
from kg.audience.where import willing
from kg.errors import InputError, QueryError
from kg.privacy.groups import refuse_small
from kg.query_types import moment
from kg.schema import BEHAVIOURS, EDGE_TABLES
from kg.store import GraphStore

Floats = NDArray[np.float64]
Measure = Literal["users", "events", "money"]
DAY = 86_400
OUTCOME: dict[str, pa.DataType] = {"userId": pa.string(), "value": pa.float64()}


@dataclass(frozen=True)
class Outcomes:
    """Of the users whose outcome counts."""

    rows: pa.Table
    """userId and value"""
    says: str
    """What the value is"""
    is_rate: bool
    """Every value is 0 or 1"""
    waiting: int = 0
    """Users left out, because their window is not over"""


@dataclass(frozen=True)
class ArmResult:
    arm: str
    assigned: int
    users: int
    """Whose outcome counts"""
    value: float
    """Rate or mean"""
    effect: Effect | None
    """Beside the control; None for the control itself"""
    detectable: float | None
    """The smallest difference that these numbers of users would show, four times in five"""
    says: str


@dataclass(frozen=True)
class Report:
    experiment: str
    outcome: str
    confidence: float
    """Of each interval: of all together it is what was asked for (Bonferroni)"""
    arms: list[ArmResult]
    mismatch_p: float
    """Of the arms' sizes, were they chance"""
    mismatch: bool
    """They are not: something kept users out of an arm, and no figure here is to be trusted"""
    needed: int | None
    """Users an arm that would show `least_lift`"""
    least_lift: float
    waiting: int
    gone: int
    """Assigned users who are left out: erased, or they object"""


def outcomes(
    store: GraphStore,
    assigned: pa.Table,
    *,
    event: str = "PURCHASED",
    measure: Measure = "users",
    days: int | None = None,
) -> Outcomes:
    """From the store's events on or after the moment a user was assigned, for `days` from then on:
    whether there is one, how many, or their money. Raises QueryError."""
    if event not in BEHAVIOURS:
        raise QueryError(f"no event type {event!r}; there are {', '.join(BEHAVIOURS)}")
    declared = {p.name for p in EDGE_TABLES[event].type.properties}
    if measure == "money" and "price" not in declared:
        raise QueryError(f"{event} has no prices; PURCHASED has")
    money = ("price", "quantity", "cancelledQuantity") if measure == "money" else ()
    columns = ("at", *(c for c in money if c in declared))
    snapshot = store.export({"User": ()}, {event: columns})
    events = snapshot.edges[event]
    if events.num_rows and events["at"].null_count == events.num_rows:
        raise QueryError(f"{event} has no times here: give the outcome as a file")
    at = pc.fill_null(events["at"], -1).to_numpy()
    last = int(at.max(initial=-1))
    since = assigned["assignedAt"].to_numpy()
    over = np.ones(len(since), np.bool_) if days is None else since + days * DAY <= last
    until = moment(last) if last >= 0 else "never"
    if not over.any():
        raise QueryError(f"nobody's {days} days are over: the last {event} here is of {until}")
    if since.min(initial=last + 1) > last:
        raise QueryError(
            f"nothing can be said yet: the last {event} here is of {until}, before anybody got an "
            "arm; load what came since"
        )
    assigned = assigned.filter(pa.array(over))
    since = since[over]
    place = pc.index_in(snapshot.nodes["User"]["userId"], assigned["userId"].combine_chunks())
    row = pc.fill_null(place, -1).to_numpy()[events["src"].to_numpy()]
    counted = (row >= 0) & (at >= 0)
    counted[counted] &= at[counted] >= since[row[counted]]
    if days is not None:
        counted[counted] &= at[counted] < since[row[counted]] + days * DAY
    weight = _money(events)[counted] if measure == "money" else None
    value = np.bincount(row[counted], weight, minlength=len(since)).astype(np.float64)
    if measure == "users":
        value = np.minimum(value, 1)
    words = {"users": f"users with {event}", "events": f"{event} a user", "money": "money a user"}
    within = "after the assignment" if days is None else f"within {days} days"
    return Outcomes(
        pa.table({"userId": assigned["userId"], "value": value}),
        f"{words[measure]} {within}",
        measure == "users",
        int((~over).sum()),
    )


def _money(events: pa.Table) -> Floats:
    pieces = pc.fill_null(events["quantity"], 1.0)
    if "cancelledQuantity" in events.column_names:
        pieces = pc.subtract(pieces, pc.fill_null(events["cancelledQuantity"], 0.0))
    return np.asarray(pc.fill_null(pc.multiply(pieces, events["price"]), 0.0).to_numpy())


def outcomes_of_file(assigned: pa.Table, given: pa.Table, file: str) -> Outcomes:
    """`given` has userId and value; assigned users without a row have 0. Raises InputError."""
    if given["userId"].null_count or given["value"].null_count:
        raise InputError(f"{file}: a row has no userId or no value")
    if not np.isfinite(given["value"].to_numpy()).all():
        raise InputError(f"{file}: a value is no finite number")
    if len(pc.unique(given["userId"])) != given.num_rows:
        raise InputError(f"{file}: a user has two rows; add them up first")
    place = pc.index_in(assigned["userId"], given["userId"].combine_chunks())
    if given.num_rows and place.null_count == len(place):
        raise InputError(f"{file}: none of its users is in the assignment")
    value = pc.fill_null(given["value"].take(place), 0.0)
    rows = pa.table({"userId": assigned["userId"], "value": value})
    is_rate = bool(np.isin(value.to_numpy(), (0, 1)).all())
    return Outcomes(rows, f"value in {file}", is_rate)


def in_store(store: GraphStore, assigned: pa.Table) -> pa.Table:
    """Those who are there and do not object."""
    known = willing(store.export({"User": ("profiling",)}, {}).nodes["User"])
    return assigned.filter(pc.is_in(assigned["userId"], known["userId"].combine_chunks()))


def report(
    assigned: pa.Table,
    found: Outcomes,
    *,
    control: str | None = None,
    confidence: float = 0.95,
    least_lift: float = 0.05,
    smallest: int = 0,
    gone: int = 0,
) -> Report:
    """`assigned` as `kg.ab.assign.SCHEMA`, all of it; the control is the arm of that name, else
    `control`'s first in the file's order of names. `least_lift` is relative.

    Raises InputError (no such arm), GroupTooSmall (an arm of fewer than `smallest` users)."""
    sizes = assigned.group_by(["arm", "share"]).aggregate([("userId", "count")]).sort_by("arm")
    names: list[str] = sizes["arm"].to_pylist()
    control = control or ("control" if "control" in names else names[0])
    if control not in names:
        raise InputError(f"no arm {control!r}; there are {', '.join(names)}")
    counts, shares = sizes["userId_count"].to_pylist(), sizes["share"].to_pylist()
    place = pc.index_in(found.rows["userId"], assigned["userId"].combine_chunks())
    arm_of = assigned["arm"].take(place)
    values = {n: found.rows["value"].filter(pc.equal(arm_of, n)).to_numpy() for n in names}
    for name, value in values.items():
        refuse_small(len(value), max(smallest, 2), [f"arm {name}, whose outcome counts"])
    alpha = (1 - confidence) / max(len(names) - 1, 1)
    base = values[control]
    variance = float(base.var(ddof=1))
    order = [control, *(n for n in names if n != control)]
    p = sample_ratio(counts, shares)
    arms = [
        _arm(name, counts[names.index(name)], values[name], None if name == control else base,
             found.is_rate, alpha)
        for name in order
    ]  # fmt: skip
    return Report(
        experiment=assigned["experiment"][0].as_py(),
        outcome=found.says,
        confidence=1 - alpha,
        arms=arms,
        mismatch_p=p,
        mismatch=p < MISMATCH,
        needed=_needed(float(base.mean()), variance, least_lift, alpha, is_rate=found.is_rate),
        least_lift=least_lift,
        waiting=found.waiting,
        gone=gone,
    )


def _arm(
    name: str, assigned: int, value: Floats, base: Floats | None, is_rate: bool, alpha: float
) -> ArmResult:
    mean = float(value.mean())
    if base is None:
        return ArmResult(name, assigned, len(value), mean, None, None, "the control")
    if is_rate:
        did = int(base.sum()), len(base), int(value.sum()), len(value)
        effect = of_rates(*did, 1 - alpha)
    else:
        effect = of_means(base, value, 1 - alpha)
    variance = float(base.var(ddof=1))
    least = detectable(variance, len(base), len(value), alpha=alpha) if variance else None
    if effect.low > 0:
        says = "better than the control"
    elif effect.high < 0:
        says = "worse than the control"
    else:
        says = "no difference shown"
    return ArmResult(name, assigned, len(value), mean, effect, least, says)


def _needed(
    mean: float, variance: float, lift: float, alpha: float, *, is_rate: bool
) -> int | None:
    if mean <= 0 or variance <= 0:
        return None
    if is_rate:
        return users_for_rate(mean, mean * lift, alpha=alpha)
    return users_for_mean(variance, mean * lift, alpha=alpha)
