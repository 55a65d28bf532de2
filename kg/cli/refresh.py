"""`kg refresh`: new profiles for users whose edges changed, by the live release's model."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import print_json, print_line, print_table, progress
from kg.cli.training import Encoder
from kg.query_types import moment


def refresh(
    users: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[USER]...", help="Default: all whose edges changed, and those who read them."
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Everyone, in blocks: memory does not grow with them.")
    ] = False,
    encoder: Encoder = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Profile anew the users whose edges changed since the last publish, and nobody else.

    Every load marks the users whose edges it brought or changed; this takes the marks away. A whole
    export may be loaded each night: what is known already marks nobody. The model, its calibrations
    and the item side stay those of the live release: `kg retrain` renews them.

    \b
    kg load amazon new-reviews.jsonl.gz && kg refresh
    kg refresh A1 A2 --json
    """
    from kg.config import settings
    from kg.privacy.state import stored_ids
    from kg.refresh import Refresher
    from kg.training import Training, train_config
    from kg.unfinished import settle

    if all_ and users:
        raise typer.BadParameter("name users or say --all, not both")
    here = settings()
    training = Training(
        config=train_config("default", {}),
        encoder=encoder or here.encoder,
        cache=here.home / "text",
        sensitive=here.sensitive,
    )
    now = int(time.time())
    url = store_url(store)
    with (
        audited("refresh", url) as act,
        open_chosen(url, read_only=False) as graph,
        progress() as move,
    ):
        settle(graph, releases_of(url, releases), now=now)
        ready = Refresher.open(graph, releases_of(url, releases), training)
        if all_:
            done = ready.refresh_all(now=now, progress=move)
        elif users:
            done = ready.refresh(stored_ids(graph, users), now=now, progress=move)
        else:
            done = ready.refresh_stale(now=now, progress=move)
        act.release, act.rows = done.version, {"User": done.users}
    if json_:
        print_json(
            {
                "version": done.version,
                "users": done.users,
                "asOf": done.as_of,
                "newItems": done.new_items,
                "written": {name: count.numbers() for name, count in done.written.items()},
            }
        )
        return
    if done.written:
        counts = [[n, c.created, c.updated, c.deleted] for n, c in done.written.items()]
        print_table(["written", "created", "updated", "deleted"], counts)
        print_line()
    when = "" if done.as_of is None else f", as of {moment(done.as_of)}"
    print_line(f"{done.users} users profiled anew by release {done.version}{when}")
    if done.new_items:
        print_line(
            f"{done.new_items} items came after that release: they count by their text and "
            "categories, and are offered to others after the next kg retrain"
        )
