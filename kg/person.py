"""One user from all sides: a store and a user id in, what `kg profile` shows out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kg.errors import NotFound
from kg.evidence import Evidence, in_words, resolve
from kg.profile import USER_PROFILE
from kg.queries import internal, packaged
from kg.query_types import moment
from kg.steady import steady
from kg.store import GraphStore

STANDS_ON = {
    "events": "the user's own events",
    "friends": "friends only: no event yet",
    "text": "review text only: no other event yet",
    "nothing": "nothing: no event, no friend, no text",
}
"""Words for `coldStart`."""

OBJECTS = "No profile: the user objects to being profiled. `kg consent give` takes that back."

SimilarBy = Literal["release", "vector index", "all vectors"]
"""Where similar users come from: the mutual neighbours a release stored, the server's approximate
index over the vectors of now, or all of these."""


class _Shown(BaseModel):
    """JSON names are camelCase, as in the graph."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Activity(_Shown):
    kind: str
    events: int
    items: int
    first_at: int | None
    last_at: int | None
    mean_rating: float | None


class Interest(_Shown):
    id: str
    """Category or item key."""
    name: str
    score: float
    basis: str | None
    says: str
    """The evidence in words."""
    evidence_count: int | None
    evidence_share: float | None
    evidence: list[Evidence]

    @classmethod
    def of(
        cls, row: Mapping[str, Any], id_: str, name: str | None, said: Mapping[str, Evidence]
    ) -> Interest:
        """`row` is an INTERESTED_IN edge, `said` what its evidence stands for."""
        pieces = [said[cited] for cited in row["topEvidence"] or []]
        return cls(
            id=id_,
            name=name or id_,
            score=row["score"],
            basis=row["basis"],
            says=in_words(row["evidenceCount"], pieces),
            evidence_count=row["evidenceCount"],
            evidence_share=row["evidenceShare"],
            evidence=pieces,
        )


class Similar(_Shown):
    user_id: str
    score: float
    """Cosine of the embeddings."""
    value_tier: str | None
    interest: str | None


class Freshness(_Shown):
    """Which claim the profile is."""

    release: str | None
    """The live release."""
    as_of: int | None
    horizon_days: int | None
    published_at: int | None


class Person(_Shown):
    user_id: str
    attributes: dict[str, Any]
    """What the source says of the user."""
    profile: dict[str, Any] | None
    """Values of `kg.profile.USER_PROFILE`, the embedding left out; None without a profile."""
    activity: list[Activity]
    categories: list[Interest]
    items: list[Interest]
    similar: list[Similar]
    similar_by: SimilarBy
    freshness: Freshness
    notes: list[str]
    """What a reader must know before trusting the rest, in sentences."""


def person(store: GraphStore, user_id: str, *, similar: int | None = None) -> Person:
    """All of it as one release says it; `similar` asks for that many users by their vectors, rather
    than for the neighbours the release stored. Raises `NotFound` with ids that look alike."""
    return steady(store, user_id, lambda: _person(store, user_id, similar))


def _person(store: GraphStore, user_id: str, similar: int | None) -> Person:
    properties = user_properties(store, user_id)
    declared = {p.name: properties.pop(p.name, None) for p in USER_PROFILE}
    vector = declared.pop("embedding", None)
    alike, by = (
        _stored_neighbours(store, user_id)
        if similar is None
        else nearest_users(store, user_id, vector, similar)
    )
    properties.pop("userId", None)
    live = next(iter(internal("live_release").run(store).records()), {})
    activity = packaged()["user_activity"].run(store, {"userId": user_id}).records()
    return Person(
        user_id=user_id,
        attributes={k: v for k, v in sorted(properties.items()) if v is not None},
        profile=declared if declared["modelVersion"] is not None else None,
        activity=[Activity.model_validate(row) for row in activity],
        categories=_interests(store, user_id, "top_interests", ("categoryId", "category")),
        items=_interests(store, user_id, "top_items", ("itemId", "title")),
        similar=alike,
        similar_by=by,
        freshness=Freshness(
            release=live.get("version"),
            as_of=declared["profileAsOf"] or live.get("asOf"),
            horizon_days=live.get("horizonDays"),
            published_at=live.get("publishedAt"),
        ),
        notes=[OBJECTS]
        if objects(properties)
        else _notes(declared, bool(vector), live.get("version"), activity),
    )


def _stored_neighbours(store: GraphStore, user_id: str) -> tuple[list[Similar], SimilarBy]:
    rows = packaged()["similar_users"].run(store, {"userId": user_id}).records()
    return [Similar.model_validate(row) for row in rows], "release"


def nearest_users(
    store: GraphStore, user_id: str, vector: list[float] | None, k: int
) -> tuple[list[Similar], SimilarBy]:
    if not vector:
        return [], "all vectors"
    found = store.nearest("User", vector, k + 1)  # one is the user
    cosine = dict(zip(found.keys, found.cosine, strict=True))
    cosine.pop(user_id, None)
    near = list(cosine)[:k]
    about = {}
    if near:
        rows = internal("users_in_short").run(store, {"userIds": near}).records()
        about = {row["userId"]: row for row in rows}
    by: SimilarBy = "all vectors" if found.exact else "vector index"
    # one that was erased between the two reads is no neighbour
    alike = [
        Similar.model_validate({**about[other], "score": min(cosine[other], 1.0)})
        for other in near
        if other in about
    ]
    return alike, by


def user_properties(store: GraphStore, user_id: str) -> dict[str, Any]:
    """All properties of a user. Raises `NotFound` with ids that look alike."""
    rows = internal("user_properties").run(store, {"userId": user_id}).rows
    if not rows:
        near = internal("users_like").run(store, {"text": user_id}).rows if user_id else []
        hint = (
            f"ids that contain it: {', '.join(row[0] for row in near)}"
            if near
            else "`kg query best_users` shows some ids"
        )
        raise NotFound(f"no user {user_id!r} in {store.url}; {hint}")
    return dict(rows[0][0])


def objects(properties: Mapping[str, Any]) -> bool:
    """Whether a user of these properties objects to being profiled."""
    return properties.get("profiling") is False


def _interests(
    store: GraphStore, user_id: str, query: str, columns: tuple[str, str]
) -> list[Interest]:
    key, name = columns
    rows = packaged()[query].run(store, {"userId": user_id}).records()
    found = resolve(store, user_id, (id_ for row in rows for id_ in row["topEvidence"] or []))
    return [Interest.of(row, row[key], row[name], found) for row in rows]


def _notes(
    declared: dict[str, Any],
    has_vector: bool,
    release: str | None,
    activity: list[dict[str, Any]],
) -> list[str]:
    if release is None:
        return ["No profile: nothing is published yet. Run `kg train`, then `kg publish`."]
    if declared["modelVersion"] is None:
        return [f"No profile: the user came after the live release {release}. Run `kg refresh`."]
    notes = []
    cold = declared["coldStart"]
    if cold is not None and cold != "events":
        notes.append(f"Cold start: the profile stands on {STANDS_ON.get(cold, cold)}.")
    if not has_vector and cold == "events":
        notes.append("No vector was learned for this user.")
    as_of = declared["profileAsOf"]
    newer = [row["lastAt"] for row in activity if row["lastAt"] is not None]
    if as_of is not None and newer and max(newer) > as_of:
        notes.append(
            f"Behind: the user was active on {moment(max(newer))}, after the profile's cut-off "
            f"{moment(as_of)}. Run `kg refresh`."
        )
    elif declared["staleSince"] is not None:
        notes.append(
            "Stale: the user's edges, or those of somebody the user reads, changed on "
            f"{moment(declared['staleSince'])}. Run `kg refresh`."
        )
    return notes
