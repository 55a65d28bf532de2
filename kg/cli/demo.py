"""`kg demo`: a synthetic shop, loaded, learned, published, and looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, open_chosen, releases_of
from kg.cli.output import print_json, print_line, print_table, progress

if TYPE_CHECKING:
    from kg.demo import Demo
    from kg.person import Person
    from kg.recommend import Recommendations

DEMO_STORE = "ladybug://demo.lbug"


def demo(
    users: Annotated[int, typer.Option("--users", help="How large a shop.", min=50)] = 2_000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same shop.")] = 7,
    store: Annotated[
        str, typer.Option("--store", metavar="URL", help="A store of the demo's own.")
    ] = DEMO_STORE,
    releases: Releases = None,
    json_: Json = False,
) -> None:
    """Make a shop with planted interests, load it, train, publish, and show what was found.

    About a minute on two cores. The graph stays in demo.lbug, to be looked at further.

    \b
    kg demo
    kg demo --users 20000
    """
    from kg.config import settings
    from kg.demo import run_demo
    from kg.person import person
    from kg.recommend import recommend
    from kg.training import Training, train_config

    here = settings()
    training = Training(
        config=train_config("small", {}),
        seed=seed,
        encoder=here.encoder,
        cache=here.home / "text",
        sensitive=here.sensitive,
    )
    started = time.monotonic()
    with (
        audited("demo", store) as act,
        progress() as move,
        open_chosen(store, read_only=False) as graph,
    ):
        done = run_demo(
            graph,
            releases_of(store, releases),
            training,
            users=users,
            now=int(time.time()),
            progress=move,
        )
        act.rows = counts = graph.counts()
        someone = person(graph, done.user)
        liked = recommend(graph, done.user, k=5)
    seconds = time.monotonic() - started
    if json_:
        print_json(_object(done, counts, someone, liked, seconds))
    else:
        _show(done, counts, someone, liked, seconds, store)


def _object(
    done: Demo, counts: dict[str, int], someone: Person, liked: Recommendations, seconds: float
) -> dict[str, Any]:
    return {
        "counts": counts,
        "card": done.card.model_dump(by_alias=True),
        "found": done.found,
        "agreement": done.agreement,
        "profile": someone.model_dump(by_alias=True),
        "recommendations": liked.model_dump(by_alias=True),
        "seconds": seconds,
    }


def _show(
    done: Demo,
    counts: dict[str, int],
    someone: Person,
    liked: Recommendations,
    seconds: float,
    store: str,
) -> None:
    from kg.cli.profile import show_person
    from kg.cli.recommend import show_recommendations
    from kg.cli.train import show_card

    print_table(["in the graph", "rows"], [[n, c] for n, c in counts.items()])
    print_line()
    show_card(done.card)
    for rows in (done.found, done.agreement):
        columns = list(rows[0])
        print_table(columns, [[row.get(c) for c in columns] for row in rows])
        print_line()
    print_line(f"—— kg profile {done.user} ——\n")
    show_person(someone)
    print_line(f"\n—— kg recommend {done.user} -k 5 --why ——\n")
    show_recommendations(liked, why=True)
    print_line(f"\nall of it in {seconds:.0f} s. Try next:")
    print_line(f"  kg query --store {store}")
    print_line(f"  kg query best_users --store {store}")
    print_line("  kg load --list")
