"""Store → candidate release: arrays out, text encoded, the model trained and judged, the folder
written. Nothing in the store changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kg.arrays import graph_counts, graph_hash, read_graph, read_sample
from kg.candidate_tables import only_of, release_tables, social_of
from kg.errors import ConfigError
from kg.extras import needs_training_packages
from kg.figures import reliability_svg
from kg.foretold import declared_values, foretold
from kg.guesses import refuse_sensitive
from kg.heap import giving_back
from kg.privacy.state import pseudonyms
from kg.releases import Card, config_hash, free_version, save
from kg.resume import kept_training, run_name
from kg.stale import has_profiles
from kg.store import GraphStore
from kg.text_vectors import encode_text, keep_encoder
from kg.tracking import tracked, tracker_of
from kg.warm import last_release, likeness, model_of

if TYPE_CHECKING:
    from gnn.config import TrainConfig
    from gnn.resume import Saves
    from gnn.tables import GraphTables
    from gnn.track import Tracker

Progress = Callable[[str, int, int | None], None]

SOFTWARE = ("kg-profiles", "numpy", "polars", "pyarrow", "torch", "torch-geometric", "transformers")


@dataclass(frozen=True)
class Training:
    """How to train; what is not said here is in `gnn.config.TrainConfig`."""

    config: TrainConfig
    seed: int = 7
    encoder: str = "minilm"
    """`none` trains without text."""
    cache: Path | None = None
    """Folder of text vectors; None encodes anew each time."""
    sensitive: frozenset[str] = frozenset()
    predict: str | None = None
    """An attribute that users declare: how well vectors foretell it is judged, and nothing of it
    kept ..."""
    write: bool = False
    """... but where this is asked for, and the guess is better than plain methods: then the release
    has it for users who declare none."""
    sample: int | None = None
    """Users to learn from and to profile, drawn at random; the others get their profile from
    `kg refresh --all`. None is everyone."""
    friend_events: int = 200
    """With a sample: of those these users listen to, so many of the latest events of each type
    count, or popular users' whole histories would come with it."""
    warm: bool = False
    """The training on everything begins from the last release's weights."""
    track: str | None = None
    """Who is told of every epoch: a name of `kg.tracking.TRACKERS`."""
    runs: Path = Path("runs")
    """Where the trackers write, a folder a training."""


def train_config(preset: str, changes: Mapping[str, Any]) -> TrainConfig:
    """A preset with single settings changed ("epochs" → "20"). Raises ConfigError naming them."""
    from pydantic import ValidationError

    with needs_training_packages():
        from gnn.config import PRESETS, TrainConfig
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r}: choose {', '.join(PRESETS)}")
    try:
        return TrainConfig.model_validate({**PRESETS[preset], **changes})
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        known = ", ".join(TrainConfig.model_fields)
        raise ConfigError(f"setting {name!r}: {first['msg']}; settings are {known}") from e


def train_release(
    store: GraphStore,
    releases: Path,
    training: Training,
    *,
    now: int,
    progress: Progress | None = None,
    resume: bool = False,
) -> Card:
    """Train on what the store holds and write a candidate folder. With `resume`, go on with a
    training that was killed, where there is one.

    Raises GraphError (too little to learn from), EncoderError, ReleaseError, StoreError,
    ConfigError (settings that contradict each other, an attribute that is not there or may not be
    written), and ResumeError where the one that was killed is another."""
    with needs_training_packages():
        from gnn.resume import Saves
    if training.track is not None:
        tracker_of(training.track)
    with kept_training(releases, resume=resume) as folder:
        run = training.runs / run_name(folder, training.runs, now)
        settings = {**training.config.model_dump(mode="json"), "seed": training.seed}
        with tracked(training.track, run, settings) as tracker, giving_back():
            watch = _Watch(progress, Saves(folder), tracker)
            return _train_release(store, releases, training, now, watch)


@dataclass(frozen=True)
class _Watch:
    """Who is told how far a training is."""

    progress: Progress | None
    saves: Saves
    tracker: Tracker | None


def _train_release(
    store: GraphStore, releases: Path, training: Training, now: int, watch: _Watch
) -> Card:
    from gnn.checkpoint import save_model
    from gnn.profile import make_candidate

    declared = _declared(store, training)
    if training.warm and not training.config.refit:
        raise ConfigError("--warm begins the training on everything, and refit=false leaves it out")
    last = last_release(store, releases) if training.warm else None
    graph, drawn = read_for(store, training)
    text = encode_text(graph, training, watch.progress, watch.saves.folder)
    name = free_version(releases, now)
    candidate = make_candidate(
        graph,
        text.vectors,
        training.config,
        version=name,
        seed=training.seed,
        now=now,
        sensitive=training.sensitive,
        previous=store.export({"User": ("segment",)}, {}).nodes["User"]
        if has_profiles(store)
        else None,
        progress=watch.progress,
        saves=watch.saves,
        tracker=watch.tracker,
        warm=None if last is None else model_of(releases, last),
    )
    if training.predict is not None and declared is not None:
        candidate = foretold(
            candidate, graph, declared, training.predict, training.seed, write=training.write
        )
    card = Card(
        version=name,
        created_at=now,
        as_of=candidate.as_of,
        horizon_days=candidate.horizon_days,
        store=store.url,
        graph=graph_counts(graph),
        graph_hash=graph_hash(graph),
        config=candidate.config,
        config_hash=config_hash(candidate.config),
        seed=training.seed,
        encoder=text.fingerprint,
        software=_software(),
        pseudonym_key=said.key_id if (said := pseudonyms(store)) else None,
        metrics=candidate.metrics
        | _sampled(store, drawn, training.friend_events)
        | ({} if text.tuning is None else {"text_tuning": text.tuning})
        | ({} if last is None else {"likeness": likeness(releases, last, candidate)}),
    )
    social = social_of(store, graph, drawn is not None, training.seed)
    tables = release_tables(candidate, social)
    if drawn is not None:
        tables = only_of(tables, drawn, social)

    def write_model(folder: Path) -> None:
        save_model(candidate, folder)
        keep_encoder(watch.saves.folder, folder)

    save(releases, card, tables, write_model, _figures(card))
    return card


def _declared(store: GraphStore, training: Training) -> pa.Table | None:
    """What users say of the attribute to foretell, if there is one."""
    if training.predict is None:
        if training.write:
            raise ConfigError("--write writes what --predict ATTRIBUTE foretells; name one")
        return None
    if training.write:
        refuse_sensitive(training.predict, training.sensitive)
    return declared_values(store, training.predict)


def read_for(store: GraphStore, training: Training) -> tuple[GraphTables, pa.Array | None]:
    """What is learned from, and the users drawn; None where it is everyone."""
    if training.sample is not None and training.sample < store.counts().get("User", 0):
        return read_sample(
            store, training.sample, seed=training.seed, friend_events=training.friend_events
        )
    return read_graph(store), None


def _sampled(store: GraphStore, drawn: pa.Array | None, friend_events: int) -> dict[str, Any]:
    if drawn is None:
        return {}
    total = store.counts().get("User", 0)
    return {"sample": {"users": len(drawn), "of": total, "friend_events": friend_events}}


def _figures(card: Card) -> dict[str, str]:
    rows = card.metrics.get("reliability")
    title = f"Interests of release {card.version}"
    return {"reliability.svg": reliability_svg(rows, title)} if rows else {}


def _software() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in SOFTWARE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
