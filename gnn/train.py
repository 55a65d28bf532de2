"""Graph tables and text vectors → a trained model, judged beside its baselines."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from gnn.config import TrainConfig
from gnn.encode import snapshot
from gnn.encoded import Encoded
from gnn.errors import GraphError
from gnn.evaluate import Task
from gnn.few_events import choose_half
from gnn.fusion import Fusion
from gnn.fusion_fit import FADING, PRIOR, fit_fusion, fit_linear, shortlist
from gnn.graph import Seen, events
from gnn.inputs import Inputs, Vocabulary, inputs
from gnn.leak import places
from gnn.model import Encoder
from gnn.newcomers import choose_length
from gnn.quality import JUDGED, Trial, choose_half_life, judge
from gnn.ranker import Ranker
from gnn.ranker_fit import fit_ranker
from gnn.resume import Saves
from gnn.retrieval import choose_weight
from gnn.score import Scorer
from gnn.search import Progress, Search, silent
from gnn.split import Part, Split, split
from gnn.tables import GraphTables, TextVectors
from gnn.track import Tracker


@dataclass(frozen=True)
class Trained:
    """A model that needs no retraining for new users: it has no parameters of theirs."""

    model: Encoder
    fusion: Fusion
    ranker: Ranker | None
    """None where it did not prove better than the fusion"""
    beside: float
    """Weight of the linear filter's band in one inner product with the encoder, for an index; 0
    where it did not prove better than the encoder alone"""
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
        rank = self.config.rank if self.fusion.band or self.ranker or self.beside else 0
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
        return Scorer(
            self.model, now, moment, self.fusion, rank, self.seed,
            ranker=self.ranker, beside=self.beside,
        )  # fmt: skip


def device_of_choice() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Prepared:
    """What a training learns from and what it is chosen by; nothing in it is of the test."""

    inputs: Inputs
    known: Vocabulary
    split: Split
    half_life: float | None
    repeats: bool
    on: Task
    """Users of the validation period, in two halves, because ..."""
    for_epoch: Task
    """... the best epoch is best by luck too, and users who chose it ..."""
    for_fusion: Task
    """... would choose the encoder again."""
    for_ranker: Task
    """Users of the validation period, as many as teach more"""

    def search(
        self,
        config: TrainConfig,
        seed: int,
        progress: Progress = silent,
        saves: Saves | None = None,
        tracker: Tracker | None = None,
    ) -> Search:
        return Search(
            self.inputs, self.known, config, self.half_life, self.repeats,
            self.split.kind == "temporal", seed, progress, saves, tracker,
        )  # fmt: skip


def prepare(
    graph: GraphTables, text: TextVectors | None, config: TrainConfig, *, seed: int
) -> Prepared:
    """Raises GraphError, as `train`."""
    flat = events(graph)
    if flat.n_items < 2:
        raise GraphError(f"{flat.n_items} items: a ranking needs at least two")
    parts = split(graph, config, seed=seed)
    trial = Trial.of(flat, parts, Part.VALIDATION)
    on = trial.task("all items" if trial.repeats else "new items", config.validation_users, seed)
    half_life = choose_half_life(trial, on)
    known = Vocabulary.of(graph, text)
    known_inputs = inputs(graph, text, parts.before(Part.VALIDATION), known, device_of_choice())
    for_epoch, for_fusion = on.halves(np.random.default_rng(seed))
    many = trial.task(on.of, config.ranker_users, seed)
    return Prepared(
        known_inputs, known, parts, half_life, trial.repeats, on, for_epoch, for_fusion, many
    )


def train(
    graph: GraphTables,
    text: TextVectors | None,
    config: TrainConfig,
    *,
    seed: int,
    progress: Progress | None = None,
    saves: Saves | None = None,
    tracker: Tracker | None = None,
) -> Trained:
    """Train on the events before the first cut, choose on validation, judge on the test.

    The test's rows are scored by the model that learned from the training part, looking at all
    events before the second cut. Two runs with one seed on one machine's CPU agree bit for bit.
    With `saves`, a training that was killed goes on where it was, and ends in the same model.
    Raises GraphError where there is nothing to learn from (too few positives, fewer than two
    items) or the tables do not fit together, ResumeError where `saves` hold another training.
    """
    ready = prepare(graph, text, config, seed=seed)
    search = ready.search(config, seed, progress or silent, saves, tracker)
    model, figures = search.best(ready.for_epoch)
    trained = Trained(
        model, Fusion(), None, 0.0, ready.half_life, ready.repeats, figures["best_epoch"],
        config, seed, ready.split, ready.split.train_until, {"training": figures},
    )  # fmt: skip
    trained = _read_alone(trained, graph, text, ready.on)
    return _judged(trained, graph, text, ready)


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
    trained: Trained, graph: GraphTables, text: TextVectors | None, ready: Prepared
) -> Trained:
    """With fusion weights and a ranker fitted on validation, and the table of the test."""
    parts, on, rank = ready.split, ready.for_fusion, trained.config.rank
    validation = trained._scorer(graph, text, parts.before(Part.VALIDATION), rank)
    fusion = PRIOR if trained.half_life is None else FADING
    linear = Fusion(encoder=0, two_hop=1)
    has_events = np.flatnonzero(on.events_before > 0)
    if len(has_events):  # the weights of others are never asked for
        short = shortlist(on.of_users(has_events), validation.terms)
        fusion, linear = fit_fusion(short, fusion), fit_linear(short)
    validation = replace(validation, fusion=fusion)
    ranker, ranked = fit_ranker(validation, ready.for_ranker, seed=trained.seed)
    half, few = choose_half(replace(validation, ranker=ranker), on)
    fusion = fusion.model_copy(update={"half": half})
    beside, tried = choose_weight(validation, on)
    trained = replace(trained, fusion=fusion, ranker=ranker, beside=beside)
    test = trained._scorer(graph, text, parts.before(Part.TEST), rank)
    trial = Trial.of(events(graph), parts, Part.TEST)
    judged = trial.task(on.of, JUDGED, trained.seed)
    metrics = {
        **trained.metrics,
        "quality": judge(test, trial, judged, linear, trained.half_life),
        "places": places(test, trial, judged),
        "fusion": fusion.model_dump(),
        "ranker": ranked,
        "few_events": few,
        "retrieval": {"weight": beside, **tried},
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
    saves: Saves | None = None,
    tracker: Tracker | None = None,
    warm: Encoder | None = None,
) -> Trained:
    """The same settings, epochs and seed on all events before `until`, for serving; from the
    weights of `warm` on, which must not have learned from anything that the result is judged by.
    Raises ModelError where its vectors are of another width."""
    assert trained.split is not None
    known = Vocabulary.of(graph, text)
    seen = inputs(graph, text, Seen(until), known, device_of_choice())
    search = Search(
        seen, known, trained.config, trained.half_life, trained.repeats,
        trained.split.kind == "temporal", trained.seed, progress or silent, saves, tracker, warm,
    )  # fmt: skip
    model = search.repeated(trained.epochs)
    model.set_length_alone(float(trained.model.length_alone.detach()))
    return replace(trained, model=model, split=None, as_of=until)
