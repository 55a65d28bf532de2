"""`kg tune` on a tiny shop: what it tries, what it never sees, and how it is gone on with."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gnn.config import OneOf, TrainConfig
from gnn.split import Part
from gnn.train import prepare, train
from kg import tune as tuning
from kg.cli import main
from kg.errors import ConfigError, MissingExtra
from kg.ingest import ingest
from kg.releases import latest, read_card
from kg.settings_file import read_settings
from kg.store import GraphStore, open_store
from kg.training import Training, train_config
from kg.tune import Tuned, tune
from loaders import stage
from tests.gnn.boards import QUICK, rich
from tests.gnn.test_train import another_future

CONTEXT = multiprocessing.get_context("forkserver")
CONFIG = TrainConfig(dim=8, epochs=3, rank=0, batch=64)
FIXED = frozenset({"dim", "batch"})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=1_780_000_000, options={"users": "80"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
    return folder


@pytest.fixture
def store(shop: Path) -> Iterator[GraphStore]:
    with open_store(f"ladybug://{shop}/kg.lbug", read_only=True) as opened:
        yield opened


def tuned(store: GraphStore, folder: Path, trials: int, **more: Any) -> Tuned:
    training = Training(config=CONFIG, encoder="none")
    return tune(store, training, folder, trials=trials, fixed=FIXED, **more)


def test_three_trials_and_on(store: GraphStore, tmp_path: Path) -> None:
    """The settings given go first; the same command with more trials keeps those done, and with no
    more it does nothing."""
    first = tuned(store, tmp_path, 3)
    assert [row["trial"] for row in first.trials] == [0, 1, 2]
    assert first.trials[0]["learning_rate"] == CONFIG.learning_rate
    assert first.trials[0]["figure"] == first.base
    assert len({row["learning_rate"] for row in first.trials}) == 3
    more = tuned(store, tmp_path, 5)
    assert more.trials[:3] == first.trials
    assert len(more.trials) == 5
    assert tuned(store, tmp_path, 5).trials == more.trials
    rated = [row["figure"] for row in more.trials if row["figure"] is not None]
    assert more.figure == max(rated)
    assert more.best is not None
    assert more.best.dim == CONFIG.dim


def test_one_seed_one_search(store: GraphStore, tmp_path: Path) -> None:
    """Done at once or in two parts, the same settings are tried, with the same figures."""
    whole = tuned(store, tmp_path / "whole", 4)
    tuned(store, tmp_path / "parts", 2)
    assert tuned(store, tmp_path / "parts", 4).trials == whole.trials


def test_the_test_period_is_not_looked_at() -> None:
    """With another test period, a trial's figures are the same to the last bit."""
    graph, text = rich()
    parts = train(graph, text, QUICK, seed=0).split
    assert parts is not None
    changed = another_future(graph, text, parts.val_until)
    assert parts.before(Part.TEST).until == parts.val_until
    figures = []
    for given in ((graph, text), changed):
        ready = prepare(*given, QUICK, seed=0)
        search = ready.search(QUICK, 0)
        model, found = search.best(ready.for_epoch)
        figures.append((search.worth(model, ready.for_fusion), found))
    assert figures[0] == figures[1]


def test_the_figure_is_of_users_who_did_not_choose_the_epoch() -> None:
    """The two halves share nobody."""
    graph, text = rich()
    ready = prepare(graph, text, QUICK, seed=0)
    assert set(ready.for_epoch.users) & set(ready.for_fusion.users) == set()
    assert set(ready.for_epoch.users) | set(ready.for_fusion.users) == set(ready.on.users)


def test_trials_that_fall_behind_are_stopped(
    store: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no figure, and fewer epochs; the best was not stopped."""
    monkeypatch.setattr(tuning, "STARTUP", 1)
    monkeypatch.setattr(tuning, "WARMUP", 0)
    found = tuned(store, tmp_path, 8)
    stopped = [row for row in found.trials if row["state"] == "pruned"]
    assert stopped
    assert all(row["figure"] is None for row in stopped)
    assert min(row["epochs"] for row in stopped) < CONFIG.epochs
    assert found.figure is not None


class Clock:
    """A minute passes at each look."""

    def __init__(self, at_look: Callable[[int], None] = lambda look: None) -> None:
        self.looks, self.at_look = 0, at_look

    def __call__(self) -> float:
        self.looks += 1
        self.at_look(self.looks)
        return 60.0 * self.looks


def test_it_stops_when_the_time_is_over(store: GraphStore, tmp_path: Path) -> None:
    """In the middle of a trial, which is done anew by the next run: as if it was never begun."""
    short = tuned(store, tmp_path / "parts", 3, minutes=6, clock=Clock())
    assert len(short.trials) == 1
    again = tuned(store, tmp_path / "parts", 3)
    whole = tuned(store, tmp_path / "whole", 3)
    settings = [
        [[row[k] for k in ("figure", "learning_rate", "temperature")] for row in found.trials]
        for found in (again, whole)
    ]
    assert settings[0] == settings[1]


def killed_at(look: int, url: str, folder: Path) -> None:
    def kill(now: int) -> None:
        if now == look:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_store(url, read_only=True) as store:
        tuned(store, folder, 3, minutes=1e6, clock=Clock(kill))


@pytest.mark.parametrize("look", [pytest.param(4, id="first"), pytest.param(8, id="second")])
def test_a_killed_search_is_gone_on_with(
    shop: Path, store: GraphStore, tmp_path: Path, look: int
) -> None:
    """kill -9 in a trial: what was done stays, and the trial is done anew."""
    place = (f"ladybug://{shop}/kg.lbug", tmp_path / "killed")
    process = CONTEXT.Process(target=killed_at, args=(look, *place))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    found, whole = tuned(store, tmp_path / "killed", 3), tuned(store, tmp_path / "whole", 3)
    names = ("figure", "learning_rate", "temperature")
    said, wanted = ([[r[k] for k in names] for r in f.trials] for f in (found, whole))
    assert said == wanted
    assert found.trials[-1]["trial"] > 2, "nothing was cut off: this test tests nothing"


def test_other_data_or_settings_are_another_search(store: GraphStore, tmp_path: Path) -> None:
    """Figures of different graphs, seeds or settings stand in no one table."""
    training = Training(config=CONFIG, encoder="none")
    given = [training, replace(training, seed=8),
             replace(training, config=CONFIG.model_copy(update={"epochs": 2}))]  # fmt: skip
    studies = {tune(store, t, tmp_path, trials=1, fixed=FIXED).study for t in given}
    assert len(studies) == 3


def test_two_at_once_are_refused(store: GraphStore, tmp_path: Path) -> None:
    """One process a study."""
    study = tuned(store, tmp_path, 1).study
    with tuning._alone(study), pytest.raises(ConfigError, match="another kg tune is at work"):
        tuned(store, tmp_path, 2)


def test_a_setting_outside_the_space_is_in_it() -> None:
    """The search begins with what is given, whatever it is."""
    assert OneOf((64, 128)).reaching(32) == OneOf((32, 64, 128))
    space = TrainConfig.space()["learning_rate"]
    assert not isinstance(space, OneOf)
    assert (space.reaching(0.1).high, space.reaching(1e-4).low) == (0.1, 1e-4)


def test_the_space_is_within_what_is_valid() -> None:
    """Whatever is tried is a configuration."""
    for name, where in TrainConfig.space().items():
        ends = where.values if isinstance(where, OneOf) else (where.low, where.high)
        for value in ends:
            assert getattr(TrainConfig.model_validate({name: value}), name) == value


def test_without_the_extra(
    store: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"kg tune needs the extra 'tune'"):
        tuned(store, tmp_path, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("dim = 8\ncolour = 'red'", "colour"), ("dim: 8", "no TOML"), (None, "No such file")],
)
def test_a_wrong_file_of_settings_is_named(
    tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line."""
    path = tmp_path / "best.toml"
    if text is not None:
        path.write_text(text)
    assert main(["train", "--settings", str(path), "--store", f"ladybug://{tmp_path}/x"]) == 1
    assert said in capsys.readouterr().err


def test_from_the_command_line_to_a_release(
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The best settings are in the file, and those of the release that is trained with it; what
    --set says goes before the file."""
    shutil.copy(shop / "kg.lbug", tmp_path / "kg.lbug")
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    given = ["--set", "dim=8", "--set", "epochs=2", "--set", "rank=0", "--encoder", "none"]
    assert main(["tune", "--trials", "2", *given, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    file = tmp_path / "home" / "tune" / "best.toml"
    assert said["file"] == str(file)
    assert read_settings(file) == said["best"]
    assert train_config("default", said["best"]).dim == 8
    assert main(["tune", "--trials", "2", *given]) == 0
    assert "next: kg train --settings" in capsys.readouterr().out
    argv = ["train", "--settings", str(file), "--set", "epochs=1", "--encoder", "none"]
    assert main(argv) == 0
    releases = tmp_path / "kg.lbug.releases"
    config = read_card(releases, latest(releases)).config
    assert config == {**said["best"], "epochs": 1}
