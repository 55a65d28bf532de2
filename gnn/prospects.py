"""A graph → when users come again and what they will spend: models fitted on all there is, and
judged on the last quarter of the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gnn.bg_nbd import BgNbd
from gnn.facts import facts_of
from gnn.features import own_acts
from gnn.graph import events
from gnn.tables import GraphTables
from gnn.value import ValueModel, fit_value
from gnn.waiting import comings, fit_waiting
from gnn.windows import last_moment


@dataclass(frozen=True)
class Prospects:
    waiting: BgNbd | None
    value: ValueModel | None
    metrics: dict[str, Any] = field(default_factory=dict)
    """"next_time" and "value" (rows)"""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Reasons by property"""


def fit_prospects(graph: GraphTables, *, now: int | None, timed: bool) -> Prospects:
    """From what is known before `now` (epoch s, default: all there is). Nothing where the source is
    not `timed`."""
    flat = events(graph)
    last, acts = last_moment(flat), flat.where(own_acts(flat, graph) & flat.dated)
    if not timed or last is None or not len(acts):
        untold = dict.fromkeys(("expectedDays", "expectedValue"), "the source has no times")
        return Prospects(None, None, unavailable=untold)
    until, facts = min(last, now or last), facts_of(graph, flat)
    user, at = comings(flat, graph, orders=facts.orders)
    unavailable = {}
    waiting, next_time = fit_waiting(user, at, flat.n_users, until)
    if waiting is None:
        unavailable["expectedDays"] = "too few users came back"
    start = int(acts.at.min())
    value, money = fit_value(graph, start, until) if facts.prices else (None, [])
    if value is None:
        unavailable["expectedValue"] = (
            "too few users bought again" if facts.prices else "no purchase has a price"
        )
    return Prospects(waiting, value, {"next_time": next_time, "value": money}, unavailable)
