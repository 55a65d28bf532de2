"""Rows of a query → a table, CSV, JSON or Parquet, on stdout or whole into a file."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.cli.output import json_text, plain, print_table
from kg.errors import ConfigError
from kg.files import write_whole
from kg.query_types import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    from kg.store import QueryResult


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def write_rows(
    result: QueryResult, types: Sequence[str] | None, format_: Format, output: Path | None
) -> None:
    """`types` as declared, one a column; None for ad-hoc text."""
    if output is None:
        if format_ is Format.table:
            print_table(result.columns, result.rows, types=types)
        else:
            sys.stdout.write(_TEXT[format_](result))
        return
    if format_ is Format.parquet:
        import pyarrow.parquet as pq

        table = arrow_table(result, types)
        write_whole(output, lambda path: pq.write_table(table, path))
        return
    text = _TEXT[Format.csv if format_ is Format.table else format_](result)
    write_whole(output, lambda path: path.write_text(text, encoding="utf-8"))


def _csv(result: QueryResult) -> str:
    """With a header line; lists and maps as JSON; null is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([_csv_value(v) for v in row] for row in result.rows)
    return out.getvalue()


def _csv_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(plain(value), ensure_ascii=False)
    return value


def _json(result: QueryResult) -> str:
    return json_text(result.records()) + "\n"


_TEXT: dict[Format, Callable[[QueryResult], str]] = {Format.csv: _csv, Format.json: _json}


def arrow_table(result: QueryResult, types: Sequence[str] | None) -> pa.Table:
    """Columns in the declared types, else in those the values show. Raises `ConfigError` for a
    column that mixes types."""
    import pyarrow as pa

    arrays = {}
    for n, name in enumerate(result.columns):
        values = [row[n] for row in result.rows]
        if any(isinstance(v, dict) for v in values):
            values = [None if v is None else json.dumps(plain(v)) for v in values]
        type_ = arrow_type(types[n]) if types else None
        try:
            arrays[name] = pa.array(values, type_)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as e:
            raise ConfigError(
                f"column {name} mixes types and has no Parquet form ({e}); use --format json"
            ) from e
    return pa.table(arrays)
