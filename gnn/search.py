"""Inputs and settings → the weights of the best epoch on validation, or of the epoch that was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from gnn.config import TrainConfig
from gnn.encode import snapshot
from gnn.evaluate import Task, measure
from gnn.fingerprint import fingerprint
from gnn.fit import Fit, start
from gnn.fusion import Fusion
from gnn.inputs import Inputs, Vocabulary
from gnn.model import Encoder
from gnn.resume import Run, Saves
from gnn.score import Scorer
from gnn.track import Tracker, weights_by_name
from gnn.warm import begin_from

Progress = Callable[[str, int, int | None], None]
"""`progress(label, done, total)`; total is None where it is not known."""


def silent(label: str, done: int, total: int | None) -> None:
    """A `Progress` for nobody."""


@dataclass(frozen=True)
class Search:
    """The epochs of one training."""

    inputs: Inputs
    known: Vocabulary
    config: TrainConfig
    half_life: float | None
    repeats: bool
    timed: bool
    seed: int
    progress: Progress = silent
    saves: Saves | None = None
    tracker: Tracker | None = None
    warm: Encoder | None = None
    """What the weights begin from"""

    def best(self, on: Task) -> tuple[Encoder, dict[str, Any]]:
        """The model of the best epoch by Recall@20 + NDCG@20 on validation."""
        run = self._run("training", on)
        fit, course = run.fit, run.course
        scorer = self._scorer(fit.served)
        for epoch, loss in run.epochs():
            now = replace(scorer)  # forgets the vectors of the epoch before
            recall, ndcg = _figures(now, on)
            said = {"loss": loss, "recall@20": recall, "ndcg@20": ndcg}
            course.curve.append({"epoch": epoch, **said})
            self._tell("training", epoch, self.config.epochs, fit, said)
            if recall + ndcg > course.best_figure:
                course.best_figure, course.best_epoch = recall + ndcg, epoch
                course.best = copy.deepcopy(fit.served.state_dict())
            last = epoch == self.config.epochs
            course.done = last or epoch - course.best_epoch >= self.config.patience
        fit.served.load_state_dict(course.best)
        return fit.served, {"best_epoch": course.best_epoch, "epochs": course.curve}

    def repeated(self, epochs: int) -> Encoder:
        """The model after so many epochs, whatever it is worth."""
        run = self._run("training on everything", epochs)
        fit, course = run.fit, run.course
        for epoch, loss in run.epochs():
            self._tell("training on everything", epoch, epochs, fit, {"loss": loss})
            course.done = epoch >= epochs
            if course.done:
                course.best = fit.served.state_dict()
        fit.served.load_state_dict(course.best)
        return fit.served

    def worth(self, model: Encoder, on: Task) -> float:
        """Recall@20 + NDCG@20 of users that need not have chosen the epoch."""
        return sum(_figures(self._scorer(model), on))

    def _scorer(self, model: Encoder) -> Scorer:
        present = snapshot(self.inputs, None, self.half_life)
        return Scorer(model, self.inputs, present, Fusion(), 0, self.seed)

    def _tell(self, stage: str, epoch: int, of: int, fit: Fit, figures: dict[str, float]) -> None:
        self.progress(stage, epoch, of)
        if self.tracker is not None:
            weights = weights_by_name(fit.served.readable())
            self.tracker.epoch(stage, epoch, figures | weights)

    def _run(self, stage: str, *until: Task | int) -> Run:
        """`until` is what decides when it ends."""
        dice = torch.Generator(self.inputs.device)
        dice.manual_seed(self.seed)
        file = None
        if self.saves is not None:
            file = self.saves.file(stage.replace(" ", "-"), self._identity(*until))
        run = Run(self._fit(), np.random.default_rng(self.seed), dice, file)
        if self.tracker is not None:
            self.tracker.begin(stage, run.course.epoch + 1)
        return run

    def _fit(self) -> Fit:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = Encoder(self.known, self.config.dim, self.config.temperature, self.config.hops)
        if self.warm is not None:
            begin_from(model, self.warm)
        return start(
            model.to(self.inputs.device), self.inputs, self.config,
            half_life=self.half_life, repeats=self.repeats, timed=self.timed,
        )  # fmt: skip

    def _identity(self, *until: Task | int) -> dict[str, Any]:
        """All that the weights hang on: a sum in another order is another sum."""
        device = self.inputs.device
        cpu = f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
        begun = () if self.warm is None else tuple(self.warm.state_dict().items())
        chosen = (self.half_life, self.repeats, self.timed, begun)
        return {
            "settings": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "torch": torch.__version__,
            "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu,
            "data": fingerprint(self.inputs, self.known, until, chosen),
        }


def _figures(scorer: Scorer, on: Task) -> tuple[float, float]:
    """Recall@20 and NDCG@20."""
    measured = measure(on, lambda users: {"": scorer.encoder_scores(users)}, top_only=True)
    figures = measured[""].figures
    return float(figures["recall@20"].mean()), float(figures["ndcg@20"].mean())
