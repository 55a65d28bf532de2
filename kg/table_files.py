"""An Arrow table ↔ a CSV or Parquet file, by its suffix; written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from kg.errors import InputError
from kg.files import write_whole

SUFFIXES = (".csv", ".parquet")


def write_table(table: pa.Table, path: Path) -> None:
    """CSV has a header line; null is empty, a list its JSON text. Raises ConfigError."""
    if path.suffix == ".parquet":
        write_whole(path, lambda beside: pq.write_table(table, beside))
        return
    frame = pl.DataFrame(pl.from_arrow(table))
    lists = [name for name, kind in frame.schema.items() if kind == pl.List(pl.String)]
    as_text = [
        pl.concat_str(
            pl.lit("["),
            pl.col(name).list.eval(
                pl.lit('"')
                + pl.element().str.replace_all("\\", "\\\\", literal=True)
                .str.replace_all('"', '\\"', literal=True)
                + pl.lit('"')
            ).list.join(", "),
            pl.lit("]"),
        ).alias(name)
        for name in lists
    ]  # fmt: skip
    write_whole(path, lambda beside: frame.with_columns(as_text).write_csv(beside))


def read_table(path: Path, types: dict[str, pa.DataType]) -> pa.Table:
    """The columns of `types`, in those types. Raises InputError that names what is missing or
    wrong."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            table = pl.read_csv(path, infer_schema=False).to_arrow()
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror or e}") from e
    except (pl.exceptions.PolarsError, pa.ArrowException) as e:
        raise InputError(f"{path} is no {path.suffix.removeprefix('.')} file: {e}") from e
    lost = [name for name in types if name not in table.column_names]
    if lost:
        raise InputError(f"{path}: no column {lost[0]!r}; there are {table.column_names}")
    columns = {}
    for name, kind in types.items():
        try:
            columns[name] = table[name].cast(kind)
        except pa.ArrowInvalid as e:
            raise InputError(f"{path}: column {name!r} is not {kind}: {e}") from e
    return pa.table(columns)
