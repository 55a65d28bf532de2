"""Graph tables and text vectors → a trained model, judged beside its baselines."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from gnn.config import TrainConfig
from gnn.encode import snapshot
from gnn.encoded import Encoded
from gnn.errors import GraphError
from gnn.evaluate import Task, measure
from gnn.fit import Fit, start
from gnn.fusion import FADING, LINEAR, PRIOR, Fusion, fit_fusion, shortlist
from gnn.graph import Seen, events
from gnn.inputs import Inputs, Vocabulary, inputs
from gnn.leak import places
from gnn.model import Encoder
from gnn.newcomers import choose_length
from gnn.quality import JUDGED, Trial, choose_half_life, judge
from gnn.score import Scorer
from gnn.split import Part, Split, split
from gnn.tables import GraphTables, TextVectors

Progress = Callable[[str, int, int | None], None]
"""`progress(label, done, total)`; total is None where it is not known."""


def _silent(label: str, done: int, total: int | None) -> None:
    """A `Progress` for nobody."""


@dataclass(frozen=True)
class Trained:
    """A model that needs no retraining for new users: it has no parameters of theirs."""

    model: Encoder
    fusion: Fusion
    half_life: float | None
    """Of popularity (days)"""
    repeats: bool
    """Buying again is part of the task: known items are ranked with the others."""
    epochs: int
    """That it was trained for"""
    config: TrainConfig
    seed: int
    split: Split | None
    """None after a refit and after loading from disk."""
    as_of: int | None
    """The model learned from nothing after this (epoch s; None without times)."""
    metrics: dict[str, Any]
    """JSON-able: "quality" (rows of the table; in shops where people buy again also
    "quality_new_items"), "fusion", "training", "split"."""

    @property
    def weights(self) -> dict[str, Any]:
        """JSON-able: learned weights of edge types, friends and text, and half-lives of types."""
        return self.model.readable()

    def scorer(
        self, graph: GraphTables, text: TextVectors | None = None, seen: Seen | None = None
    ) -> Scorer:
        """Works for graphs with users, items and categories the training never saw: new items by
        their text and categories. Edge types it never saw are left out.

        `trained.scorer(graph, text, split.before(Part.TEST))` looks as the test did.

        Raises GraphError for tables that do not fit together, ModelError for text vectors of
        another width.
        """
        rank = self.config.rank if self.fusion.band else 0
        return self._scorer(graph, text, seen or Seen(), rank)

    def encode(
        self, graph: GraphTables, text: TextVectors | None = None, seen: Seen | None = None
    ) -> Encoded:
        """Vectors of all users and items, with each edge's exact part."""
        return self.scorer(graph, text, seen).encoded

    def _scorer(
        self, graph: GraphTables, text: TextVectors | None, seen: Seen, rank: int
    ) -> Scorer:
        device = self.model.type_weight.device
        now = inputs(graph, text, seen, self.model.known, device)
        moment = snapshot(now, None, self.half_life)
        return Scorer(self.model, now, moment, self.fusion, rank, self.seed)


def device_of_choice() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    graph: GraphTables,
    text: TextVectors | None,
    config: TrainConfig,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Trained:
    """Train on the events before the first cut, choose on validation, judge on the test.

    The test's rows are scored by the model that learned from the training part, looking at all
    events before the second cut. Two runs with one seed on one machine's CPU agree bit for bit.
    Raises GraphError where there is nothing to learn from (too few positives, fewer than two
    items) or the tables do not fit together.
    """
    flat = events(graph)
    if flat.n_items < 2:
        raise GraphError(f"{flat.n_items} items: a ranking needs at least two")
    parts = split(graph, config, seed=seed)
    trial = Trial.of(flat, parts, Part.VALIDATION)
    on = trial.task("all items" if trial.repeats else "new items", config.validation_users, seed)
    half_life = choose_half_life(trial, on)
    seen, known = parts.before(Part.VALIDATION), Vocabulary.of(graph, text)
    known_inputs = inputs(graph, text, seen, known, device_of_choice())
    search = _Search(known_inputs, known, config, half_life, trial.repeats, parts, seed)
    # The best epoch is best by luck too: users who chose it would choose the encoder again.
    for_epoch, for_fusion = on.halves(np.random.default_rng(seed))
    model, figures = search.best(for_epoch, progress or _silent)
    trained = Trained(
        model, Fusion(), half_life, trial.repeats, figures["best_epoch"], config, seed, parts,
        parts.train_until, {"training": figures},
    )  # fmt: skip
    return _judged(_read_alone(trained, graph, text, on), graph, text, parts, for_fusion)


@dataclass(frozen=True)
class _Search:
    """The epochs of one training."""

    inputs: Inputs
    known: Vocabulary
    config: TrainConfig
    half_life: float | None
    repeats: bool
    split: Split
    seed: int

    def fit(self) -> Fit:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = Encoder(self.known, self.config.dim, self.config.temperature)
        timed = self.split.kind == "temporal"
        return start(
            model.to(self.inputs.device), self.inputs, self.config,
            half_life=self.half_life, repeats=self.repeats, timed=timed,
        )  # fmt: skip

    def chance(self) -> tuple[np.random.Generator, torch.Generator]:
        dice = torch.Generator(self.inputs.device)
        dice.manual_seed(self.seed)
        return np.random.default_rng(self.seed), dice

    def best(self, on: Task, progress: Progress) -> tuple[Encoder, dict[str, Any]]:
        """The model of the best epoch by Recall@20 + NDCG@20 on validation."""
        fit = self.fit()
        present = snapshot(self.inputs, None, self.half_life)
        scorer = Scorer(fit.served, self.inputs, present, Fusion(), 0, self.seed)
        kept, best, curve = copy.deepcopy(fit.served.state_dict()), -1.0, []
        for epoch, loss in enumerate(fit.epochs(*self.chance()), 1):
            now = replace(scorer)  # forgets the vectors of the epoch before
            measured = measure(on, lambda users: {"": now.encoder_scores(users)}, top_only=True)  # noqa: B023
            figures = measured[""].figures
            recall, ndcg = (float(figures[k].mean()) for k in ("recall@20", "ndcg@20"))
            curve.append({"epoch": epoch, "loss": loss, "recall@20": recall, "ndcg@20": ndcg})
            progress("training", epoch, self.config.epochs)
            if recall + ndcg > best:
                best, kept = recall + ndcg, copy.deepcopy(fit.served.state_dict())
                best_epoch = epoch
            if epoch == self.config.epochs or epoch - best_epoch >= self.config.patience:
                break
        fit.served.load_state_dict(kept)
        return fit.served, {"best_epoch": best_epoch, "epochs": curve}


def _read_alone(
    trained: Trained, graph: GraphTables, text: TextVectors | None, on: Task
) -> Trained:
    """With friends trusted as far as validation proves where a user has no events."""
    assert trained.split is not None
    validation = trained._scorer(graph, text, trained.split.before(Part.VALIDATION), 0)
    length, figures = choose_length(validation, on)
    model = copy.deepcopy(trained.model)
    model.set_length_alone(length)
    return replace(trained, model=model, metrics={**trained.metrics, "without_events": figures})


def _judged(
    trained: Trained, graph: GraphTables, text: TextVectors | None, parts: Split, on: Task
) -> Trained:
    """With fusion weights fitted on validation, and the table of the test."""
    rank = trained.config.rank
    validation = trained._scorer(graph, text, parts.before(Part.VALIDATION), rank)
    fusion = PRIOR if trained.half_life is None else FADING
    linear = Fusion(encoder=0, two_hop=1)
    has_events = np.flatnonzero(on.events_before > 0)
    if len(has_events):  # the weights of others are never asked for
        short = shortlist(on.of_users(has_events), validation.terms)
        fusion, linear = fit_fusion(short, fusion), fit_fusion(short, linear, LINEAR)
    trained = replace(trained, fusion=fusion)
    test = trained._scorer(graph, text, parts.before(Part.TEST), rank)
    trial = Trial.of(events(graph), parts, Part.TEST)
    judged = trial.task(on.of, JUDGED, trained.seed)
    metrics = {
        **trained.metrics,
        "quality": judge(test, trial, judged, linear, trained.half_life),
        "places": places(test, trial, judged),
        "fusion": fusion.model_dump(),
        "linear_filter": linear.model_dump(),
        "split": {
            "kind": parts.kind, "train_until": parts.train_until, "val_until": parts.val_until,
        },
    }  # fmt: skip
    if trained.repeats and (new := trial.find("new items", JUDGED, trained.seed)):
        metrics["quality_new_items"] = judge(test, trial, new, linear, trained.half_life)
    return replace(trained, metrics=metrics)


def refit(
    trained: Trained,
    graph: GraphTables,
    text: TextVectors | None,
    *,
    until: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The same settings, epochs and seed on all events before `until`, for serving."""
    assert trained.split is not None
    known = Vocabulary.of(graph, text)
    seen = inputs(graph, text, Seen(until), known, device_of_choice())
    search = _Search(
        seen, known, trained.config, trained.half_life, trained.repeats, trained.split,
        trained.seed,
    )  # fmt: skip
    fit = search.fit()
    for epoch, _ in enumerate(fit.epochs(*search.chance()), 1):
        if progress is not None:
            progress("training on everything", epoch, trained.epochs)
        if epoch >= trained.epochs:
            break
    fit.served.set_length_alone(float(trained.model.length_alone.detach()))
    return replace(trained, model=fit.served, split=None, as_of=until)
