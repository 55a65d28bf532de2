"""`kg recommend`: a user id in, ranked unseen items and the reason for each out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import Json, Store, open_chosen
from kg.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from kg.recommend import Recommendations


def recommend(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="How many.")] = 10,
    why: Annotated[bool, typer.Option("--why", help="With the reason for each.")] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Items a user has not touched, likeliest first.

    \b
    kg recommend A1
    kg recommend A1 -k 20 --why
    """
    from kg.config import settings
    from kg.privacy.state import stored_id
    from kg.recommend import recommend as recommend_items

    with open_chosen(store) as graph:
        found = recommend_items(graph, stored_id(graph, user), k, sensitive=settings().sensitive)
    if json_:
        print_json(found.model_dump(by_alias=True))
    else:
        show_recommendations(found, why=why)


def show_recommendations(found: Recommendations, *, why: bool) -> None:
    print_line(found.says)
    columns = ["", "item", "title", "score", "from"] + (["why"] if why else [])
    rows = [
        [i.rank, i.item_id, i.title, i.score, i.source] + ([i.why] if why else [])
        for i in found.items
    ]
    if rows:
        print_table(columns, rows)
