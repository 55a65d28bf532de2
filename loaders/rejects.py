"""Rejected rows → `rejects.jsonl`: file, line, reason and the text as it stands in the file, with
what is personal in it masked."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from loaders.interface import REJECT_COLUMNS
from loaders.personal import masked
from loaders.plan import LINE, FilePlan

NAME = "rejects.jsonl"


def append_rejects(
    folder: Path, plan: FilePlan, rejected: pl.DataFrame, *, with_text: bool = True
) -> None:
    """`rejected` has LINE, SPAN and `reason` of one file's rows. The file is read a second time for
    their text, so that nothing has to be kept of the rows that are good. Without `with_text` the
    text is null: a row of a pseudonymous load would say whose it is."""
    ordered = rejected.sort(LINE)
    done = 0
    # customers' data: for the owner's eyes
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as sink:
        for raw in plan.reader.raw(ordered):
            here = ordered[done : done + len(raw)]
            done += len(raw)
            file = pl.Series([plan.file]).new_from_index(0, len(here))
            text = (
                masked(raw)[0]
                if with_text
                else pl.Series([None], dtype=pl.String).new_from_index(0, len(here))
            )
            columns = (file, here[LINE], here["reason"], text)
            table = pl.DataFrame(dict(zip(REJECT_COLUMNS, columns, strict=True)))
            sink.write(table.write_ndjson().encode())
