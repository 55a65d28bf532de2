"""`kg releases`: the folders of trained releases."""

from __future__ import annotations

from typing import Annotated

import typer

from kg.cli.options import Json, Releases, Store, open_chosen, releases_of
from kg.cli.output import ask, print_json, print_line, print_table

releases = typer.Typer(no_args_is_help=True, help="The releases there are.")


@releases.command("list")
def list_(
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """The releases there are, oldest first, and which one readers see. One that stays `writing` was
    cut off: the next publish, rollback or refresh ends it.

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
    live, writing = _live(store), _writing(store)
    for row in rows:
        row["live"], row["writing"] = row["version"] == live, row["version"] == writing
    if json_:
        print_json(rows)
    elif rows:
        types = ["", "time", "", "", "time", "", "", "", ""]
        print_table(list(rows[0]), [list(r.values()) for r in rows], types=types)
    else:
        print_line(f"no release in {folder}: kg train makes one")


@releases.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier version.")],
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The later one. Default: the newest.")
    ] = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """What differs for readers: users, properties, interests, segments.

    \b
    kg releases diff 20260131-120000
    kg releases diff 20260131-120000 20260201-120000 --json
    """
    from kg.release_diff import release_diff
    from kg.releases import latest, read_tables

    folder = releases_of(store, releases)
    later = after or latest(folder)
    found = release_diff((before, read_tables(folder, before)), (later, read_tables(folder, later)))
    if json_:
        print_json(found.model_dump(by_alias=True))
        return
    print_line(
        f"{before} → {later}: {found.users} users in both, {found.changed} of them changed; "
        f"{found.appeared} came, {found.gone} went"
    )
    for rows in (found.interests, found.properties, found.segments):
        if rows:
            data = [row.model_dump(by_alias=True) for row in rows]
            print_line()
            print_table(list(data[0]), [list(row.values()) for row in data])
    if found.top10_jaccard is not None:
        print_line(f"\noverlap of the ten strongest interests: {found.top10_jaccard:.3f} (Jaccard)")


@releases.command("prune")
def prune(
    keep: Annotated[int, typer.Option("--keep", min=1, help="So many of the newest stay.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Remove the folders of old releases; never that of the live one, or of one being written.

    \b
    kg releases prune --keep 5 --yes
    """
    from kg.releases import remove, versions

    folder, live = releases_of(store, releases), _live(store)
    going = [v for v in versions(folder)[:-keep] if v not in (live, _writing(store))]
    if going and not yes:
        ask(f"remove {len(going)} release{'' if len(going) == 1 else 's'} from {folder}?")
    freed = {version: remove(folder, version) for version in going}
    if json_:
        print_json({"removed": freed, "live": live})
        return
    for version, size in freed.items():
        print_line(f"removed {version}, {size / 2**20:.1f} MiB")
    print_line(f"{len(versions(folder))} releases are left in {folder}")


def _live(store: str | None) -> str | None:
    from kg.errors import NotFound
    from kg.publish import live_version

    try:
        with open_chosen(store) as graph:
            return live_version(graph)
    except NotFound:
        return None


def _writing(store: str | None) -> str | None:
    """A release whose publish is under way, or was cut off."""
    from kg.errors import NotFound
    from kg.unfinished import unfinished

    try:
        with open_chosen(store) as graph:
            return unfinished(graph)
    except NotFound:
        return None
