"""`kg audit`: who did what, when. Every command that writes puts its line there."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import Json, Store
from kg.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from kg.audit import Open


def audited(command: str, url: str | None) -> AbstractContextManager[Open]:
    """Writes the command down in KG_HOME when the block ends, done or failed."""
    from kg.audit import audited as written
    from kg.config import settings

    return written(settings().home, command, url)


def allowed(command: str) -> None:
    """Raises Forbidden where KG_ROLES says no, and writes that down."""
    from kg.config import settings

    roles = settings().roles
    if roles is None:
        return
    from kg.audit import who
    from kg.errors import Forbidden
    from kg.roles import read_roles

    try:
        read_roles(roles).check(who(), command)
    except Forbidden:
        with audited(command, None):
            raise


def audit(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="The newest; all with --json.")
    ] = 50,
    check: Annotated[
        bool, typer.Option("--check", help="Was a line changed or taken out? 1 if so.")
    ] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Who ran which command on which store, when, and on how many rows; never content.

    With --store those of one store alone.

    \b
    kg audit
    kg audit --check
    """
    from kg.audit import FILE, acts, broken_at
    from kg.config import settings
    from kg.errors import ConfigError

    home = settings().home
    found = acts(home)
    if check:
        line = broken_at(found)
        if line is not None:
            raise ConfigError(f"{home / FILE}:{line} does not follow from the lines before it")
        print_line(f"{len(found)} entries, none changed, none taken out")
        return
    shown = [a for a in found if store is None or a.store == store]
    if json_:
        print_json([a.model_dump(exclude={"chain"}) for a in shown])
        return
    print_table(
        ["when", "who", "command", "store", "release", "rows", "epsilon", "failed"],
        [
            [a.at, a.user, a.command, a.store, a.release, a.rows, a.epsilon, a.failed]
            for a in shown[-limit:]
        ],
    )
