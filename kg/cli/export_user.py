"""`kg export-user`: all we hold on a person, for the person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import json_text, print_json


def export_user(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.")
    ] = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """All we hold on a user as JSON: properties, events, ties, what was inferred, rows in releases.

    \b
    kg export-user A1 -o A1.json
    kg export-user A1 --json | jq .edges.REVIEWED
    """
    from kg.files import write_whole
    from kg.privacy.subject import holdings

    url = store_url(store)
    with audited("export-user", url) as act, open_chosen(url) as graph:
        found = holdings(graph, releases_of(url, releases), user)
        act.rows = {name: len(rows) for name, rows in found["edges"].items()}
        if output is not None:
            text = json_text(found) + "\n"
            write_whole(output, lambda path: path.write_text(text, encoding="utf-8"))
            act.files.append(output)
    if output is None:
        print_json(found)
