"""Guesses of an attribute that some users declare: of whom a release has one, and of whom no more.

A guess is never an interest, never of a user who declares a value, and never of one who objects or
of an attribute that is sensitive. It goes with its release: another says it anew or not at all, and
a refresh says it anew with the rest of the profile.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import ConfigError
from kg.profile import GUESS, USER_PROFILE
from kg.store import GraphStore

if TYPE_CHECKING:
    from gnn.attribute_model import AttributeModel

FEW = 5_000
"""Users who are looked up by their keys rather than found among all; a block of a refresh."""
_ALL = 100_000_000
_TIMEOUT_S = 600.0
_TYPES = {p.name: p.type.arrow for p in USER_PROFILE}


def is_sensitive(attribute: str, sensitive: Collection[str]) -> bool:
    return attribute.casefold() in {s.casefold() for s in sensitive}


def refuse_sensitive(attribute: str, sensitive: Collection[str]) -> None:
    """Raises ConfigError for an attribute that may not be guessed of anyone."""
    if is_sensitive(attribute, sensitive):
        raise ConfigError(
            f"attribute {attribute!r} is sensitive (KG_SENSITIVE): no guess of it is written; "
            "without --write it is judged"
        )


def with_guesses(
    users: pa.Table, model: AttributeModel, declared: pa.Array | pa.ChunkedArray
) -> pa.Table:
    """userId, embedding, … and the guess of each user who is not among the `declared`."""
    known = pc.is_valid(users["embedding"]).to_numpy()
    vectors = np.zeros((users.num_rows, len(model.coefficient[0])), np.float32)
    if known.any():
        vectors[known] = vectors_of(users.filter(pa.array(known)))
    told = pc.is_in(users["userId"], pa.array(declared.to_pylist(), pa.string())).to_numpy()
    columns = model.guesses(vectors, np.asarray(told, np.bool_))
    for name, values in columns.items():
        users = users.append_column(name, pa.array(values, _TYPES[name], from_pandas=True))
    return users


def without_guesses(users: pa.Table) -> pa.Table:
    """The guess of each is null."""
    for name in GUESS:
        users = users.append_column(name, pa.nulls(users.num_rows, _TYPES[name]))
    return users


def declaring(store: GraphStore, attribute: str, among: pa.Array | None = None) -> pa.Array:
    """Users of the store who declare the attribute; at least those `among` these."""
    if attribute not in store.attributes().get("User", pa.schema([])).names:
        return pa.array([], pa.string())
    if among is not None and len(among) <= FEW:
        return _declaring_of(store, attribute, among)
    users = store.export({"User": (attribute,)}, {}).nodes["User"]
    return users.filter(pc.is_valid(users[attribute]))["userId"].combine_chunks()


def _declaring_of(store: GraphStore, attribute: str, users: pa.Array) -> pa.Array:
    """By their keys: a server reads all users to find the few."""
    if not len(users):  # the embedded store takes no empty list
        return pa.array([], pa.string())
    rows = store.query(
        f"UNWIND $ids AS key MATCH (u:User {{userId: key}}) WHERE u.{_quoted(attribute)} "
        "IS NOT NULL RETURN u.userId AS id",
        {"ids": users.to_pylist()}, max_rows=FEW,
    ).rows  # fmt: skip
    return pa.array([row[0] for row in rows], pa.string())


def of_the_silent(store: GraphStore, users: pa.Table) -> pa.Table:
    """A release's users without guesses about those who have declared the attribute since."""
    if GUESS[0] not in users.column_names:
        return users
    for attribute in pc.unique(users[GUESS[0]].drop_null()).to_pylist():
        told = pc.is_in(users["userId"], declaring(store, attribute))
        about = pc.and_(told, pc.fill_null(pc.equal(users[GUESS[0]], attribute), False))
        for name in GUESS:
            kept = pc.if_else(about, pa.scalar(None, users[name].type), users[name])
            users = users.set_column(users.schema.get_field_index(name), name, kept)
    return users


def take_back(store: GraphStore, columns: Collection[str]) -> int:
    """The guesses about users who declare the attribute by now go from the store, where it is among
    the `columns` that were loaded; returns how many."""
    rows = store.query(
        f"MATCH (u:User) WHERE u.{GUESS[0]} IS NOT NULL RETURN DISTINCT u.{GUESS[0]} AS attribute",
        timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    told: set[str] = set()
    for attribute in sorted({row[0] for row in rows} & set(columns)):
        found = store.query(
            f"MATCH (u:User) WHERE u.{GUESS[0]} = $attribute AND u.{_quoted(attribute)} "
            "IS NOT NULL RETURN u.userId AS id",
            {"attribute": attribute}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        told |= {row[0] for row in found}
    if told:
        store.renew_profiles(without_guesses(pa.table({"userId": sorted(told)})), {})
    return len(told)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def vectors_of(users: pa.Table) -> np.ndarray:
    """[N, d] of users who all have one, as floats."""
    flat = pc.list_flatten(users["embedding"].combine_chunks()).to_numpy()
    return np.asarray(flat, np.float32).reshape(users.num_rows, -1 if users.num_rows else 0)
