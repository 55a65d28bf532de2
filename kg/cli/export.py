"""`kg export`: the graph into files of other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import print_json, print_line, print_table, progress


class Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    graphml = "graphml"
    vectors = "vectors"
    projector = "projector"
    retrieval = "retrieval"


def export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A new folder; graphml: a file.")],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="graphml is for networkx, Gephi, yEd, and has no vectors; vectors are Parquet and "
            "NumPy arrays of users' and items' embeddings; projector is for TensorBoard's; "
            "retrieval is for an index of inner products, which finds a user's items.",
        ),
    ] = Format.parquet,
    with_ids: Annotated[
        bool,
        typer.Option("--with-ids", help="Projector: users' pseudonyms, too, where there are any."),
    ] = False,
    store: Store = None,
    releases: Releases = None,
    json_: Json = False,
) -> None:
    """Write the graph as Parquet, CSV or GraphML; or the vectors alone.

    Parquet and CSV are a folder with a file a table; GraphML is one file.

    \b
    kg export shop/                                  Parquet, with vectors
    kg export --format csv shop-csv/
    kg export --format graphml shop.graphml
    kg export --format vectors vectors/
    kg export --format projector projector/          then: tensorboard --logdir projector/
    kg export --format retrieval retrieval/          user · item, the larger the better
    """
    from kg.config import settings
    from kg.export import export as export_graph
    from kg.retrieval import export_retrieval
    from kg.vectors import export_vectors

    url = store_url(store)
    with audited("export", url) as act, open_chosen(url) as graph, progress() as move:
        match format_.value:
            case "vectors":
                rows = export_vectors(graph, path, "vectors")
            case "projector":
                rows = export_vectors(graph, path, "projector", with_ids=with_ids)
            case "retrieval":
                rows = export_retrieval(
                    graph, releases_of(url, releases), path, sensitive=settings().sensitive
                )
            case "parquet" | "csv" | "graphml" as chosen:
                rows = export_graph(graph, path, chosen, progress=move)
        act.rows = rows
        act.files.append(path)
    if json_:
        print_json({"path": str(path), "format": format_.value, "rows": rows})
    else:
        print_table(["table", "rows"], list(rows.items()))
        print_line(f"in {path}")
