"""Ids that a query is asked about and the store has no node of: what an empty answer means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kg.queries import internal
from kg.store import GraphStore

_KNOWN = {
    "userId": ("user", "users_by_id", "userIds", "users_like"),
    "itemId": ("item", "items_by_id", "itemIds", None),
    "categoryId": ("category", "categories_named", "text", "categories_like"),
}
"""Parameter → what it names, the query that finds it, that query's parameter, and the one that
finds ids which contain it."""


def unknown(store: GraphStore, arguments: Mapping[str, Any]) -> str | None:
    """A sentence on the first of a query's arguments that names nothing, with ids that contain it;
    None where all of them name something."""
    for parameter, (what, query, asked, like) in _KNOWN.items():
        key = arguments.get(parameter)
        if key is None:
            continue
        wanted = [key] if asked.endswith("Ids") else key
        if key in [row[0] for row in internal(query).run(store, {asked: wanted}).rows]:
            continue
        near = internal(like).run(store, {"text": key}).rows if like and key else []
        hint = f"; ids that contain it: {', '.join(row[0] for row in near)}" if near else ""
        return f"no {what} {key[:80]!r} in {store.url}{hint}"
    return None
