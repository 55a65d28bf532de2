"""`topEvidence` ids → what they stand for, in words: `REVIEWED:<eventId>`, `FOLLOWS:<userId>`, …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kg.queries import internal
from kg.query_types import moment
from kg.schema import BEHAVIOURS, SOCIAL
from kg.store import GraphStore

_Row = dict[str, Any]

SNIPPET = 80
"""Characters of a review that are quoted."""

_DID = {
    "VIEWED": "viewed",
    "CARTED": "put in the basket",
    "PURCHASED": "bought",
    "RETURNED": "sent back",
    "RATED": "rated",
    "REVIEWED": "reviewed",
    "TAGGED": "tagged",
}
_TIE = {"FOLLOWS": "follows", "FRIEND_OF": "friend of"}
_COUNTED = {
    "VIEWED": ("view", "views"),
    "CARTED": ("basket", "baskets"),
    "PURCHASED": ("purchase", "purchases"),
    "RETURNED": ("return", "returns"),
    "RATED": ("rating", "ratings"),
    "REVIEWED": ("review", "reviews"),
    "TAGGED": ("tag", "tags"),
    "FOLLOWS": ("followed user", "followed users"),
    "FRIEND_OF": ("friend", "friends"),
}


class Evidence(BaseModel):
    """One piece. JSON names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    """As the edge cites it, `kind:id`."""
    kind: str
    says: str
    at: int | None = None
    item_id: str | None = None
    title: str | None = None
    rating: float | None = None
    text: str | None = None
    user_id: str | None = None


def resolve(store: GraphStore, user_id: str, cited: Iterable[str]) -> dict[str, Evidence]:
    """Every cited id with what it stands for. An id nothing is found for (its event was deleted)
    says so."""
    ids = list(dict.fromkeys(cited))
    events = {key: (kind, id_) for key in ids for kind, id_ in [_split(key)] if kind not in SOCIAL}
    found = _events(store, user_id, [id_ for _, id_ in events.values()])
    resolved = {}
    for key in ids:
        kind, id_ = _split(key)
        if kind in SOCIAL:
            resolved[key] = tie_evidence(kind, id_)
        else:
            resolved[key] = event_evidence(key, kind, found.get(id_, []))
    return resolved


def in_words(count: int | None, pieces: Sequence[Evidence]) -> str:
    """ "2 reviews, 1 friend and 3 more; most: reviewed Guitar strings …"."""
    if not pieces:
        return "no single edge: the taste as a whole" if not count else f"{count} pieces"
    kinds = Counter(p.kind for p in pieces)
    parts = ", ".join(_counted(kind, n) for kind, n in kinds.items())
    more = (count or 0) - len(pieces)
    rest = f" and {more} more" if more > 0 else ""
    return f"{parts}{rest}; most: {pieces[0].says}"


def _counted(kind: str, n: int) -> str:
    one, many = _COUNTED.get(kind, (kind, kind))
    return f"{n} {one if n == 1 else many}"


def _split(cited: str) -> tuple[str, str]:
    kind, _, id_ = cited.partition(":")
    return kind, id_


def _events(
    store: GraphStore, user_id: str, event_ids: list[str]
) -> dict[str, list[dict[str, Any]]]:
    if not event_ids:
        return {}
    rows = internal("events_by_id").run(store, {"userId": user_id, "eventIds": event_ids})
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.records():
        found.setdefault(row["eventId"], []).append(row)
    return found


def tie_evidence(kind: str, user_id: str) -> Evidence:
    says = f"{_TIE[kind]} {user_id}"
    return Evidence(id=f"{kind}:{user_id}", kind=kind, says=says, user_id=user_id)


def event_evidence(key: str, kind: str, rows: list[_Row]) -> Evidence:
    """What an event is evidence of: `rows` are those of its id, as `events_by_id` has them."""
    # one eventId may name a rating and a review of one source row: the cited kind decides
    row = next((r for r in rows if r["kind"] == kind), rows[0] if rows else None)
    if row is None:
        did = _DID.get(kind, kind)
        return Evidence(id=key, kind=kind, says=f"{did} something no longer in the graph")
    return Evidence(
        id=key,
        kind=kind,
        says=_says(kind, row),
        at=row["at"],
        item_id=row["itemId"],
        title=row["title"],
        rating=row["rating"],
        text=row["text"],
    )


def _says(kind: str, row: _Row) -> str:
    parts = [_DID.get(kind, kind) if kind in BEHAVIOURS else kind, row["title"] or row["itemId"]]
    facts = []
    if row["rating"] is not None:
        facts.append(f"{row['rating']:g} star{'' if row['rating'] == 1 else 's'}")
    if row["at"] is not None:
        facts.append(moment(row["at"] - row["at"] % 86_400))
    if facts:
        parts.append(f"({', '.join(facts)})")
    if row["text"]:
        parts.append(f"“{snippet(row['text'])}”")
    return " ".join(parts)


def snippet(text: str) -> str:
    """The beginning of a text on one line; … stands for what was cut."""
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET else line[: SNIPPET - 1].rstrip() + "…"
