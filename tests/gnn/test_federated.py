"""The page on training across shops counts the bytes that there are."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from gnn.config import TrainConfig
from gnn.inputs import Vocabulary
from gnn.model import Encoder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "gnn" / "federated.md").read_text(encoding="utf-8")
SHOPS = re.findall(r"^\| ([\w ,.-]+) \| " + r" \| ".join([r"(\d+)"] * 6) + r" \|$", PAGE, re.M)


@pytest.mark.parametrize("row", [r for r in SHOPS if int(r[1]) < 100_000], ids=lambda r: r[0])
def test_a_rounds_bytes_are_the_encoders(row):
    """Of the tables, and of the networks over texts; the rest is a few dozen."""
    items, categories, item_text, review_text, tables, networks = map(int, row[1:])
    names = [pa.array([str(k) for k in range(n)]) for n in (items, categories)]
    known = Vocabulary(*names, ("RATED",), (True,), (), item_text, review_text)
    config = TrainConfig()
    encoder = Encoder(known, config.dim, config.temperature)
    size = {n: p.numel() * p.element_size() for n, p in encoder.named_parameters()}
    texts = sum(b for n, b in size.items() if n.split(".")[0].endswith(("_text", "_reviews")))
    assert size["item_id"] + size["category"] == tables
    assert texts == networks
    assert sum(size.values()) - tables - texts < 100


def test_its_table_is_read():
    assert len(SHOPS) == 4


def test_what_it_names_is_there():
    """Functions, files and tests."""
    tests = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {name}(" in tests, name
    for name in re.findall(r"`(gnn/\w+\.py)`", PAGE):
        assert (ROOT / name).is_file(), name
    linear = (ROOT / "gnn" / "linear.py").read_text(encoding="utf-8")
    assert "def right_singular(" in linear
