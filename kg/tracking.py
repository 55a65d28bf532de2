"""A training's figures, epoch by epoch → a CSV file, TensorBoard or Weights & Biases.

What goes out is what `gnn.track.Tracker` is told: means over all users, learned weights by edge
type, and the settings. Nothing of any one user, item or text.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kg.errors import ConfigError, MissingExtra
from kg.files import write_whole

if TYPE_CHECKING:
    from gnn.track import Tracker

PROJECT = "kg-profiles"
FILE = "epochs.csv"


@contextmanager
def tracked(
    name: str | None, folder: Path, settings: Mapping[str, Any]
) -> Iterator[Tracker | None]:
    """The tracker of that name, writing into `folder`, which may hold the figures of the same
    training before it was killed. None for None.

    Raises ConfigError for an unknown name or where nothing can be written, MissingExtra."""
    if name is None:
        yield None
        return
    tracker = tracker_of(name)(folder, settings)
    try:
        yield tracker
    finally:
        tracker.close()


class _Open(Protocol):
    def begin(self, stage: str, epoch: int) -> None: ...
    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


def tracker_of(name: str) -> Callable[[Path, Mapping[str, Any]], _Open]:
    """Raises ConfigError."""
    if name not in TRACKERS:
        raise ConfigError(f"tracker {name!r}: choose {', '.join(TRACKERS)}")
    return TRACKERS[name]


class CsvTracker:
    """`epochs.csv`: a row an epoch, a column a figure; those of everything's training have no
    validation figures."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path = folder / FILE
        self.rows: list[dict[str, str]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                with self.path.open(encoding="utf-8", newline="") as file:
                    self.rows = list(csv.DictReader(file))
        except OSError as e:
            raise ConfigError(f"cannot write {self.path}: {e.strerror}") from e

    def begin(self, stage: str, epoch: int) -> None:
        kept = [r for r in self.rows if r["stage"] != stage or int(r["epoch"]) < epoch]
        if kept != self.rows:
            self.rows = kept
            self._write()

    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        said = {name: repr(value) for name, value in figures.items()}
        self.rows.append({"stage": stage, "epoch": str(epoch), **said})
        self._write()

    def _write(self) -> None:
        """The whole file: it is small, and a reader never sees half a row."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))

        def write(beside: Path) -> None:
            with beside.open("w", encoding="utf-8", newline="") as file:
                out = csv.DictWriter(file, columns, restval="", lineterminator="\n")
                out.writeheader()
                out.writerows(self.rows)

        write_whole(self.path, write)

    def close(self) -> None:
        """Nothing is open between epochs."""


class TensorBoardTracker:
    """An event file a stage: `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as e:
            raise MissingExtra("--track tensorboard", "tensorboard") from e
        self.folder, self.open = folder, SummaryWriter
        self.writer: Any = None

    def begin(self, stage: str, epoch: int) -> None:
        self.close()
        try:
            self.writer = self.open(str(self.folder / stage.replace(" ", "-")), purge_step=epoch)
        except OSError as e:
            raise ConfigError(f"cannot write {self.folder}: {e.strerror}") from e

    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class WandbTracker:
    """A run of Weights & Biases, online or, with WANDB_MODE=offline, in the folder alone. It is
    given the figures and the settings; code, console and machine are not looked at. Epochs that a
    killed training did twice are there twice."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError as e:
            raise MissingExtra("--track wandb", "wandb") from e
        quiet = wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            silent=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.run = wandb.init(
                project=PROJECT,
                id=folder.name,
                name=folder.name,
                dir=str(folder),
                config=dict(settings),
                resume="allow",
                settings=quiet,
            )
        except OSError as e:
            raise ConfigError(f"cannot write {folder}: {e.strerror}") from e
        except wandb.Error as e:
            raise ConfigError(
                f"wandb: {e}; log in, or set WANDB_MODE=offline to keep the run in {folder}"
            ) from e

    def begin(self, stage: str, epoch: int) -> None:
        self.run.define_metric(f"{stage}/*", step_metric=f"{stage}/epoch")

    def epoch(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        self.run.log({f"{stage}/{name}": v for name, v in {"epoch": epoch, **figures}.items()})

    def close(self) -> None:
        self.run.finish()


TRACKERS: dict[str, Callable[[Path, Mapping[str, Any]], _Open]] = {
    "csv": CsvTracker,
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
}
