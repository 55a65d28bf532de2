"""`kg consent`: users who object to being profiled, and those who no longer do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import print_json, print_line
from kg.cli.people import people

consent = typer.Typer(no_args_is_help=True, help="Who may be profiled.")
Users = Annotated[list[str] | None, typer.Argument(metavar="[USER]...", help="User ids.")]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="One user id a line.")]


@consent.command("withdraw")
def withdraw(
    users: Users = None,
    file: File = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """These users object: their profile and interests go now, and training, publishing, refreshing
    and exporting leave them out. A source's column `profiling` says the same.

    \b
    kg consent withdraw A1
    kg consent withdraw --file objections.txt
    """
    from kg.privacy.consent import withdraw as take
    from kg.privacy.state import stored_ids

    who, url = people(users, file), store_url(store)
    with audited("consent withdraw", url) as act, open_chosen(url, read_only=False) as graph:
        ids = stored_ids(graph, who)
        removed = take(graph, releases_of(url, releases), ids, now=int(time.time()))
        act.rows = {"User": len(ids), **removed}
    if json_:
        print_json({"users": len(ids), "removed": removed})
        return
    print_line(f"{len(ids)} users are not profiled any more")
    for place, rows in removed.items():
        print_line(f"removed {rows} rows of {place}")


@consent.command("give")
def give(
    users: Users = None,
    file: File = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """These users may be profiled; the next refresh does.

    \b
    kg consent give A1 && kg refresh
    """
    from kg.privacy.consent import give as allow
    from kg.privacy.state import stored_ids

    who, url = people(users, file), store_url(store)
    with audited("consent give", url) as act, open_chosen(url, read_only=False) as graph:
        ids = stored_ids(graph, who)
        allow(graph, ids, now=int(time.time()))
        act.rows = {"User": len(ids)}
    if json_:
        print_json({"users": len(ids)})
    else:
        print_line(f"{len(ids)} users may be profiled; kg refresh does")
