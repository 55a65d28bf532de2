"""Staged tables as plain rows, and small files to stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loaders import Staged, stage

NOW = 1_700_000_000
"""2023-11-14; where the future begins in these tests."""


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def staged(tmp_path: Path, source: str, files: Mapping[str, str | bytes], **given: Any) -> Staged:
    """The files staged as `source`; a mapping comes as the file `shop.toml`."""
    folder = write(tmp_path / "in", files)
    if "shop.toml" in files:
        given["options"] = {"mapping": str(folder / "shop.toml")}
    return stage(source, [folder], tmp_path / "out", now=NOW, **given)


def rows(done: Staged, table: str) -> list[dict[str, Any]]:
    return [row for batch in done.batches(table) for row in batch.to_pylist()]


def column(done: Staged, table: str, name: str) -> list[Any]:
    return sorted(row[name] for row in rows(done, table))


def rejects(done: Staged) -> list[dict[str, Any]]:
    if done.report.rejects is None:
        return []
    text = Path(done.report.rejects).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


RATINGS = """\
title = "ratings"

[[files]]
match = "ratings*"
holds = "ratings"

[[files.edges]]
type = "RATED"
src = "user"
dst = "item"
key = ["user", "item"]
scale = [1, 5]
set.rating = "rating"
set.at = { column = "at", time = "s" }
"""
