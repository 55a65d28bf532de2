"""Users' and items' vectors → files: Parquet and NumPy arrays, or those of TensorBoard's projector.

    vectors     users.parquet (userId, embedding) and users.npy ([n, d] float32, the same rows);
                items.parquet (itemId, scoreBias, embedding) and items.npy
    projector   users.tsv and items.tsv (a vector a line), their *_metadata.tsv, and
                projector_config.pbtxt: `tensorboard --logdir FOLDER`

The projector's users are told of by segment and value tier. Beside them lies `users.marks`, a
keyed hash a row by which `kg forget` finds the row of a user who is erased: leave it here when the
rest is given away. Users who object to being profiled are in none of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.errors import ConfigError
from kg.files import whole_folder
from kg.privacy.consent import objectors, without
from kg.privacy.state import pseudonyms
from kg.privacy.tombstones import erasure_key
from kg.store import GraphStore

VectorFormat = Literal["vectors", "projector"]
MARKS = ".marks"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]+"


def export_vectors(
    store: GraphStore, path: Path, format_: VectorFormat, *, with_ids: bool = False
) -> dict[str, int]:
    """Of the live release; returns how many. The folder appears whole or not at all. Raises
    ConfigError where there are none, `path` cannot be written or is a folder with something in it,
    or `with_ids` asks the projector for ids that are the source's own."""
    if with_ids and format_ == "projector" and pseudonyms(store) is None:
        raise ConfigError(
            f"{store.url}: its users' ids are the source's own, no pseudonyms, and are not shown"
        )
    users, items = _users(store), _items(store)
    if not users.num_rows and not items.num_rows:
        raise ConfigError(f"{store.url}: no vectors are there; kg retrain makes them")
    with whole_folder(path) as folder:
        if format_ == "vectors":
            for name, table in (("users", users.select(["userId", "embedding"])), ("items", items)):
                kept = table.drop_columns(
                    [c for c in ("title", "category") if c in table.schema.names]
                )
                pq.write_table(kept, folder / f"{name}.parquet")
                np.save(folder / f"{name}.npy", matrix(table), allow_pickle=False)
        else:
            said = ["userId"] if with_ids else []
            _write_projected(folder, "users", users, [*said, "segment", "valueTier"])
            _write_projected(folder, "items", items, ["title", "category"])
            marks = [erasure_key(make=True).tombstone(i) for i in users["userId"].to_pylist()]
            (folder / f"users{MARKS}").write_text("".join(f"{m}\n" for m in marks))
            (folder / "projector_config.pbtxt").write_text(_CONFIG)
    return {"users": users.num_rows, "items": items.num_rows}


def matrix(table: pa.Table) -> np.ndarray:
    """[n, d] float32"""
    flat = pc.list_flatten(table["embedding"].combine_chunks()).to_numpy(zero_copy_only=False)
    rows: np.ndarray = flat.reshape(table.num_rows, -1).astype(np.float32)
    return rows


def _users(store: GraphStore) -> pa.Table:
    columns = ("embedding", "segment", "valueTier")
    whole = store.export({"User": columns}, {}).nodes["User"]
    table = without({"User": whole}, objectors(store))["User"]
    return table.filter(pc.is_valid(table["embedding"]))


def _items(store: GraphStore) -> pa.Table:
    """With the name of the first category each is in."""
    found = store.export(
        {"Item": ("embedding", "scoreBias", "title"), "Category": ("name",)}, {"IN_CATEGORY": ()}
    )
    items, member = found.nodes["Item"], found.edges["IN_CATEGORY"]
    names = found.nodes["Category"]["name"].take(member["dst"])
    first = pl.DataFrame({"item": pl.from_arrow(member["src"]), "name": pl.from_arrow(names)})
    first = first.sort("item", "name").unique("item", keep="first", maintain_order=True)
    row = pl.DataFrame({"item": np.arange(items.num_rows)}, schema={"item": first.schema["item"]})
    category = row.join(first, on="item", how="left", maintain_order="left")["name"]
    table = items.append_column("category", category.to_arrow().cast(pa.string()))
    return table.filter(pc.is_valid(table["embedding"]))


def _write_projected(folder: Path, name: str, table: pa.Table, columns: list[str]) -> None:
    vectors = pl.DataFrame(matrix(table))
    vectors.write_csv(
        folder / f"{name}.tsv", include_header=False, float_precision=6, separator="\t"
    )
    said = pl.DataFrame(pl.from_arrow(table.select(columns)))
    clean = said.select(
        pl.all().cast(pl.String).str.replace_all(_CONTROL, " ").fill_null("").str.strip_chars()
    )
    clean.write_csv(folder / f"{name}_metadata.tsv", separator="\t", quote_style="never")


_CONFIG = "".join(
    f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{name}.tsv"\n'
    f'  metadata_path: "{name}_metadata.tsv"\n}}\n'
    for name in ("users", "items")
)
