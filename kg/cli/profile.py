"""`kg profile`: a user id in, the profile and the evidence behind it on one screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import Json, Releases, Store, open_chosen, releases_of
from kg.cli.output import cell, print_json, print_line, print_table, visible
from kg.cli.training import Encoder
from kg.query_types import moment

if TYPE_CHECKING:
    from kg.person import Interest, Person
    from kg.store import GraphStore

_SIMILAR = {
    "release": "similar user",
    "vector index": "nearest user (by the vector index)",
    "all vectors": "nearest user",
}
ITEMS_SHOWN = 5
"""Of the stored item interests; `kg recommend` shows them all."""


def profile(
    user: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="The user's id; or say --from.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Somebody who is not in the graph: events, friends or review texts, a JSON object "
            "a line. Nothing is written.",
        ),
    ] = None,
    similar: Annotated[
        int | None,
        typer.Option(
            "--similar",
            metavar="N",
            min=1,
            max=1000,
            help="The N users nearest by their vectors, rather than the release's neighbours.",
        ),
    ] = None,
    encoder: Encoder = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """What a user is like, how sure we are and why.

    \b
    kg profile A1
    kg profile A1 --similar 20
    kg profile A1 --json
    kg profile --from events.jsonl

    A line of a file is an event, {"type": "PURCHASED", "itemId": "i7", "at": "2025-11-02"}, a tie,
    {"type": "FRIEND_OF", "userId": "A2"}, or a review of nothing in particular, {"text": "…"}.
    """
    from kg.person import person
    from kg.privacy.state import stored_id

    if (user is None) == (from_ is None):
        raise typer.BadParameter("give a USER or --from FILE")
    with open_chosen(store) as graph:
        if user is not None:
            found = person(graph, stored_id(graph, user), similar=similar)
        else:
            found = _newcomer(graph, Path(str(from_)), encoder, releases_of(store, releases))
    if json_:
        print_json(found.model_dump(by_alias=True))
    else:
        show_person(found, there=user is not None)


def _newcomer(graph: GraphStore, file: Path, encoder: str | None, releases: Path) -> Person:
    from kg.account import read_account
    from kg.config import settings
    from kg.newcomer import profile_newcomer
    from kg.training import Training, train_config

    entries, here = read_account(file), settings()
    training = Training(
        config=train_config("default", {}),
        encoder=encoder or here.encoder,
        sensitive=here.sensitive,
    )
    return profile_newcomer(graph, releases, training, entries, now=int(time.time()))


def show_person(found: Person, *, there: bool = True) -> None:
    """`there`: in the graph, so that other commands know them."""
    print_line(f"{visible(found.user_id)}{_since(found)}")
    for text in found.notes:
        print_line(visible(text))
    source = {name: v for name, v in found.attributes.items() if name != "createdAt"}
    if source:
        print_line("source: " + "; ".join(f"{visible(n)} {cell(v)}" for n, v in source.items()))
    if found.profile is not None:
        print_line()
        print_table(["", "profile", "value", "what it is"], _explained(found.profile))
    if found.activity:
        print_line()
        print_table(
            ["activity", "events", "items", "first", "last", "mean rating"],
            [[a.kind, a.events, a.items, a.first_at, a.last_at, a.mean_rating]
             for a in found.activity],
            types=["", "", "", "time", "time", ""],
        )  # fmt: skip
    _interests("interest", found.categories)
    _interests("next item", found.items[:ITEMS_SHOWN])
    if len(found.items) > ITEMS_SHOWN:
        ways = "kg recommend --why, or --json" if there else "--json"
        print_line(f"… and {len(found.items) - ITEMS_SHOWN} more: {ways}")
    if found.similar:
        print_line()
        print_table(
            [_SIMILAR[found.similar_by], "cosine", "tier", "leading interest"],
            [[s.user_id, s.score, s.value_tier, s.interest] for s in found.similar],
        )
    if found.freshness.release is not None:
        print_line()
        print_line(_freshness(found))


def _since(found: Person) -> str:
    created = found.attributes.get("createdAt")
    first = [a.first_at for a in found.activity if a.first_at is not None]
    since = f", member since {moment(created)}" if created is not None else ""
    return since + (f", first seen {moment(min(first))}" if first else "")


def _explained(profile: dict[str, Any]) -> list[list[str]]:
    """Group, name, value and declared meaning of what the profile has; a group is named once."""
    from kg.person import STANDS_ON
    from kg.profile import GROUPS, USER_PROFILE

    rows = []
    for group in GROUPS:
        title = group
        for declared in USER_PROFILE:
            value = profile.get(declared.name)
            if value is None or declared.group != group:
                continue
            if declared.name == "coldStart":
                rows.append([title, "", STANDS_ON.get(value, cell(value)), ""])
            else:
                unit = f" {declared.unit}" if declared.unit in ("days", "UTC") else ""
                rows.append([title, declared.name, cell(value) + unit, declared.meaning])
            title = ""
    return rows


def _interests(title: str, interests: list[Interest]) -> None:
    if interests:
        print_line()
        print_table(
            [title, "score", "basis", "evidence"],
            [[i.name, i.score, i.basis, i.says] for i in interests],
        )


def _freshness(found: Person) -> str:
    fresh = found.freshness
    parts = [f"release {fresh.release}"]
    if fresh.as_of is not None:
        parts.append(f"as of {moment(fresh.as_of)}")
    if fresh.horizon_days is not None:
        parts.append(f"scores are chances within {fresh.horizon_days} days of it")
    if fresh.published_at is not None:
        parts.append(f"published {moment(fresh.published_at)}")
    return ", ".join(parts)
