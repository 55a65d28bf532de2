"""A file about one person who is not in the graph → their events and ties, line by line.

JSON Lines, in the words of the graph: an event has its `type` and what such an edge has, a tie the
`userId` it goes to; a line of `text` alone is a review of nothing in particular.

    {"type": "PURCHASED", "itemId": "i7", "at": "2025-11-02", "price": 12.5}
    {"type": "RATED", "itemId": "i9", "rating": 4}
    {"type": "FRIEND_OF", "userId": "u12"}
    {"text": "The strings are bright and stay in tune."}
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kg.errors import InputError
from kg.query_types import convert
from kg.schema import BEHAVIOURS, EDGE_TABLES, SOCIAL

MOST = 10_000
"""Lines of one person."""


class Line(BaseModel):
    """An event or a tie. Numbers are as the schema has them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    type: str = "REVIEWED"
    item_id: str | None = Field(default=None, alias="itemId", min_length=1)
    user_id: str | None = Field(default=None, alias="userId", min_length=1)
    at: int | None = None
    weight: float | None = Field(default=None, ge=0)
    rating: float | None = None
    title: str | None = None
    text: str | None = None
    tag: str | None = None
    quantity: float | None = Field(default=None, ge=0)
    price: float | None = Field(default=None, ge=0)
    order_id: str | None = Field(default=None, alias="orderId")

    @field_validator("at", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        return None if value is None else convert("time", value)

    @model_validator(mode="after")
    def _fits(self) -> Line:
        given = self.model_fields_set
        if self.type in SOCIAL:
            if self.user_id is None or given - {"type", "user_id"}:
                raise ValueError(f"{self.type} has a userId and nothing else")
            return self
        if self.type not in BEHAVIOURS:
            known = ", ".join((*BEHAVIOURS, *SOCIAL))
            raise ValueError(f"type {self.type!r} is not one of {known}")
        if self.user_id is not None:
            raise ValueError(f"{self.type} is of an item: it has an itemId, no userId")
        if self.item_id is None and (self.type != "REVIEWED" or not (self.text or "").strip()):
            raise ValueError(
                f"{self.type} needs an itemId (a review of nothing in particular a text)"
            )
        declared = {p.name for p in EDGE_TABLES[self.type].type.properties}
        names = {f: i.alias or f for f, i in type(self).model_fields.items()}
        odd = {names[f] for f in given} - declared - {"type", "itemId"}
        if odd:
            raise ValueError(f"{self.type} has no {sorted(odd)[0]}")
        return self


@dataclass(frozen=True)
class Entry:
    number: int
    """Of its line, from 1"""
    line: Line

    @property
    def event_id(self) -> str:
        return f"line {self.number}"


def read_account(path: Path) -> list[Entry]:
    """Raises InputError that names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(f"cannot read {path}: byte {e.start:,} is not UTF-8") from e
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror}") from e
    return account(text.split("\n"), str(path))


def account(lines: Iterable[str], name: str) -> list[Entry]:
    """`name` is the file's, for errors."""
    entries: list[Entry] = []
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        if len(entries) == MOST:
            raise InputError(f"{name}:{number}: more than {MOST} lines about one person")
        try:
            entries.append(Entry(number, Line.model_validate(_object(text))))
        except ValidationError as e:
            first = e.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            said = str(first["msg"]).removeprefix("Value error, ")
            raise InputError(f"{name}:{number}: {f'{where}: ' if where else ''}{said}") from e
        except ValueError as e:
            raise InputError(f"{name}:{number}: {e}") from e
    if not entries:
        raise InputError(f"{name}: there is nothing in this file")
    return entries


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as e:
        raise ValueError("not a JSON object") from e
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
