"""A shop that was generated, not read → the same with the load's pseudonyms, erased users left out.

Its texts are made up, so nothing in them is masked."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from loaders.interface import FileReport, LoadReport, Staged
from loaders.policy import Policy, user_end
from loaders.protect import ERASED, Protection, Protector


def protect_staged(staged: Staged, protection: Protection | None) -> Staged:
    """The parts are rewritten in place."""
    if protection is None or (protection.keyed is None and protection.erased is None):
        return staged
    ids_only = Protection(Policy(()), protection.keyed, protection.erased)
    protector = Protector(ids_only)
    left_out = {
        table: sum(_rewrite(part, table, protector) for part in parts)
        for table, parts in staged.tables.items()
    }
    keyed = protection.keyed
    report = _recounted(staged.report, left_out).model_copy(
        update={
            "key_id": keyed.key_id if keyed else None,
            "tombstones": protection.tombstones,
        }
    )
    return Staged(staged.folder, staged.tables, staged.attributes, report)


def _rewrite(part: Path, table: str, protector: Protector) -> int:
    """How many rows were left out."""
    if not user_end(table):
        return 0
    schema = pq.read_schema(part)
    rows = pl.DataFrame(pq.read_table(part))
    whole = len(rows)
    for check in protector.checks(table):
        rows = rows.filter(~check.fails.fill_null(False))
    kept = protector.frame(table, rows).to_arrow()
    pq.write_table(pa.table([kept[f.name].cast(f.type) for f in schema], schema=schema), part)
    return whole - len(rows)


def _recounted(report: LoadReport, left_out: dict[str, int]) -> LoadReport:
    """A generated table is a file of its own, in the same order."""
    files = [
        _less(file, left_out[table])
        for file, table in zip(report.files, report.tables, strict=True)
    ]
    rows = sum(left_out.values())
    return report.model_copy(
        update={
            "files": files,
            "tables": {table: n - left_out[table] for table, n in report.tables.items()},
            "findings": report.findings | ({ERASED: rows} if rows else {}),
            "reject_reasons": report.reject_reasons | ({ERASED: rows} if rows else {}),
        }
    )


def _less(file: FileReport, rows: int) -> FileReport:
    return file.model_copy(
        update={"written": file.written - rows, "rejected": file.rejected + rows}
    )
