"""`kg doctor`: what is there, what is missing and the command that mends it."""

from __future__ import annotations

from typing import Annotated

import typer

from kg.cli.options import Json, Store, store_url
from kg.cli.output import print_json, print_line, print_table


def doctor(
    mend: Annotated[
        bool,
        typer.Option("--mend", help="First make the keys and tables that the store lacks."),
    ] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Look at Python, packages, extras, GPU, text encoder, store, schema, profiles and releases.

    Changes nothing without --mend. Exits 1 where something that is needed is broken.

    \b
    kg doctor
    kg doctor --mend
    """
    from kg.config import settings
    from kg.doctor import examine
    from kg.doctor import mend as mend_schema

    if mend:
        made = mend_schema(store_url(store))
        if not json_:
            print_line(f"made {len(made)} keys and tables" if made else "nothing to mend")
    found = examine(settings(), store_url(store))
    if json_:
        print_json([f.model_dump() for f in found])
    else:
        rows = [[f.what, f.status, f.detail, f.mend] for f in found]
        print_table(["what", "status", "detail", "mend with"], rows)
    if any(f.status == "broken" and f.needed for f in found):
        raise typer.Exit(1)
