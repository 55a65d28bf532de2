"""Figures of every epoch, out to a file, TensorBoard or Weights & Biases, and back from there."""

from __future__ import annotations

import csv
import json
import math
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnn.train import refit, train
from kg.cli import main
from kg.errors import ConfigError, MissingExtra
from kg.store import open_store
from kg.tracking import FILE, TRACKERS, tracked
from tests.gnn.boards import QUICK, rich

GRAPH, TEXT = rich()
CONFIG = QUICK.model_copy(update={"epochs": 3})
REFIT = "training on everything"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing leaves this machine, and nothing of its own settings is read."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb-own"))


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def scalars_of(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads: (epoch, value) by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(s.step, s.value) for s in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def wandb_history(folder: Path) -> list[dict[str, float]]:
    """The rows in the file of an offline run: what `wandb sync` would send."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.rglob("*.wandb")
    rows = []
    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    return rows


def _records(raw: bytes) -> Iterator[bytes]:
    """LevelDB's log format after a head of seven bytes: blocks of 32 KiB, in them pieces with a
    checksum, a length and a type (1 whole, 2 first, 3 middle, 4 last)."""
    at, whole = 7, b""
    while at + 7 <= len(raw):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, type_ = struct.unpack_from("<IHB", raw, at)
        piece = raw[at + 7 : at + 7 + length]
        whole = piece if type_ in (1, 2) else whole + piece
        if type_ in (1, 4):
            yield whole
        at += 7 + length


@pytest.mark.parametrize("name", TRACKERS)
def test_every_epoch_is_told(name: str, tmp_path: Path) -> None:
    """Loss, validation figures and learned weights of both stages, as the model has them."""
    folder = tmp_path / "run"
    with tracked(name, folder, {"epochs": 3}) as tracker:
        trained = train(GRAPH, TEXT, CONFIG, seed=0, tracker=tracker)
        served = refit(trained, GRAPH, TEXT, tracker=tracker)
    curve = trained.metrics["training"]["epochs"]
    weight = served.weights["type_weight"]["PURCHASED"]
    if name == "csv":
        rows = [r for r in rows_of(folder) if r["stage"] == "training"]
        said = [{k: float(r[k]) for k in ("epoch", "loss", "recall@20", "ndcg@20")} for r in rows]
        last = rows_of(folder)[-1]
        assert (last["stage"], last["recall@20"]) == (REFIT, "")
        assert float(last["type_weight/PURCHASED"]) == weight
    elif name == "tensorboard":
        first, second = (
            scalars_of(folder / "training"),
            scalars_of(folder / REFIT.replace(" ", "-")),
        )
        said = [
            {"epoch": epoch, **{k: first[k][n][1] for k in ("loss", "recall@20", "ndcg@20")}}
            for n, (epoch, _) in enumerate(first["loss"])
        ]
        assert second["type_weight/PURCHASED"][-1][1] == pytest.approx(weight)
    else:
        end = time.monotonic() + 60
        while not (history := wandb_history(folder)) and time.monotonic() < end:
            time.sleep(0.2)  # wandb's own process writes the file
        names = ("epoch", "loss", "recall@20", "ndcg@20")
        said = [{k: r[f"training/{k}"] for k in names} for r in history if "training/epoch" in r]
        assert history[-1][f"{REFIT}/type_weight/PURCHASED"] == weight
    assert [s["epoch"] for s in said] == [c["epoch"] for c in curve]
    for got, wanted in zip(said, curve, strict=True):
        assert got == pytest.approx(wanted)


def test_epochs_of_a_killed_process_are_not_there_twice(tmp_path: Path) -> None:
    """It had done three of them, and the file it goes on from holds one."""
    for name, seen in (("csv", {}), ("tensorboard", {})):
        folder = tmp_path / name
        with tracked(name, folder, {}) as killed:
            assert killed is not None
            killed.begin("training", 1)
            for epoch in (1, 2, 3):
                killed.epoch("training", epoch, {"loss": 9.0})
        with tracked(name, folder, {}) as again:
            assert again is not None
            again.begin("training", 2)
            for epoch in (2, 3):
                again.epoch("training", epoch, {"loss": 1.0})
        if name == "csv":
            seen = {int(r["epoch"]): float(r["loss"]) for r in rows_of(folder)}
            assert len(rows_of(folder)) == 3
        else:
            seen = dict(scalars_of(folder / "training")["loss"])
            assert len(scalars_of(folder / "training")["loss"]) == 3
        assert seen == {1: 9.0, 2: 1.0, 3: 1.0}


def test_a_half_life_without_end_has_its_column(tmp_path: Path) -> None:
    """Not a gap, and not a missing name."""
    from gnn.track import weights_by_name

    said = weights_by_name({"half_life_days": {"VIEWED": None}, "review_weight": 0.5})
    assert said == {"half_life_days/VIEWED": math.inf, "review_weight": 0.5}


@pytest.mark.parametrize(("name", "package"), [
    ("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb"),
])  # fmt: skip
def test_a_missing_package_is_named(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra that has it, before anything is trained."""
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(MissingExtra, match=rf"--track {name} needs the extra '{name}'"),
        tracked(name, tmp_path, {}),
    ):
        pass


def test_an_unknown_tracker_is_an_error(tmp_path: Path) -> None:
    """It says which there are."""
    with (
        pytest.raises(ConfigError, match="tracker 'paper': choose csv, tensorboard, wandb"),
        tracked("paper", tmp_path, {}),
    ):
        pass


def test_the_command_tracks_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything wandb kept of a training holds its settings, and no user's id (pseudonyms here:
    too long to be there by chance)."""
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    assert main(["keys", "new", str(tmp_path / "shop.key")]) == 0
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(tmp_path / "shop.key"))
    assert main(["load", "synthetic", "--option", "users=80"]) == 0, capsys.readouterr().err
    quick = ["--set", "dim=8", "--set", "epochs=2", "--set", "rank=0", "--encoder", "none"]
    assert main(["train", *quick, "--track", "wandb"]) == 0, capsys.readouterr().err
    kept = [p for p in (tmp_path / "home" / "runs").rglob("*") if p.is_file()]
    with open_store(f"ladybug://{tmp_path}/kg.lbug", read_only=True) as store:
        users = store.export({"User": ()}, {}).nodes["User"]["userId"].to_pylist()
    raw = b"\0".join(p.read_bytes() for p in kept)
    assert b"learning_rate" in raw
    assert min(map(len, users)) > 20
    assert [u for u in users if u.encode() in raw] == []
