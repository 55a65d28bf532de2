"""A person who is not in the graph → the profile the live release's model makes of their account.

Nothing is written, neither to the store nor to the text cache. The person's vector is the sum over
their edges that it would be in the graph; `community` and `influence`, which take the whole social
graph, stay null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.account import Entry
from kg.errors import InputError
from kg.evidence import Evidence, event_evidence, tie_evidence
from kg.person import STANDS_ON, Activity, Freshness, Interest, Person, nearest_users
from kg.privacy.consent import objectors
from kg.privacy.state import stored_ids
from kg.profile import USER_PROFILE
from kg.queries import internal, packaged
from kg.refresh import Refresher, live_model
from kg.schema import BEHAVIOURS, SOCIAL
from kg.store import GraphStore
from kg.text_vectors import of_release
from kg.told_edges import neighbourhood
from kg.training import Training

NAME = "somebody new"
NEIGHBOURS = 10
_OF_DEEDS = ("activity", "money", "risk")
"""Groups of properties that events with items alone can give."""


def profile_newcomer(
    store: GraphStore, releases: Path, training: Training, entries: Sequence[Entry], *, now: int
) -> Person:
    """As of the last event told of, not before the release's own moment nor after `now`.

    Raises as `Refresher.open`, and InputError for a time after `now` or a rating off the scale."""
    card, kept = live_model(store, releases)
    none = np.zeros((0, kept.trained.config.dim), np.float32)
    training = of_release(training, releases / card.version)
    ready = Refresher(store, card, kept, training, pa.array([], pa.string()), none)
    _refuse_future(entries, now)
    titles = _titles(store, entries)
    friends = _friends(store, entries)
    told = [e for e in entries if _is_known(e, titles, friends)]
    lost = [e for e in entries if not _is_known(e, titles, friends)]
    place = {e.number: e.line.item_id or str(uuid4()) for e in told if e.line.type in BEHAVIOURS}
    near = neighbourhood(
        store, told, place, friends,
        name=NAME, as_of=card.as_of, friend_events=ready.friend_events,
    )  # fmt: skip
    times = [t for t in (pc.max(near.edges[n].filter(pc.equal(near.edges[n]["src"], 0))["at"])
                         .as_py() for n in BEHAVIOURS) if t is not None]  # fmt: skip
    as_of = None if card.as_of is None else max([card.as_of, *(t + 1 for t in times)])
    renewed, _ = ready.renewed(near, 1, as_of)
    profile = {p.name: None for p in USER_PROFILE} | renewed.users.to_pylist()[0]
    profile.pop("userId")
    if not any(e.line.item_id for e in told):
        profile |= _without_deeds(told)
    vector = profile.pop("embedding")
    said = _evidence(told, titles, friends)
    made_up = set(place.values()) - titles.keys()
    names = {
        "INTERESTED_IN.Category": _names(kept.catalogue.categories, "categoryId", "name"),
        "INTERESTED_IN.Item": titles
        | dict(zip(kept.catalogue.items.to_pylist(), kept.catalogue.said["title"].to_pylist(),
                   strict=True)),
    }  # fmt: skip
    interests = {
        table: [
            Interest.of(row, row["dst"], names[table].get(row["dst"]), said)
            for row in renewed.edges[table].sort_by("rank").to_pylist()
            if row["dst"] not in made_up
        ][: _shown(query)]
        for table, query in (
            ("INTERESTED_IN.Category", "top_interests"),
            ("INTERESTED_IN.Item", "top_items"),
        )
    }
    similar, by = nearest_users(store, "", vector, NEIGHBOURS)
    return Person(
        user_id=NAME,
        attributes={},
        profile=profile,
        activity=_activity(told),
        categories=interests["INTERESTED_IN.Category"],
        items=interests["INTERESTED_IN.Item"],
        similar=similar,
        similar_by=by,
        freshness=Freshness(
            release=card.version, as_of=as_of, horizon_days=card.horizon_days, published_at=None
        ),
        notes=_notes(profile["coldStart"], lost),
    )


def _without_deeds(told: Sequence[Entry]) -> dict[str, Any]:
    """A text alone says nothing of when, how often and for how much."""
    friends = any(e.line.type in SOCIAL for e in told)
    kind = "friends" if friends else "text" if told else "nothing"
    silent = {p.name: None for p in USER_PROFILE if p.group in _OF_DEEDS}
    return silent | {"coldStart": kind}


def _shown(query: str) -> int:
    """How many `kg profile` shows of a user in the graph."""
    (k,) = (p.default for p in packaged()[query].parameters if p.name == "k")
    return int(k)


def _refuse_future(entries: Sequence[Entry], now: int) -> None:
    for entry in entries:
        if entry.line.at is not None and entry.line.at > now:
            raise InputError(f"{entry.event_id}: its time is in the future")


def _titles(store: GraphStore, entries: Sequence[Entry]) -> dict[str, str | None]:
    """Of the items told of that are in the graph."""
    ids = list(dict.fromkeys(e.line.item_id for e in entries if e.line.item_id))
    if not ids:
        return {}
    found = internal("items_by_id").run(store, {"itemIds": ids}, max_rows=len(ids))
    return {str(item): title for item, title in found.rows}


def _friends(store: GraphStore, entries: Sequence[Entry]) -> dict[str, str]:
    """Users told of that are in the graph and do not object → their ids in the store."""
    given = list(dict.fromkeys(e.line.user_id for e in entries if e.line.user_id))
    if not given:
        return {}
    stored = stored_ids(store, given)
    rows = internal("users_by_id").run(store, {"userIds": stored}, max_rows=len(stored)).rows
    there = {row[0] for row in rows} - set(objectors(store).to_pylist())
    return {g: s for g, s in zip(given, stored, strict=True) if s in there}


def _is_known(entry: Entry, titles: dict[str, str | None], friends: dict[str, str]) -> bool:
    line = entry.line
    if line.type in SOCIAL:
        return line.user_id in friends
    return line.item_id is None or line.item_id in titles


def _evidence(
    told: Sequence[Entry], titles: dict[str, str | None], friends: dict[str, str]
) -> dict[str, Evidence]:
    """By what a claim cites."""
    found = {}
    for entry in told:
        line = entry.line
        if line.user_id is not None:
            stored = friends[line.user_id]
            found[f"{line.type}:{stored}"] = tie_evidence(line.type, stored)
            continue
        key = f"{line.type}:{entry.event_id}"
        title = titles[line.item_id] if line.item_id else "no item in particular"
        row = {"kind": line.type, "at": line.at, "itemId": line.item_id, "title": title,
               "rating": line.rating, "text": line.text or line.tag}  # fmt: skip
        found[key] = event_evidence(key, line.type, [row])
    return found


def _names(table: pa.Table, key: str, name: str) -> dict[str, str | None]:
    return dict(zip(table[key].to_pylist(), table[name].to_pylist(), strict=True))


def _activity(told: Sequence[Entry]) -> list[Activity]:
    lines = [e.line for e in told if e.line.type in BEHAVIOURS]
    found = []
    for kind, events in Counter(line.type for line in lines).most_common():
        of = [line for line in lines if line.type == kind]
        times = [line.at for line in of if line.at is not None]
        ratings = [line.rating for line in of if line.rating is not None]
        found.append(
            Activity(
                kind=kind,
                events=events,
                items=len({line.item_id for line in of if line.item_id}),
                first_at=min(times, default=None),
                last_at=max(times, default=None),
                mean_rating=sum(ratings) / len(ratings) if ratings else None,
            )
        )
    return found


def _notes(cold: str | None, lost: Sequence[Entry]) -> list[str]:
    notes = ["Not in the graph: told of by the file, and nothing was written."]
    if cold is not None and cold != "events":
        notes.append(f"Cold start: the profile stands on {STANDS_ON.get(cold, cold)}.")
    if lost:
        first = lost[0].line
        what = f"item {first.item_id!r}" if first.user_id is None else f"user {first.user_id!r}"
        more = f", nor what {len(lost) - 1} more name" if len(lost) > 1 else ""
        notes.append(f"Left out: {lost[0].event_id} ({what} is not to be had here{more}).")
    return notes
