"""Settings tried one after another on the validation period → the best of them, in a file that
`kg train --settings` reads. The test period is never looked at.

The search (Optuna's tree-structured Parzen estimator, Bergstra et al. 2011) begins with the
settings that are given, and stops a trial whose validation figure, epoch by epoch, is below the
median of the others'. It is kept in an SQLite file of its own for each graph, seed and given
settings: a run that was killed, or had too little time, is gone on with.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.arrays import graph_hash
from kg.errors import ConfigError, MissingExtra
from kg.extras import needs_training_packages
from kg.releases import config_hash
from kg.store import GraphStore
from kg.text_vectors import encode_text
from kg.training import Training, read_for

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

    from gnn.config import TrainConfig
    from gnn.train import Prepared
    from kg.training import Progress

STARTUP, WARMUP = 4, 3
"""Trials that are never stopped early, and epochs before which none is."""


@dataclass(frozen=True)
class Tuned:
    study: Path
    trials: list[dict[str, Any]]
    """trial, state (complete, pruned, failed), figure (Recall@20 + NDCG@20 of validation users that
    did not choose the epoch; null where the trial was stopped), epochs, and each setting tuned"""
    best: TrainConfig | None
    """None where no trial was done."""
    figure: float | None
    base: float | None
    """Of the settings that were given."""


def tune(
    store: GraphStore,
    training: Training,
    folder: Path,
    *,
    trials: int,
    minutes: float | None = None,
    fixed: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Try settings until `trials` are done in all, or for so many minutes, to an epoch. Those in
    `fixed` are not tuned. `folder` holds the studies.

    Raises MissingExtra, ConfigError (another process tunes the same), and what `train_release`
    does."""
    try:
        import optuna
    except ImportError as e:
        raise MissingExtra("kg tune", "tune") from e
    with needs_training_packages():
        from gnn.train import prepare
    ends = None if minutes is None else clock() + 60 * minutes
    graph, _ = read_for(store, training)
    text = encode_text(graph, training, progress)
    base = training.config.model_dump(mode="json")
    space = {
        name: where.reaching(base[name])
        for name, where in training.config.space().items()
        if name not in fixed
    }
    same = {
        "data": graph_hash(graph),
        "encoder": text.fingerprint,
        "seed": training.seed,
        "sample": training.sample,
        "given": base,
        "space": {k: repr(v) for k, v in space.items()},
    }
    path = folder / f"{config_hash(same)}.db"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(path):
        study = optuna.create_study(
            storage=f"sqlite:///{path.absolute()}",
            study_name="kg",
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(STARTUP, WARMUP),
        )
        _begin(study, {k: base[k] for k in space})
        ready = prepare(graph, text.vectors, training.config, seed=training.seed)
        work = _Work(study, ready, training, space, ends, clock)
        while (done := len(_done(study))) < trials and not work.out_of_time:
            if progress is not None:
                progress("trials", done, trials)
            study.sampler = optuna.samplers.TPESampler(seed=training.seed + done)
            work.one()
        return _found(path, study, training.config, space)


def _begin(study: Study, given: dict[str, Any]) -> None:
    """A trial that was cut off is none: with the same seed and the same trials before it, the next
    is the same. The settings that were given go first."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
    if not _done(study) and not study.get_trials(states=[TrialState.WAITING]):
        study.enqueue_trial(given)


def _done(study: Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


class _OutOfTime(Exception):
    """The trial is given up between two epochs."""


@dataclass
class _Work:
    study: Study
    ready: Prepared
    training: Training
    space: Mapping[str, Any]
    ends: float | None
    clock: Callable[[], float]

    @property
    def out_of_time(self) -> bool:
        return self.ends is not None and self.clock() >= self.ends

    def one(self) -> None:
        import optuna
        import torch
        from optuna.trial import TrialState

        trial = self.study.ask()
        chosen = {name: _suggested(trial, name, where) for name, where in self.space.items()}
        config = self.training.config.model_copy(update=chosen)
        search = self.ready.search(config, self.training.seed, tracker=_Told(trial, self))
        try:
            model, figures = search.best(self.ready.for_epoch)
            trial.set_user_attr("epochs", figures["best_epoch"])
            self.study.tell(trial, search.worth(model, self.ready.for_fusion))
        except optuna.TrialPruned:
            self.study.tell(trial, state=TrialState.PRUNED)
        except torch.OutOfMemoryError:
            trial.set_user_attr("failed", "out of memory")
            self.study.tell(trial, state=TrialState.PRUNED)
        except _OutOfTime:
            self.study.tell(trial, state=TrialState.FAIL)


@dataclass
class _Told:
    """A tracker that stops a trial that is worth no more time."""

    trial: Trial
    work: _Work

    def begin(self, stage: str, epoch: int) -> None:
        """There is but one stage."""

    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        import optuna

        self.trial.report(figures["recall@20"] + figures["ndcg@20"], epoch)
        self.trial.set_user_attr("epochs", epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned
        if self.work.out_of_time:
            raise _OutOfTime


def _suggested(trial: Trial, name: str, where: Any) -> Any:
    from gnn.config import OneOf

    if isinstance(where, OneOf):
        return trial.suggest_categorical(name, where.values)
    return trial.suggest_float(name, where.low, where.high, log=where.log)


def _found(path: Path, study: Study, config: TrainConfig, space: Mapping[str, Any]) -> Tuned:
    done = _done(study)
    rows = [
        {
            "trial": t.number,
            "state": t.user_attrs.get("failed", t.state.name.lower()),
            "figure": t.value if t.state.name == "COMPLETE" else None,
            "epochs": t.user_attrs.get("epochs"),
            **{name: t.params[name] for name in space},
        }
        for t in done
    ]
    rated = [row for row in rows if row["figure"] is not None]
    if not rated:
        return Tuned(path, rows, None, None, None)
    best = max(rated, key=lambda row: row["figure"])
    given = next(
        (r["figure"] for r in rated if all(r[k] == getattr(config, k) for k in space)), None
    )
    chosen = config.model_copy(update={name: best[name] for name in space})
    return Tuned(path, rows, chosen, best["figure"], given)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process a study. The lock goes with the process."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from e
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        os.close(held)
        raise ConfigError(f"{path}: another kg tune is at work on it") from e
    try:
        yield
    finally:
        os.close(held)
