"""Packages of the extra `train`, where they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kg.errors import MissingExtra


@contextmanager
def needs_training_packages() -> Iterator[None]:
    """Turns a missing package of the extra `train` into one clear line."""
    try:
        yield
    except ModuleNotFoundError as e:
        raise MissingExtra(f"training ({e.name} is not installed)", "train") from e
