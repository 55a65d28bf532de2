"""`kg evaluate`: a release in; everything it was judged by, beside plain methods, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import Json, Releases, Store, releases_of
from kg.cli.output import cell, print_json, print_line, print_table, visible
from kg.query_types import moment

if TYPE_CHECKING:
    from kg.evaluation import Evaluation


def evaluate(
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Default: the newest.")
    ] = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """How good a release is: interests, next choices, churn, value, segments, beside plain methods.

    All figures are of a period the model had not seen. reliability.svg in the release's folder
    draws the interests' chances against what came true.

    \b
    kg evaluate
    kg evaluate 20260131-120000 --json
    """
    from kg.evaluation import evaluation
    from kg.releases import latest, read_card

    folder = releases_of(store, releases)
    found = evaluation(read_card(folder, version or latest(folder)))
    if json_:
        print_json(found.model_dump(by_alias=True))
    else:
        show_evaluation(found)


def show_evaluation(found: Evaluation) -> None:
    when = f", as of {moment(found.as_of)}" if found.as_of is not None else ""
    ahead = f", horizon {found.horizon_days} days" if found.horizon_days is not None else ""
    print_line(f"release {visible(found.version)}{when}{ahead}")
    for section in found.sections:
        columns = list(dict.fromkeys(key for row in section.rows for key in row))
        print_line()
        rows = [[row.get(c) for c in columns] for row in section.rows]
        print_table(columns, rows, title=f"{section.title}: {section.reads}")
        if section.verdict is not None:
            print_line(f"→ {visible(section.verdict.in_words())}")
    if found.choices:
        print_line()
        columns = list(found.choices[0])
        rows = [[row[c] for c in columns] for row in found.choices]
        title = "Chosen on validation users, by their Recall@20 + NDCG@20"
        print_table(columns, rows, title=title)
    if found.tone is not None:
        print_line()
        print_line(
            "Probe of the tone: " + ", ".join(f"{k} {cell(v)}" for k, v in found.tone.items())
        )
    if found.unavailable:
        print_line()
        print_table(["not given", "because"], [list(pair) for pair in found.unavailable.items()])
