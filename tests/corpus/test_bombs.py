"""Small files that unfold to large ones: refused, with little memory, before the disk is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import gzip, io, json, resource, sys
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a bomb kills this process alone
import pyarrow as pa, pyarrow.parquet as pq
import loaders.files
from kg.errors import KgError
from loaders import stage
from tests.corpus.case import HEAD, ROW
from tests.loaders.tables import NOW, RATINGS

folder = Path(sys.argv[1])
(folder / "shop.toml").write_text(RATINGS)
ratings = {"mapping": str(folder / "shop.toml")}
zeros, blank = (gzip.compress(c * 10_000_000) * 100 for c in (b"\\0", b"\\n"))
rows = gzip.compress(HEAD) + gzip.compress(ROW * 500_000) * 100
lines = gzip.compress(b'{"asin": "i", "title": "t"}\\n') + blank
object_ = gzip.compress(b'{"asin": "') + gzip.compress(b"x" * 10_000_000) * 100

def bomb(fold):
    "A text of a megabyte in 100,000 rows, whose type is a dictionary or plain text."
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 1_000_000])
    some = {"rating": [5] * 100_000, "at": [0] * 100_000}
    sink = io.BytesIO()
    rows = pa.table({"user": long, "item": long, **some})
    pq.write_table(rows, sink, store_schema=fold)
    return sink.getvalue()

zstd = pa.compress(b"x" * 200_000_000, "zstd", asbytes=True)
loaders.files.HARMLESS = 1 << 24  # refused sooner, so that this is quick

bombs = {
    "zeros": ("tabular", "ratings.csv.gz", zeros),
    "blank lines": ("tabular", "ratings.csv.gz", blank),
    "rows": ("tabular", "ratings.csv.gz", rows),
    "one line": ("tabular", "ratings.csv.zst", zstd),
    "blank JSON lines": ("amazon", "i.json.gz", lines),
    "one object": ("amazon", "i.json.gz", object_),
    "a dictionary": ("tabular", "ratings.parquet", bomb(fold=True)),
    "a text said often": ("tabular", "ratings.parquet", bomb(fold=False)),
}
said = {}
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, (source, file, data) in bombs.items():
    path = folder / file
    path.write_bytes(data)
    try:
        options = ratings if source == "tabular" else {}
        stage(source, [path], folder / "out", now=NOW, options=options)
        said[name] = "loaded"
    except KgError as e:
        said[name] = str(e)
    path.unlink()
    said[name] += "" if not (folder / "out").exists() else " and left something"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
print(json.dumps({"said": said, "MiB": (peak - start) / unit}))
"""
BOMB = "unpacks to more than 200 times its size"
UNFOLDS = "unfolds to more than 1000 times its size"
SAID = {
    "zeros": BOMB,
    "blank lines": "line 1 is empty",
    "rows": BOMB,
    "one line": BOMB,
    "blank JSON lines": BOMB,
    "one object": BOMB,
    "a dictionary": UNFOLDS,
    "a text said often": UNFOLDS,
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What became of each bomb, in a process of its own, and the memory that took."""
    argv = [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("bombs"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", SAID)
def test_a_bomb_is_refused(told: dict[str, dict[str, str]], name: str) -> None:
    """With its file and the reason, and nothing left on the disk."""
    assert SAID[name] in told["said"][name]
    assert not told["said"][name].endswith("left something")


def test_a_bomb_takes_little_memory(told: dict[str, float]) -> None:
    """A gigabyte unpacked, a hundred unfolded: less than half a gigabyte of memory."""
    assert told["MiB"] < 512
