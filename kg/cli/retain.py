"""`kg retain`: events older than an age are removed."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, store_url
from kg.cli.output import ask, print_json, print_line, print_table
from kg.query_types import moment

_AGE = re.compile(r"([1-9][0-9]{0,5})d")
DAY = 86_400


def retain(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DAYS", help="An age in days, such as 730d.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Remove events older than an age, with the vectors of their texts.

    Users and items stay; users whose events went are marked for `kg refresh`. Events without a time
    stay. What a release learned from them stays until `kg retrain`.

    \b
    kg retain --older-than 730d --yes && kg refresh
    """
    from kg.config import settings
    from kg.privacy.places import TEXT
    from kg.privacy.retention import retain as remove

    age = _AGE.fullmatch(older_than)
    if age is None:
        raise typer.BadParameter("say days, such as 730d", param_hint="--older-than")
    now, url = int(time.time()), store_url(store)
    before = now - int(age[1]) * DAY
    if not yes:
        ask(f"remove events before {moment(before)} from {url}?")
    with audited("retain", url) as act, open_chosen(url, read_only=False) as graph:
        done = remove(graph, settings().home / TEXT, before=before, now=now)
        act.rows = done.events
    if json_:
        print_json({"before": done.before, "events": done.events, "texts": done.texts,
                    "stale": done.stale})  # fmt: skip
        return
    print_table(["events before " + moment(before), "removed"], list(done.events.items()))
    print_line(f"removed {done.texts} text vectors")
    print_line(f"{done.stale} users are marked: kg refresh profiles them anew")
