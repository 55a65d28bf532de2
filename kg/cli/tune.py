"""`kg tune`: settings tried on the validation period, the best written to a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, pairs, store_url
from kg.cli.output import note, print_json, print_line, print_table, progress
from kg.cli.training import Encoder, Preset, Sample, Seed, Set, Settings, training_of


def tune(
    trials: Annotated[
        int,
        typer.Option("--trials", metavar="N", min=1, help="So many in all, with earlier runs'."),
    ] = 20,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="Stop after so long, at an epoch."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: KG_HOME/tune/best.toml."),
    ] = None,
    preset: Preset = "default",
    settings: Settings = None,
    set_: Set = None,
    seed: Seed = 7,
    encoder: Encoder = None,
    sample: Sample = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Look for better settings on the validation period; write the best to a file.

    What --set says is kept as it is. A run that was killed or had too little time is gone on with
    by the same command.

    \b
    kg tune --trials 30 --minutes 60
    kg tune --set dim=64 -o small.toml
    kg train --settings .kg/tune/best.toml
    """
    from kg.config import settings as of_environment
    from kg.errors import NotFound
    from kg.settings_file import write_settings
    from kg.tune import tune as search

    training = training_of(preset, settings, set_, seed, encoder, sample)
    fixed = frozenset(pairs(set_ or [], "--set"))
    folder, url = of_environment().home / "tune", store_url(store)
    path = output or folder / "best.toml"
    with audited("tune", url) as act, open_chosen(url) as graph, progress() as move:
        found = search(
            graph, training, folder, trials=trials, minutes=minutes, fixed=fixed, progress=move
        )
        if found.best is not None:
            write_settings(found.best, path)
        act.rows = {"trials": len(found.trials)}
    if json_:
        best = None if found.best is None else found.best.model_dump(mode="json")
        print_json({**asdict(found), "best": best, "file": None if best is None else str(path)})
        return
    columns = list(dict.fromkeys(key for row in found.trials for key in row))
    print_table(columns, [[row[c] for c in columns] for row in found.trials])
    if found.best is None:
        raise NotFound("no trial was done: give it more time, and the same command goes on")
    print_line(f"\nbest: Recall@20 + NDCG@20 of validation users {found.figure:.4f}")
    if found.base is not None:
        print_line(f"as given: {found.base:.4f}")
    print_line(f"in {path}; next: kg train --settings {path}")
    if len(found.trials) < trials:
        note(f"{len(found.trials)} of {trials} trials: the same command goes on")
