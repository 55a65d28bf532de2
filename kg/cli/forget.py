"""`kg forget`: remove people from the store and all we know of around it, with proof."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import ask, print_json, print_line, print_table
from kg.cli.people import people
from kg.errors import ConfigError

if TYPE_CHECKING:
    from kg.privacy.erasure import Forgotten, Found


def forget(
    users: Annotated[
        list[str] | None, typer.Argument(metavar="[USER]...", help="User ids.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="One user id a line.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Remove nothing: search every place; 1 if found.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Is this report (of --json) ours, unchanged?"),
    ] = None,
    releases: Releases = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Remove users: node, events, texts and their vectors, ties, profile, interests, and their rows
    in releases, exports, query results and rejects.

    Their rows in files loaded later are rejected. Those who read them are marked for `kg refresh`.
    With --json the report is signed with the erasure key (KG_ERASURE_KEY_FILE, else in KG_HOME).

    \b
    kg forget A1 --yes
    kg forget --file requests.txt --yes --json > report.json
    kg forget --verify A1
    kg forget --check report.json
    """
    if check is not None:
        _check(check)
        return
    who = people(users, file)
    url = store_url(store)
    if verify:
        _verify(url, releases, who, json_)
        return
    from kg.privacy.erasure import forget as remove

    if not yes:
        ask(f"remove {len(who)} user{'' if len(who) == 1 else 's'} from {url} for good?")
    with audited("forget", url) as act, open_chosen(url, read_only=False) as graph:
        done = remove(graph, releases_of(url, releases), who, now=int(time.time()))
        act.rows = {"User": done.users, **done.edges}
    if json_:
        print_json(done.model_dump())
    else:
        _show(done)


def _show(done: Forgotten) -> None:
    print_line(f"removed {done.users} users from {done.store}")
    for name, n in done.edges.items():
        print_line(f"removed {n} {name} edges")
    if done.texts:
        print_line(f"removed {done.texts} text vectors")
    for version, rows in done.releases.items():
        print_line(f"removed {rows} rows from release {version}")
    for path, rows in done.files.items():
        print_line(f"removed {rows} rows from {path}")
    if done.stale:
        print_line(f"{done.stale} users who read them are marked: kg refresh profiles them anew")
    print_line("what remains:")
    for what in done.remains:
        print_line(f"  {what}")


def _verify(url: str, releases: Path | None, users: list[str], as_json: bool) -> None:
    from kg.privacy.erasure import search

    with open_chosen(url) as graph:
        found = search(graph, releases_of(url, releases), users)
    if as_json:
        print_json(found.model_dump() | {"nothing": found.nothing})
    else:
        _show_found(found, len(users))
    if not found.nothing:
        raise typer.Exit(1)


def _show_found(found: Found, users: int) -> None:
    rows = [
        *(["store", name, n] for name, n in found.store.items()),
        *(["release", version, n] for version, n in found.releases.items()),
        *(["file", path, n] for path, n in found.files.items()),
    ]
    if found.cited:
        rows.append(["store", "evidence of others (kg refresh)", found.cited])
    if found.vectors:
        rows.append(["text cache", "vectors", found.vectors])
    if rows:
        print_table(["place", "what", "rows"], rows)
    else:
        print_line("nothing found: not in the store, releases, text cache, exports or rejects")
    print_line(f"{found.tombstones} of {users} have a tombstone: no load brings them back")


def _check(path: Path) -> None:
    from kg.privacy.erasure import read_report
    from kg.privacy.tombstones import erasure_key

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from e
    report, key = read_report(text), erasure_key()
    if report.key_id != key.id:
        raise ConfigError(f"{path} was signed with erasure key {report.key_id}; this is {key.id}")
    if not report.is_signed_by(key):
        raise ConfigError(f"{path} was changed since it was signed")
    print_line(f"{path} is as it was signed with erasure key {key.id}")
