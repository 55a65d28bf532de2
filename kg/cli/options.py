"""Options every command has, and the store they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kg.store import GraphStore

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="ladybug://PATH, bolt://HOST:PORT or neo4j://HOST:PORT; credentials come from NEO4J_* "
        "variables. Default: KG_STORE, else ladybug://kg.lbug.",
        show_default=False,
    ),
]
Releases = Annotated[
    Path | None,
    typer.Option(
        "--releases",
        metavar="DIR",
        help="Where releases are kept. Default: KG_RELEASES, else beside the embedded store.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout, nothing else.")]


def store_url(chosen: str | None) -> str:
    from kg.config import settings

    return chosen or settings().store


def releases_of(store: str | None, chosen: Path | None) -> Path:
    """The folder of a store's releases."""
    from kg.config import releases_folder

    return chosen or releases_folder(store_url(store))


def open_chosen(chosen: str | None, *, read_only: bool = True) -> GraphStore:
    """The store a command was told to use."""
    from kg.store import open_store

    return open_store(store_url(chosen), read_only=read_only)


def pairs(given: list[str], what: str) -> dict[str, str]:
    """`["a=1", "b=x=y"]` → `{"a": "1", "b": "x=y"}`; a wrong one is a usage error."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not name=value", param_hint=what)
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint=what)
        found[name] = value
    return found
