"""`kg forget`: remove people from the store and from every release."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import print_json, print_line


def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="User ids.")],
    releases: Releases = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Remove users: node, events, ties, profile, interests, and their rows in all releases.

    \b
    kg forget A1 --yes
    """
    from kg.privacy import forget as remove

    url = store_url(store)
    if not yes:
        typer.confirm(f"remove {len(users)} users from {url} for good?", abort=True, err=True)
    with open_chosen(url, read_only=False) as graph:
        done = remove(graph, releases_of(url, releases), users, now=int(time.time()))
    if json_:
        print_json(done.model_dump())
        return
    print_line(f"removed {done.users} users from {url}")
    for version, rows in done.releases.items():
        print_line(f"removed {rows} rows from release {version}")
    print_line("what remains:")
    for what in done.remains:
        print_line(f"  {what}")
