"""What to show a user next: a store and a user id in, ranked unseen items with reasons out.

Works from the store alone, without torch: the stored item interests first, then the model's own
score over all items (`user · item + scoreBias`), then friends, then what is popular.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kg.evidence import in_words, resolve
from kg.person import objects, user_properties
from kg.queries import internal, packaged
from kg.steady import steady
from kg.store import GraphStore

Source = Literal["interest", "taste", "own items", "friends", "popular"]

PERIOD_DAYS = 30
"""Popular means: in the days before the newest event (of all time, where there are no times)."""
ALL_DAYS = 100 * 365

_MANY = 1_000_000
"""Row cap of reads that are bounded by one user's events."""


class Recommended(BaseModel):
    """JSON names are camelCase, as in the graph."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    rank: int
    item_id: str
    title: str | None
    score: float | None
    """Calibrated chance; None where the item is not among the stored interests."""
    source: Source
    """interest: a stored INTERESTED_IN edge · taste: the model's score over all items · own items:
    near the user's items, for a user the release does not know · friends · popular."""
    why: str


class Recommendations(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    user_id: str
    cold_start: bool
    """The user has no event of their own."""
    says: str
    """What the list stands on, in a sentence."""
    items: list[Recommended]


@dataclass
class _List:
    """Recommendations as they are found: no item twice, none seen, none in a sensitive category."""

    k: int
    left_out: set[str]
    found: list[Recommended] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.k - len(self.found)

    def add(self, item_id: str, title: str | None, source: Source, why: str,
            score: float | None = None) -> None:  # fmt: skip
        if self.missing > 0 and item_id not in self.left_out:
            self.left_out.add(item_id)
            self.found.append(
                Recommended(
                    rank=len(self.found) + 1,
                    item_id=item_id,
                    title=title,
                    score=score,
                    source=source,
                    why=why,
                )
            )


def recommend(
    store: GraphStore, user_id: str, k: int = 10, *, sensitive: Collection[str] = ()
) -> Recommendations:
    """At most `k` items the user has no event with. `sensitive` categories (ids), and those below
    them, are left out. Of one release as a whole. Raises `NotFound` for an unknown user."""
    return steady(store, user_id, lambda: _recommend(store, user_id, k, sensitive))


def _recommend(
    store: GraphStore, user_id: str, k: int, sensitive: Collection[str]
) -> Recommendations:
    properties = user_properties(store, user_id)
    seen = {row[0] for row in _rows(store, "seen_items", userId=user_id)}
    hidden = {row[0] for row in _rows(store, "items_under", categoryIds=sorted(sensitive))}
    found = _List(k, seen | hidden)
    if not objects(properties):
        _add_interests(found, store, user_id)
        _add_by_vector(found, store, user_id, properties.get("embedding"), seen)
        _add_friends(found, store, user_id)
    _add_popular(found, store)
    published = bool(internal("live_release").run(store).rows)
    return Recommendations(
        user_id=user_id,
        cold_start=not seen,
        says=_says(found, properties, seen, published=published),
        items=found.found,
    )


def _rows(store: GraphStore, query: str, **given: Any) -> list[list[Any]]:
    if any(value == [] for value in given.values()):
        return []
    return internal(query).run(store, given, max_rows=_MANY).rows


def _add_interests(found: _List, store: GraphStore, user_id: str) -> None:
    result = packaged()["top_items"].run(store, {"userId": user_id, "k": found.k + 100})
    rows = [r for r in result.records() if r["itemId"] not in found.left_out][: found.missing]
    evidence = resolve(store, user_id, (id_ for r in rows for id_ in r["topEvidence"] or []))
    for row in rows:
        pieces = [evidence[id_] for id_ in row["topEvidence"] or []]
        why = in_words(row["evidenceCount"], pieces)
        found.add(row["itemId"], row["title"], "interest", why, row["score"])


def _add_by_vector(
    found: _List,
    store: GraphStore,
    user_id: str,
    embedding: list[float] | None,
    seen: set[str],
) -> None:
    if found.missing <= 0:
        return
    taste = np.asarray(embedding or [], np.float32)
    if taste.any():
        source: Source = "taste"
        chosen, default = _by_score(found, store, taste), "near the user's taste"
    else:
        source = "own items"
        chosen, default = _near_items(found, store, seen), "near the user's own items"
    titles = dict(_rows(store, "items_by_id", itemIds=chosen))
    why = _reasons(store, user_id, chosen)
    for item_id in chosen:
        found.add(item_id, titles.get(item_id), source, why.get(item_id, default))


def _by_score(found: _List, store: GraphStore, taste: NDArray[np.float32]) -> list[str]:
    item_ids, vectors, bias = _items(store)
    if not len(item_ids):
        return []
    scores = vectors @ taste + bias
    blocked = pc.is_in(item_ids, value_set=_strings(found.left_out)).to_numpy(zero_copy_only=False)
    scores[blocked] = -np.inf
    return _best(item_ids, scores, found.missing)


def _near_items(found: _List, store: GraphStore, seen: set[str]) -> list[str]:
    """For a user the release does not know: the mean direction of the user's own items, without
    popularity."""
    own = [row[1] for row in _rows(store, "item_vectors", itemIds=sorted(seen))]
    if not own:
        return []
    matrix = np.asarray(own, np.float32)
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    near = store.nearest("Item", unit.mean(axis=0).tolist(), found.missing + len(found.left_out))
    return [key for key in near.keys if key not in found.left_out][: found.missing]


def _items(store: GraphStore) -> tuple[Any, NDArray[np.float32], NDArray[np.float32]]:
    """Ids (Arrow), vectors [I, d] and bias [I] of the items that have a vector."""
    table = store.export({"Item": ["embedding", "scoreBias"]}, {}).nodes["Item"]
    table = table.filter(pc.is_valid(table["embedding"])).combine_chunks()
    vectors = pc.list_flatten(table["embedding"]).to_numpy().astype(np.float32, copy=False)
    bias = pc.fill_null(table["scoreBias"], 0.0).to_numpy().astype(np.float32)
    return table["itemId"], vectors.reshape(table.num_rows, -1) if len(vectors) else vectors, bias


def _strings(values: Iterable[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


def _best(item_ids: Any, scores: NDArray[np.float32], k: int) -> list[str]:
    """Ids of the k highest finite scores, highest first; ties by id."""
    k = min(k, int(np.isfinite(scores).sum()))
    if k == 0:
        return []
    least = np.partition(scores, -k)[-k]
    rows = np.flatnonzero(scores >= least)
    ids = np.array(item_ids.take(rows).to_pylist(), object)
    chosen: list[str] = ids[np.lexsort((ids, -scores[rows]))][:k].tolist()
    return chosen


def _reasons(store: GraphStore, user_id: str, item_ids: list[str]) -> dict[str, str]:
    """The strongest interest an item falls under, else the nearest similar user who liked it."""
    why: dict[str, str] = {}
    for item_id, category, score in _rows(
        store, "interest_in_items", userId=user_id, itemIds=item_ids
    ):
        why.setdefault(item_id, f"in {category}, an interest of {score:.2f}")
    rest = [item_id for item_id in item_ids if item_id not in why]
    for item_id, other, _ in _rows(store, "similar_users_with_items", userId=user_id, itemIds=rest):
        why.setdefault(item_id, f"liked by {other}, whose taste is near")
    return why


def _add_friends(found: _List, store: GraphStore, user_id: str) -> None:
    if found.missing <= 0:
        return
    given = {"userId": user_id, "k": found.missing + len(found.left_out)}
    for row in packaged()["friends_items"].run(store, given, max_rows=_MANY).records():
        others = row["friends"] - 1
        more = "" if not others else f" and {others} more friend{'s' if others > 1 else ''}"
        found.add(row["itemId"], row["title"], "friends", f"liked by {row['friendId']}{more}")


def _add_popular(found: _List, store: GraphStore) -> None:
    """Of late; and of all time, where that is not enough."""
    for days, when in ((PERIOD_DAYS, f"in the last {PERIOD_DAYS} days"), (ALL_DAYS, "of all time")):
        if found.missing <= 0:
            return
        given = {"k": found.missing + len(found.left_out), "days": days}
        for row in packaged()["popular_items"].run(store, given, max_rows=_MANY).records():
            users = f"{row['users']} user{'' if row['users'] == 1 else 's'}"
            found.add(row["itemId"], row["title"], "popular", f"popular: {users} {when}")


def _says(found: _List, properties: dict[str, Any], seen: set[str], *, published: bool) -> str:
    profiled = properties.get("modelVersion") is not None
    if not found.found:
        return "Nothing to recommend: the user has seen every item that anybody took up."
    if objects(properties):
        return "The user objects to being profiled: chosen by what is popular."
    if seen and profiled:
        return "From the user's profile."
    if seen and not published:
        return (
            "No profile: nothing is published yet (`kg train`, then `kg publish`). "
            "Chosen by friends and what is popular."
        )
    if seen:
        return (
            "No profile: the user came after the live release (`kg refresh`). Chosen by the user's "
            "own items, friends and what is popular."
        )
    sources = {item.source for item in found.found}
    on = "friends" if sources & {"interest", "taste", "friends"} else "what is popular"
    return f"Cold start: the user has no event yet; chosen by {on}."
