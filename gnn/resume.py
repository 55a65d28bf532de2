"""Epochs of a training ↔ a file, from which a process that was killed goes on to the same weights,
bit for bit on one machine's CPU.

The file holds all that the next epoch hangs on: weights, their mean, Adam's moments, both
generators, the figures so far and the best weights. It is a safetensors file (nothing in it is ever
run), it has a checksum, and it is exchanged whole.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gnn.errors import ModelError, ResumeError
from gnn.fingerprint import fingerprint
from gnn.fit import Fit

SHARE = 0.04
"""Of a training's time that saving may take."""
BYTES_A_SECOND = 300e6
"""Guessed for the first file; later ones are foretold by the one before."""
UNFINISHED = ".part"

Tensors = dict[str, Tensor]


@dataclass
class Course:
    """How far a training is."""

    best: Tensors
    """Weights to serve, as far as is known"""
    epoch: int = 0
    """Done so far"""
    best_epoch: int = 0
    best_figure: float = -1.0
    curve: list[dict[str, float]] = field(default_factory=list)
    done: bool = False


@dataclass
class Saves:
    """Where a training keeps how far it is: a file a stage. Whoever begins with a folder in which
    files are goes on from them."""

    folder: Path
    share: float = SHARE
    """1 saves after every epoch."""
    clock: Callable[[], float] = time.monotonic

    def file(self, stage: str, identity: dict[str, Any]) -> StageFile:
        return StageFile(self.folder / f"{stage}.safetensors", identity, self.share, self.clock)


@dataclass
class Run:
    """A fit under way. Change `course` while an epoch is handled, and set `course.done` to end."""

    fit: Fit
    rng: np.random.Generator
    dice: torch.Generator
    file: StageFile | None = None
    course: Course = field(init=False)

    def __post_init__(self) -> None:
        """Raises ResumeError where the file is of another training, or damaged."""
        self.course = Course(copy.deepcopy(self.fit.served.state_dict()))
        if self.file is not None and self.file.path.exists():
            self.file.restore(self)

    def epochs(self) -> Iterator[tuple[int, float]]:
        """Number and mean loss of each epoch that is left."""
        if self.course.done:
            return
        if self.file is not None:
            self.file.begin()
        following = self.course.epoch + 1
        for epoch, loss in enumerate(self.fit.epochs(self.rng, self.dice), following):
            self.course.epoch = epoch
            yield epoch, loss
            if self.file is not None:
                self.file.keep(self)
            if self.course.done:
                return


@dataclass
class StageFile:
    """One stage's file. `identity` is what the training must agree with, JSON-able."""

    path: Path
    identity: dict[str, Any]
    share: float
    clock: Callable[[], float]
    begun: float = 0.0
    spent: float = 0.0
    last: float | None = None
    """Seconds that the last file took"""

    def begin(self) -> None:
        self.begun = self.clock()

    def keep(self, run: Run) -> None:
        """At the end of the stage in any case, before it when there is time for it."""
        tensors = _tensors(run)
        size = sum(t.numel() * t.element_size() for t in tensors.values())
        cost = self.last if self.last is not None else size / BYTES_A_SECOND
        now = self.clock()
        if run.course.done or self.spent + cost <= self.share * (now - self.begun):
            self._write(tensors, run)
            self.last = self.clock() - now
            self.spent += self.last

    def _write(self, tensors: Tensors, run: Run) -> None:
        state = {
            "identity": self.identity,
            "course": _figures(run.course),
            "rng": run.rng.bit_generator.state,
            "sum": fingerprint(*_in_order(tensors)),
        }
        try:
            _exchange(self.path, tensors, {"state": json.dumps(state)})
        except (OSError, SafetensorError) as e:
            raise ModelError(
                f"{self.path.parent}: how far the training is cannot be kept ({e}); free some space"
            ) from e

    def restore(self, run: Run) -> None:
        """Raises ResumeError."""
        state, tensors = self._read(str(run.fit.inputs.device))
        differ = _differing(state["identity"], self.identity)
        if differ:
            raise ResumeError(
                f"{self.path.parent}: the training that was cut off was of {'; '.join(differ)}: "
                "give the same again, or begin anew without --resume"
            )
        parts = {name: _under(tensors, name) for name in ("best", "model", "mean", "adam")}
        run.course = Course(parts["best"], **state["course"])
        if run.course.done:
            return
        run.fit.model.load_state_dict(parts["model"])
        run.fit.averaged.load_state_dict(parts["mean"])
        run.fit.adam.load_state_dict(
            {**run.fit.adam.state_dict(), "state": _moments(parts["adam"])}
        )
        run.rng.bit_generator.state = state["rng"]
        run.dice.set_state(tensors["dice"].cpu())

    def _read(self, device: str) -> tuple[dict[str, Any], Tensors]:
        try:
            with safe_open(str(self.path), "pt", device=device) as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if state["sum"] != fingerprint(*_in_order(tensors)):
                raise ValueError("its checksum is not what was written")
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as e:
            raise ResumeError(
                f"{self.path}: cannot be gone on from ({e}); begin anew without --resume"
            ) from e
        return state, tensors


def _exchange(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """The old file or the new one is there, also after the power went."""
    beside = path.with_name(path.name + UNFINISHED)
    save_file(tensors, str(beside), metadata=metadata)
    with beside.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _figures(course: Course) -> dict[str, Any]:
    return {f.name: getattr(course, f.name) for f in fields(course) if f.name != "best"}


def _tensors(run: Run) -> Tensors:
    """Of a stage that is done, what it found."""
    found = {f"best.{k}": v for k, v in run.course.best.items()}
    if run.course.done:
        return found
    found |= {f"model.{k}": v for k, v in run.fit.model.state_dict().items()}
    found |= {f"mean.{k}": v for k, v in run.fit.averaged.state_dict().items()}
    for row, moments in run.fit.adam.state_dict()["state"].items():
        found |= {f"adam.{row}.{k}": v for k, v in moments.items()}
    return {**found, "dice": run.dice.get_state()}


def _in_order(tensors: Tensors) -> list[Any]:
    return [(name, tensors[name]) for name in sorted(tensors)]


def _under(tensors: Tensors, name: str) -> Tensors:
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def _moments(flat: Tensors) -> dict[int, Tensors]:
    rows = sorted({int(name.split(".")[0]) for name in flat})
    return {row: _under(flat, str(row)) for row in rows}


def _differing(was: dict[str, Any], is_: dict[str, Any]) -> list[str]:
    """`epochs 60 (now 20)`; of data only that they are others."""
    found = []
    for name in dict.fromkeys([*was, *is_]):
        before, now = was.get(name), is_.get(name)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            found += _differing(before, now)
        elif name == "data":
            found.append("other data")
        else:
            found.append(f"{name} {before} (now {now})")
    return found
