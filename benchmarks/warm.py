"""Imported once where processes are forked: what every training and refresh would otherwise build
again, an encoder read and the model's class made."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # no threads before the fork
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import tempfile
from pathlib import Path

from gnn.model import WeightedSum
from gnn.text import ReviewEncoder
from kg.cli.app import app
from tests.gnn.tiny_encoder import tiny_bert

with tempfile.TemporaryDirectory() as folder:
    ReviewEncoder.open(str(tiny_bert(Path(folder))))
WeightedSum()

__all__ = ["app"]
