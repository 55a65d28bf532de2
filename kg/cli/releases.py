"""`kg releases`: the folders of trained releases."""

from __future__ import annotations

import typer

from kg.cli.options import Json, Releases, Store, open_chosen, releases_of
from kg.cli.output import print_json, print_line, print_table

releases = typer.Typer(no_args_is_help=True, help="The releases there are.")


@releases.command("list")
def list_(
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """The releases there are, oldest first, and which one readers see.

    \b
    kg releases list --json
    """
    from kg.releases import publications, read_card, versions

    folder = releases_of(store, releases)
    rows = []
    for version in versions(folder):
        card, published = read_card(folder, version), publications(folder, version)
        rows.append(
            {
                "version": version,
                "asOf": card.as_of,
                "users": card.graph.get("User", 0),
                "ndcg20": card.metrics.get("health", {}).get("ndcg20_model"),
                "publishedAt": published[-1].at if published else None,
                "forced": published[-1].forced if published else None,
                "folder": str(folder / version),
            }
        )
    live = _live(store)
    for row in rows:
        row["live"] = row["version"] == live
    if json_:
        print_json(rows)
    elif rows:
        types = ["", "time", "", "", "time", "", "", ""]
        print_table(list(rows[0]), [list(r.values()) for r in rows], types=types)
    else:
        print_line(f"no release in {folder}: kg train makes one")


def _live(store: str | None) -> str | None:
    from kg.errors import NotFound
    from kg.publish import live_version

    try:
        with open_chosen(store) as graph:
            return live_version(graph)
    except NotFound:
        return None
