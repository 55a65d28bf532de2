"""Judged rows → the same with fields dropped, masked or hashed and users' ids made pseudonyms,
before anything is written; and an account of what became of each field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import polars as pl

from kg.errors import ConfigError
from kg.schema import EDGE_TABLES, NODE_BY_LABEL, SRC, Type
from loaders.interface import FieldReport
from loaders.judge import Judged
from loaders.personal import masked
from loaders.plan import Check, EdgeRows, FilePlan, NodeRows
from loaders.policy import Action, Policy, is_key, read_policy, user_end

ERASED = "user was erased"
"""Why a row is rejected that would bring back somebody whom `kg forget` removed."""
TEXT = (pl.String(), pl.List(pl.String()))
_NEEDED = {"REVIEWED": ("text", "rating"), "RATED": ("rating",), "TAGGED": ("tag",)}
"""Without these a row is rejected: dropped ones are taken away after it was judged."""
Statement = TypeVar("Statement", NodeRows, EdgeRows)
Column = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class Keyed:
    """What needs a key: each takes a column of strings and gives one of the same length."""

    key_id: str
    user: Column
    event: Column
    value: Column


@dataclass(frozen=True)
class Protection:
    """What a load is told of privacy."""

    policy: Policy = field(default_factory=read_policy)
    keyed: Keyed | None = None
    """Makes users' and events' ids pseudonyms; None leaves them as they are."""
    erased: Column | None = None
    """Which users' ids (as in the file) are of erased ones; None: nobody was erased."""
    tombstones: int = 0
    """How many erased users that is."""


class Protector:
    """One load's doorkeeper. Raises ConfigError where a policy hashes and there is no key."""

    def __init__(self, protection: Protection) -> None:
        self._policy = protection.policy
        self._keyed = protection.keyed
        self._is_erased = protection.erased
        self.tombstones = protection.tombstones
        self._rows: Counter[tuple[str, str]] = Counter()
        self._kinds: dict[tuple[str, str], Counter[str]] = {}
        self._dropped: dict[tuple[str, str], None] = {}
        self._seen: dict[tuple[str, str], Action] = {}

    @property
    def keyed(self) -> Keyed | None:
        return self._keyed

    def plans(self, plans: Sequence[FilePlan]) -> list[FilePlan]:
        """Without the fields that are dropped."""
        return [
            replace(
                plan,
                rows=replace(
                    plan.rows,
                    nodes=tuple(self._without(n, n.label) for n in plan.rows.nodes),
                    edges=tuple(self._without(e, e.table) for e in plan.rows.edges),
                ),
            )
            for plan in plans
        ]

    def _without(self, rows: Statement, table: str) -> Statement:
        kept = {}
        for name, value in rows.values.items():
            action = self._action(table, name, textual=value.type in (Type.STRING, Type.STRINGS))
            if action == "drop" and name not in _NEEDED.get(table, ()):
                self._dropped[table, name] = None
            else:
                kept[name] = value
        return replace(rows, values=kept)

    def _action(self, table: str, name: str, *, textual: bool) -> Action:
        action = self._policy.action(table, name)
        if not textual and action in ("mask", "hash"):
            action = "keep"  # a number is not a text that holds one
        if action == "hash" and self._keyed is None:
            raise ConfigError(
                f"the policy hashes {table}.{name}, and there is no key: `kg keys new FILE` makes "
                "one, KG_PSEUDONYM_KEY_FILE names it"
            )
        self._seen[table, name] = action
        return action

    def checks(self, table: str) -> Iterator[Check]:
        """Over the keys of a judged statement: is it of somebody who was erased?"""
        if self._is_erased is not None:
            for end in user_end(table):
                yield Check(ERASED, self._erased(pl.col(end)))

    def _erased(self, ids: pl.Expr) -> pl.Expr:
        is_erased = self._is_erased
        assert is_erased is not None
        return ids.map_batches(is_erased, return_dtype=pl.Boolean)

    def judged(self, judged: Judged) -> None:
        """In place."""
        judged.rows = [(table, self.frame(table, rows)) for table, rows in judged.rows]
        judged.named = [
            (label, self._named(keys) if label == "User" else keys) for label, keys in judged.named
        ]

    def _named(self, keys: pl.Series) -> pl.Series:
        if self._is_erased is not None:
            keys = keys.filter(~self._is_erased(keys).fill_null(False))
        return keys if self._keyed is None else self._keyed.user(keys)

    def frame(self, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of a table, protected."""
        fields = [c for c in rows if not c.name.startswith("__") and not is_key(c.name)]
        changed = map(partial(self._field, table), fields)
        rows = rows.with_columns(c for c in changed if c is not None)
        return rows if self._keyed is None else _pseudonyms(table, rows, self._keyed)

    def _field(self, table: str, column: pl.Series) -> pl.Series | None:
        """None where it stays as it is."""
        at = (table, column.name)
        action = self._action(*at, textual=column.dtype in TEXT)
        if action == "drop":
            self._dropped[at] = None
            return pl.Series(column.name, [None], column.dtype).new_from_index(0, len(column))
        if action == "hash" and self._keyed is not None:
            if column.dtype != pl.String:
                raise ConfigError(f"the policy hashes {table}.{column.name}, which is a list")
            self._rows[at] += len(column) - column.null_count()
            return self._keyed.value(column).alias(column.name)
        if action != "mask":
            return None
        after, found = masked(column)
        if not found:
            return None
        self._rows[at] += found.pop("any")
        self._kinds.setdefault(at, Counter()).update(found)
        return after

    def report(self) -> list[FieldReport]:
        """What became of every field that the load had, in the schema's order."""
        order = {n: i for i, n in enumerate((*NODE_BY_LABEL, *EDGE_TABLES))}
        fields = sorted({**self._seen, **dict.fromkeys(self._dropped, "drop")},
                        key=lambda at: order[at[0]])  # fmt: skip
        return [
            FieldReport(
                field=f"{table}.{name}",
                action="drop" if (table, name) in self._dropped else self._seen[table, name],
                rows=self._rows[table, name],
                found=dict(self._kinds.get((table, name), {})),
            )
            for table, name in fields
        ]


def _pseudonyms(table: str, rows: pl.DataFrame, keyed: Keyed) -> pl.DataFrame:
    ends = [end for end in user_end(table) if end in rows.columns]
    rows = rows.with_columns([keyed.user(rows[end]).alias(end) for end in ends])
    events = [c for c in ("eventId", "cancels") if c in rows.columns]
    rows = rows.with_columns([keyed.event(rows[c]).alias(c) for c in events])
    edge = EDGE_TABLES.get(table)
    if edge is not None and edge.type.undirected and len(ends) == 2:
        low, high = pl.min_horizontal(SRC, "dst"), pl.max_horizontal(SRC, "dst")
        rows = rows.with_columns(low.alias(SRC), high.alias("dst"))
    return rows
