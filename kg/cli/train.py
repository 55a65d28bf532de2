"""`kg train`, `kg publish`, `kg retrain`, `kg rollback`: the store's graph in, a release out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, open_chosen, releases_of, store_url
from kg.cli.output import print_json, print_line, print_table, progress
from kg.cli.training import (
    Encoder,
    Predict,
    Preset,
    Resume,
    Sample,
    Seed,
    Set,
    Settings,
    Track,
    Warm,
    WriteGuess,
    guessing,
    training_of,
)

if TYPE_CHECKING:
    from kg.publish import Published
    from kg.releases import Card
    from kg.training import Training

Force = Annotated[
    str | None,
    typer.Option("--force", metavar="REASON", help="Publish although a gate says no; recorded."),
]


def train(
    preset: Preset = "default",
    settings: Settings = None,
    set_: Set = None,
    seed: Seed = 7,
    encoder: Encoder = None,
    sample: Sample = None,
    predict: Predict = None,
    write: WriteGuess = False,
    warm: Warm = False,
    resume: Resume = False,
    track: Track = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Learn from the store's graph; write a candidate release and show how good it is.

    Readers see nothing of it until `kg publish`. Uses a GPU where there is one.

    \b
    kg train
    kg train --preset small --set epochs=20
    kg train --preset small --set epochs=20 --resume
    kg train --track tensorboard
    kg train --warm
    kg train --predict country --write
    """
    training = training_of(preset, settings, set_, seed, encoder, sample)
    training = guessing(replace(training, warm=warm, track=track), predict, write)
    card = _train(store, releases, training, resume)
    if json_:
        print_json(card.model_dump(by_alias=True))
    else:
        show_card(card)
        print_line(f"\ncandidate {card.version}; readers see it after: kg publish {card.version}")


def publish(
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Default: the newest.")
    ] = None,
    force: Force = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Check a candidate at the health gates, then make it what readers see, in one step.

    \b
    kg publish
    kg publish 20260131-120000 --force "known drop: new catalogue"
    """
    _published(_publish(store, releases, version, force), json_)


def rollback(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A release published before.")],
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Make an older release what readers see again.

    \b
    kg releases list
    kg rollback 20260131-120000
    """
    from kg.publish import roll_back

    url = store_url(store)
    with audited("rollback", url) as act, open_chosen(url, read_only=False) as graph:
        act.release = version
        done = roll_back(graph, releases_of(url, releases), version, now=int(time.time()))
        act.rows = _rows(done)
    _published(done, json_)


def retrain(
    preset: Preset = "default",
    settings: Settings = None,
    set_: Set = None,
    seed: Seed = 7,
    encoder: Encoder = None,
    sample: Sample = None,
    predict: Predict = None,
    write: WriteGuess = False,
    warm: Warm = False,
    resume: Resume = False,
    track: Track = None,
    force: Force = None,
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Train and publish: what a nightly job runs.

    \b
    kg retrain
    kg retrain --predict country --write
    """
    training = training_of(preset, settings, set_, seed, encoder, sample)
    training = guessing(replace(training, warm=warm, track=track), predict, write)
    card = _train(store, releases, training, resume)
    if not json_:
        show_card(card)
        print_line()
    _published(_publish(store, releases, card.version, force), json_)


def _train(store: str | None, releases: Path | None, training: Training, resume: bool) -> Card:
    from kg.training import train_release

    url = store_url(store)
    with audited("train", url) as act, open_chosen(url) as graph, progress() as move:
        card = train_release(
            graph, releases_of(url, releases), training,
            now=int(time.time()), progress=move, resume=resume,
        )  # fmt: skip
        act.release, act.rows = card.version, card.graph
        return card


def _publish(
    store: str | None, releases: Path | None, version: str | None, force: str | None
) -> Published:
    from kg.publish import publish as make_live

    url = store_url(store)
    with audited("publish", url) as act, open_chosen(url, read_only=False) as graph:
        act.release = version
        done = make_live(
            graph, releases_of(url, releases), version, now=int(time.time()), force=force
        )
        act.release, act.rows = done.card.version, _rows(done)
        return done


def _rows(done: Published) -> dict[str, int]:
    return {name: count.created + count.updated for name, count in done.written.items()}


def show_card(card: Card) -> None:
    """The metric tables of a release; `kg evaluate` has more."""
    from kg.evaluation import DETAILS
    from kg.foretold import in_words

    for name, rows in card.metrics.items():
        if name not in DETAILS and isinstance(rows, list) and rows and isinstance(rows[0], dict):
            columns = list(dict.fromkeys(key for row in rows for key in row))
            print_table(columns, [[row.get(c) for c in columns] for row in rows], title=name)
            print_line()
    if (said := in_words(card.metrics)) is not None:
        print_line(said)


def _published(done: Published, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "version": done.card.version,
                "gates": [g.model_dump() for g in done.gates],
                "forced": done.forced,
                "written": {name: count.numbers() for name, count in done.written.items()},
            }
        )
        return
    rows: list[list[Any]] = [[g.gate, "yes" if g.passed else "NO", g.says] for g in done.gates]
    print_table(["gate", "passed", "says"], rows)
    print_line()
    counts = [
        [name, c.created, c.updated, c.unchanged, c.deleted] for name, c in done.written.items()
    ]
    print_table(["written", "created", "updated", "unchanged", "deleted"], counts)
    print_line(f"\nlive: release {done.card.version}")
