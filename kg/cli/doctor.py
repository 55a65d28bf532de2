"""`kg doctor`: what is there, what is missing and the command that mends it."""

from __future__ import annotations

import typer

from kg.cli.options import Json, Store, store_url
from kg.cli.output import print_json, print_table


def doctor(store: Store = None, json_: Json = False) -> None:
    """Look at Python, packages, extras, GPU, text encoder, store and releases. Changes nothing.

    Exits 1 where something that is needed is broken.

    \b
    kg doctor
    """
    from kg.config import settings
    from kg.doctor import examine

    found = examine(settings(), store_url(store))
    if json_:
        print_json([f.model_dump() for f in found])
    else:
        rows = [[f.what, f.status, f.detail, f.mend] for f in found]
        print_table(["what", "status", "detail", "mend with"], rows)
    if any(f.status == "broken" and f.needed for f in found):
        raise typer.Exit(1)
