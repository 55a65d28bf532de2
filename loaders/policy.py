"""A policy file (TOML) → what becomes of each field at the loader's door: drop, mask, hash, keep.

    [fields]
    "User.city" = "keep"
    "User.*Name" = "drop"
    "User|event.note" = "hash"

A field is `table.property`; `event` stands for every table of behaviour, `|` for either. The first
line that fits is taken; then those of `default_policy.toml`. Keys of nodes and edges are no fields:
users' ids are hashed where the load has a pseudonym key, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from kg.errors import ConfigError
from kg.schema import BEHAVIOURS, EDGE_TABLES, NODE_BY_LABEL, SRC
from loaders.toml_lines import in_short, line_of, read_toml

DEFAULT = Path(__file__).parent / "default_policy.toml"
EVENT = "event"
Action = Literal["drop", "mask", "hash", "keep"]
_LOADED = ("User", "Item", "Category")
_KEYS = {NODE_BY_LABEL[n].key for n in _LOADED} | {"src", "dst", "eventId", "cancels"}
_TABLES = (
    *_LOADED,
    *(n for n, t in EDGE_TABLES.items() if not t.type.written_by_us),
)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, Action]

    @field_validator("fields")
    @classmethod
    def _known(cls, given: dict[str, Action]) -> dict[str, Action]:
        for field in given:
            tables, dot, name = field.partition(".")
            if not dot or not name:
                raise ValueError(f'{field!r} is not table.property, such as "User.city"')
            for table in tables.split("|"):
                if table not in (*_TABLES, EVENT, "*"):
                    raise ValueError(
                        f"{field!r}: {table!r} is not one of {', '.join(_TABLES)}, event, *"
                    )
            if name in _KEYS:
                raise ValueError(
                    f"{field!r} is a key: KG_PSEUDONYM_KEY_FILE hashes users' ids, nothing else"
                )
        return given


@dataclass(frozen=True)
class Policy:
    rules: tuple[tuple[str, Action], ...]
    """(field, action), the first that fits first."""

    def action(self, table: str, name: str) -> Action:
        if name in _KEYS:
            return "keep"
        return next((action for rule, action in self.rules if _fits(rule, table, name)), "keep")

    @property
    def hashes(self) -> bool:
        return any(action == "hash" for _, action in self.rules)


def is_key(name: str) -> bool:
    return name in _KEYS


def _fits(rule: str, table: str, name: str) -> bool:
    tables, _, wanted = rule.partition(".")
    called = {table, "*"} | ({EVENT} if table in BEHAVIOURS else set())
    return bool(called & set(tables.split("|"))) and fnmatchcase(name.lower(), wanted.lower())


def read_policy(path: Path | None = None) -> Policy:
    """The file's rules, then the default ones. Raises ConfigError that names the line of the first
    mistake."""
    own = _read(path) if path is not None else ()
    return Policy((*own, *_default()))


@cache
def _default() -> tuple[tuple[str, Action], ...]:
    return _read(DEFAULT)


def _read(path: Path) -> tuple[tuple[str, Action], ...]:
    text, values = read_toml(path, "policy")
    try:
        return tuple(_File.model_validate(values).fields.items())
    except ValidationError as e:
        raise ConfigError(_said(path, text, e)) from e


def _said(path: Path, text: str, error: ValidationError) -> str:
    first = error.errors()[0]
    where = list(first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        named = next((f for f in first["input"] if repr(f) in what), None)
        where = [*where, named] if named is not None else where
        return f"policy {path}:{line_of(text, where)}: {in_short(what)}"
    if first["type"] == "literal_error":
        what = f"{first['input']!r} is not one of {', '.join(get_args(Action))}"
    return f"policy {path}:{line_of(text, where)}: {where[-1]}: {in_short(what)}"


def user_end(table: str) -> tuple[str, ...]:
    """The columns of a table that hold users' ids."""
    if table == "User":
        return (NODE_BY_LABEL["User"].key,)
    edge = EDGE_TABLES.get(table)
    if edge is None:
        return ()
    ends = ((SRC, edge.src), ("dst", edge.dst))
    return tuple(end for end, label in ends if label == "User")
