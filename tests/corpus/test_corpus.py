"""Broken files: no traceback, no lost row, every message names its file, every reject its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kg.errors import KgError
from tests.corpus import delimited, json_lines, mappings, packed, parquets, shipped
from tests.corpus.case import Case
from tests.loaders.tables import rejects, staged
from tests.loaders.test_stage import consistent

FILES: dict[str, tuple[Case, ...]] = {
    "delimited": delimited.CASES,
    "JSON": json_lines.CASES,
    "packed": packed.CASES,
    "Parquet": parquets.CASES,
    "mappings": mappings.CASES,
    "shipped": shipped.CASES,
}
CASES = [
    pytest.param(case, id=f"{group}: {case.name}")
    for group, cases in FILES.items()
    for case in cases
]


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_is_told_or_accounted_for(tmp_path: Path, case: Case) -> None:
    """Rows in = written + merged + rejected, each reject with file, line, reason and its text; or
    an error of one line that says which file, and nothing is left behind."""
    if case.error:
        with pytest.raises(KgError, match=case.error) as caught:
            staged(tmp_path, case.source, case.files)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 1500
        assert re.search("|".join(map(re.escape, [*case.files, str(tmp_path / "in")])), message)
        assert not (tmp_path / "out").exists()
        return
    done = staged(tmp_path, case.source, case.files)
    consistent(done)
    report, told = done.report, rejects(done)
    assert {r["line"]: r["reason"] for r in told} == dict(case.rejects)
    assert all(Path(r["file"]).name in case.files and r["raw"] is not None for r in told)
    assert (report.written, report.merged) == (case.written, case.merged)
    assert report.rows == case.written + case.merged + len(case.rejects)
    if case.tables is not None:
        assert report.tables == dict(case.tables)
