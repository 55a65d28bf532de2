"""How a training is told what to do on the command line, for every command that has one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import pairs

if TYPE_CHECKING:
    from kg.training import Training

Preset = Annotated[
    str, typer.Option("--preset", help="Settings to start from: small, default or large.")
]
Settings = Annotated[
    Path | None,
    typer.Option(
        "--settings", metavar="FILE", help="Settings from a file, as kg tune writes it (TOML)."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="One setting changed, say epochs=20; repeatable."),
]
Seed = Annotated[int, typer.Option("--seed", help="Two runs with one seed on one machine agree.")]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="minilm, a folder, a hub name, or none. Default: KG_ENCODER, else minilm.",
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="USERS",
        min=100,
        help="Learn from so many users, drawn at random, in memory that grows with them; of those "
        "they listen to, the latest 200 events of each type count. After the publish, "
        "kg refresh --all profiles the others.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a training that was killed, to the model it would have been; where there "
        "is none, begin. Without it, what was killed is dropped.",
    ),
]
Warm = Annotated[
    bool,
    typer.Option(
        "--warm",
        help="Begin the last training, on everything, from the last release's weights, so that "
        "vectors stay comparable; the card says how alike they are.",
    ),
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="WHERE",
        help="csv, tensorboard or wandb: loss, validation figures and learned weights of every "
        "epoch, in KG_HOME/runs.",
    ),
]
Predict = Annotated[
    str | None,
    typer.Option(
        "--predict",
        metavar="ATTRIBUTE",
        help="Judge, too, how well vectors foretell what some users declare (country, say); "
        "no guess is kept without --write.",
    ),
]
WriteGuess = Annotated[
    bool,
    typer.Option(
        "--write",
        help="With --predict: the release has the likeliest value, and its chance, of users "
        "who declare none, where that beats the plain methods beside it. Never of users who "
        "object, never of an attribute in KG_SENSITIVE, never an interest.",
    ),
]


def training_of(
    preset: str,
    settings: Path | None,
    changes: list[str] | None,
    seed: int,
    encoder: str | None,
    sample: int | None,
) -> Training:
    """A preset, changed by a file, changed by single settings."""
    from kg.config import settings as of_environment
    from kg.settings_file import read_settings
    from kg.training import Training, train_config

    here = of_environment()
    said = {} if settings is None else read_settings(settings)
    return Training(
        config=train_config(preset, {**said, **pairs(changes or [], "--set")}),
        seed=seed,
        encoder=encoder or here.encoder,
        cache=here.home / "text",
        sensitive=here.sensitive,
        sample=sample,
        runs=here.home / "runs",
    )


def guessing(training: Training, predict: str | None, write: bool) -> Training:
    """The same, judging guesses at an attribute, and writing them where told."""
    if write and predict is None:
        raise typer.BadParameter("needs --predict ATTRIBUTE", param_hint="--write")
    return replace(training, predict=predict, write=write)
