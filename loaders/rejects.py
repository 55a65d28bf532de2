"""Rejected rows → `rejects.jsonl`: file, line, reason and the text as it stands in the file, with
what is personal in it masked."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import polars as pl

from loaders.interface import REJECT_COLUMNS
from loaders.personal import masked
from loaders.plan import BROKEN, LINE, FilePlan

NAME = "rejects.jsonl"


MOST_WAITING = 2_000_000
"""Rejects that wait in memory; a file all of whose rows are bad is read again for every so many."""


class Rejects:
    """Takes the rejects (LINE, SPAN, reason) of one file, batch after batch. Without `with_text`
    the text is null: a row of a pseudonymous load would say whose it is."""

    def __init__(self, folder: Path, plan: FilePlan, *, with_text: bool) -> None:
        self._folder = folder
        self._plan = plan
        self._with_text = with_text
        self._waiting: list[pl.DataFrame] = []
        self.reasons: Counter[str] = Counter()

    def add(self, rejected: pl.DataFrame) -> None:
        self.reasons.update(dict(rejected["reason"].value_counts().iter_rows()))
        self._waiting.append(rejected)
        if sum(map(len, self._waiting)) > MOST_WAITING:
            self.write()

    def write(self) -> None:
        """Those that wait. The file is read a second time for their text, so that nothing has to be
        kept of the rows that are good."""
        ordered = pl.concat([pl.DataFrame(schema=BROKEN), *self._waiting]).sort(LINE)
        self._waiting = []
        if not len(ordered):
            return
        done = 0
        # customers' data: for the owner's eyes
        descriptor = os.open(self._folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as sink:
            for raw in self._plan.reader.raw(ordered):
                here = ordered[done : done + len(raw)]
                done += len(raw)
                sink.write(self._lines(here, raw))

    def _lines(self, rejected: pl.DataFrame, raw: pl.Series) -> bytes:
        file = pl.Series([self._plan.file]).new_from_index(0, len(raw))
        none = pl.Series([None], dtype=pl.String).new_from_index(0, len(raw))
        text = masked(raw)[0] if self._with_text else none
        columns = (file, rejected[LINE], rejected["reason"], text)
        table = pl.DataFrame(dict(zip(REJECT_COLUMNS, columns, strict=True)))
        return table.write_ndjson().encode()
