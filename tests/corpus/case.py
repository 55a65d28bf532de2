"""One broken file (or a folder of them) and what must become of it, as a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.loaders.tables import RATINGS

HEAD = b"user,item,rating,at\n"
ROW = b"u,i,4,1600000000\n"
SECOND = b"v,j,5,1600000001\n"
NOT_TEXT = "not text in this encoding"
NOT_JSON = "not a JSON object"
OPEN = "a quote is left open: several lines are taken for one row"


@dataclass(frozen=True)
class Case:
    """Either `error`, or the account: rows = written + merged + rejected."""

    name: str
    source: str
    files: Mapping[str, bytes]
    written: int = 0
    merged: int = 0
    rejects: Mapping[int, str] = field(default_factory=dict)
    """Line → reason, of the one broken file."""
    error: str = ""
    """A regular expression that the message must hold."""
    tables: Mapping[str, int] | None = None
    """Rows by table, where they say more than the account."""


def loads(
    name: str,
    body: bytes,
    written: int,
    rejects: Mapping[int, str] | None = None,
    *,
    merged: int = 0,
    head: bytes = HEAD,
    mapping: str = RATINGS,
    file: str = "ratings.csv",
    tables: Mapping[str, int] | None = None,
) -> Case:
    """A file of ratings that loads, all of it or in part."""
    files = {"shop.toml": mapping.encode(), file: head + body}
    return Case(name, "tabular", files, written, merged, rejects or {}, tables=tables)


def fails(
    name: str, data: bytes, error: str, *, mapping: str = RATINGS, file: str = "ratings.csv"
) -> Case:
    """A file of ratings that is refused whole."""
    return Case(name, "tabular", {"shop.toml": mapping.encode(), file: data}, error=error)


def said(**settings: str) -> str:
    """The mapping of ratings with settings of its file, as TOML text: `said(quote='""')`."""
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return RATINGS.replace('holds = "ratings"\n', f'holds = "ratings"\n{lines}')


def noted(cell: str = '"note"') -> str:
    """The mapping of ratings with one attribute more."""
    return f"{RATINGS}set.note = {cell}\n"


NOTE_HEAD = b"user,item,rating,at,note\n"
