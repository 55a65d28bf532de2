"""A condition on users' properties, interests they must have → the users, in columns.

Users who object to being profiled are never among them, and an audience smaller than the smallest
group is refused. Both stores give the same rows: the store hands out columns, and the condition is
worked out here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from kg.audience.condition import comparisons, is_known_text
from kg.audience.language import parse
from kg.errors import NotFound, QueryError
from kg.privacy.groups import refuse_small
from kg.profile import USER_PROFILE
from kg.queries import internal
from kg.schema import NODE_BY_LABEL, Property, Type
from kg.store import GraphStore

_ALL = 100_000_000
_TIMEOUT_S = 600.0
_USER = NODE_BY_LABEL["User"]
SCORE = "interestScore"
_LISTED = {p.name for p in USER_PROFILE}
"""Properties whose values may be named in an error: ours, never the source's."""


@dataclass(frozen=True)
class Audience:
    users: pa.Table
    """userId and the properties the condition names, by id; with interests also `interestScore`,
    the highest first"""
    of: int
    """Users who may be profiled"""
    consistent: bool = True
    """False when somebody wrote to the store meanwhile"""


def properties_of(store: GraphStore) -> dict[str, Property]:
    """What may be asked of a user: the key, the profile, what the source says; no vectors."""
    added = store.attributes().get("User", pa.schema([]))
    source = [Property(f.name, Type.of(f.type), "as the source says") for f in added]
    declared = [Property(_USER.key, Type.STRING, "key"), *USER_PROFILE]
    declared += [p for p in _USER.properties if p.name != "profiling"]
    return {p.name: p for p in (*declared, *source) if p.type != Type.VECTOR}


def where(
    store: GraphStore,
    condition: str | None = None,
    *,
    interested_in: Sequence[str] = (),
    min_score: float = 0.0,
    smallest: int = 0,
    sensitive: Collection[str] = (),
    also: Sequence[str] = (),
) -> Audience:
    """Users for whom `condition` (`kg.audience.language`) holds and who have an interest of at
    least `min_score` in, or below, each category (id or name) of `interested_in`. `also` are
    properties to hand out beside those the condition names.

    Raises QueryError (what the condition asks for, a sensitive category), NotFound (no such
    category), GroupTooSmall."""
    asked = None if condition is None else parse(condition, properties_of(store))
    named = [] if asked is None else list(comparisons(asked))
    columns = list(dict.fromkeys([*(c.property.name for c in named), *also]))
    wanted = [c for c in columns if c != _USER.key]
    snapshot = store.export({"User": [*wanted, "profiling"]}, {})
    users = willing(snapshot.nodes["User"])
    of, hints = users.num_rows, []
    if asked is not None:
        ours = [c for c in named if c.property.name in _LISTED]
        hints = [h for c in ours if (h := is_known_text(c, users[c.property.name]))]
        users = users.filter(asked.holds(users), null_selection_behavior="drop")
    users = users.select([_USER.key, *wanted])
    for category in interested_in:
        users = _interested(store, users, category, min_score, sensitive)
    refuse_small(users.num_rows, smallest, hints)
    order = [(_USER.key, "ascending")]
    if interested_in:
        order = [(SCORE, "descending"), *order]
    return Audience(users.sort_by(order), of, snapshot.consistent)


def willing(users: pa.Table) -> pa.Table:
    """Without those who object to being profiled."""
    may = pc.fill_null(users["profiling"], True)
    return users.filter(may).drop_columns(["profiling"])


def _interested(
    store: GraphStore,
    users: pa.Table,
    category: str,
    min_score: float,
    sensitive: Collection[str],
) -> pa.Table:
    """Those of them, with the score; of several interests the weakest."""
    given = {"categoryId": _category(store, category, sensitive), "minScore": min_score}
    found = internal("interested_users").run(store, given, max_rows=_ALL, timeout_s=_TIMEOUT_S)
    ids, scores = zip(*found.rows, strict=True) if found.rows else ((), ())
    place = pc.index_in(users[_USER.key], pa.array(ids, pa.string()))
    score = pa.array(scores, pa.float64()).take(place)
    if SCORE in users.column_names:
        score = pc.min_element_wise(users[SCORE], score, skip_nulls=False)
        users = users.drop_columns([SCORE])
    return users.append_column(SCORE, score).filter(pc.is_valid(score))


def _category(store: GraphStore, named: str, sensitive: Collection[str]) -> str:
    """The id of a category given by id or name."""
    above: Mapping[str, list[str]] = {}
    for category, upper in internal("categories_named").run(store, {"text": named}).rows:
        above = {**above, category: [*above.get(category, []), upper]}
    if not above:
        near = internal("categories_like").run(store, {"text": named}).rows if named else []
        hint = f"; ids that contain it: {', '.join(r[0] for r in near)}" if near else ""
        raise NotFound(f"no category {named!r} in {store.url}{hint}")
    chosen = named if named in above else next(iter(above))
    if len(above) > 1 and named not in above:
        raise QueryError(f"{named!r} is the name of {len(above)} categories: {', '.join(above)}")
    if not set(sensitive).isdisjoint(above[chosen]):
        raise QueryError(f"{chosen!r} is sensitive (KG_SENSITIVE): no audience is made of it")
    return chosen
