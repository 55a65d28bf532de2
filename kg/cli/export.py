"""`kg export`: the graph into files of other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, store_url
from kg.cli.output import print_json, print_line, print_table, progress


class Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    graphml = "graphml"


def export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A new folder; graphml: a file.")],
    format_: Annotated[
        Format,
        typer.Option("--format", help="graphml is for networkx, Gephi, yEd; it has no vectors."),
    ] = Format.parquet,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Write the graph as Parquet, CSV or GraphML.

    Parquet and CSV are a folder with a file a table; GraphML is one file.

    \b
    kg export shop/                                  Parquet, with vectors
    kg export --format csv shop-csv/
    kg export --format graphml shop.graphml
    """
    from kg.export import export as export_graph

    url = store_url(store)
    with audited("export", url) as act, open_chosen(url) as graph, progress() as move:
        act.rows = rows = export_graph(graph, path, format_.value, progress=move)
        act.files.append(path)
    if json_:
        print_json({"path": str(path), "format": format_.value, "rows": rows})
    else:
        print_table(["table", "rows"], list(rows.items()))
        print_line(f"in {path}")
