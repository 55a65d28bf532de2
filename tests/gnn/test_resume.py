"""kill -9 in a training: it goes on to the same model, bit for bit."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from gnn.errors import ResumeError
from gnn.fingerprint import fingerprint
from gnn.resume import Saves
from gnn.train import refit, train
from tests.gnn.boards import QUICK, communities, rich
from tests.gnn.planted import DAY

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["gnn.train", "tests.gnn.boards"])

GRAPH, TEXT = rich()
SLOWER = QUICK.model_copy(update={"learning_rate": 0.01})
"""Its best epoch is not the first, so that there is a refit to kill."""
ALWAYS = 1e9
"""A share that saves after every epoch."""


def work(folder, killed_at, config, told):
    """A training and its refit, which kill themselves at a moment: (stage, epoch), or the number of
    the file that is just being written."""
    torch.set_num_threads(1)

    def progress(stage, epoch, of):
        seen.append((stage, epoch))
        if (stage, epoch) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(file):
        files.append(file)
        if len(files) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    seen, files, os.fsync = [], [], fsync
    saves = Saves(Path(folder), ALWAYS) if folder else None
    trained = train(GRAPH, TEXT, config, seed=0, progress=progress, saves=saves)
    served = refit(trained, GRAPH, TEXT, until=90 * DAY, progress=progress, saves=saves)
    weights = [sorted(t.model.state_dict().items()) for t in (trained, served)]
    told.send((fingerprint(weights), json.dumps(trained.metrics), seen))


def run(folder, killed_at=None, config=SLOWER):
    """None where it was killed, as it should be."""
    mine, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=work, args=(folder and str(folder), killed_at, config, theirs))
    process.start()
    theirs.close()
    try:
        found = mine.recv()
    except EOFError:
        found = None
    process.join()
    assert process.exitcode == (-signal.SIGKILL if killed_at else 0)
    return found


@pytest.fixture(scope="module")
def undisturbed():
    return run(None)


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([("training", 1)], id="before anything is kept"),
        pytest.param([("training", 4)], id="in the training"),
        pytest.param([7], id="while a file is written"),
        pytest.param([("training on everything", 2)], id="in the refit"),
        pytest.param(
            [("training", 3), ("training", 5), ("training on everything", 1)], id="three times"
        ),
    ],
)
def test_a_killed_training_ends_in_the_same_model(undisturbed, tmp_path, moments):
    """Weights of both stages, and every figure."""
    for moment in moments:
        assert run(tmp_path, moment) is None
    assert run(tmp_path)[:2] == undisturbed[:2]


def test_a_file_that_is_being_written_is_not_looked_at(tmp_path):
    """Killed before the fourth is safe on disk, the third is there, and whole."""
    run(tmp_path, 7)
    with safe_open(tmp_path / "training.safetensors", "pt") as file:
        assert json.loads(file.metadata()["state"])["course"]["epoch"] == 3


def test_epochs_that_were_kept_are_not_done_again(undisturbed, tmp_path):
    """It goes on after the last file, and a stage that was done is not begun."""
    run(tmp_path, ("training", 4))
    run(tmp_path, ("training on everything", 2))
    _, _, seen = run(tmp_path)
    assert seen == [s for s in undisturbed[2] if s[0] != "training"][1:]


def test_patience_goes_on_counting(tmp_path):
    """It ends at the same epoch as without a kill."""
    config = QUICK.model_copy(update={"epochs": 40, "patience": 3})
    whole = run(None, config=config)
    last = max(epoch for stage, epoch in whole[2] if stage == "training")
    assert last < 40
    run(tmp_path, ("training", last - 1), config)
    assert run(tmp_path, config=config)[1] == whole[1]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with a training that was killed."""
    folder = tmp_path_factory.mktemp("kept")
    run(folder, ("training", 4))
    return folder


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def gone_on(folder, graph=GRAPH, config=QUICK, seed=0):
    return train(graph, TEXT if graph is GRAPH else None, config, seed=seed, saves=Saves(folder))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"config": QUICK.model_copy(update={"temperature": 0.2})},
            r"temperature 0.12 \(now 0.2\)",
        ),
        ({"seed": 1}, r"seed 0 \(now 1\)"),
        ({"graph": communities()}, "other data"),
    ],
)
def test_another_training_is_refused(kept, other, said):
    """It says what is not the same."""
    with pytest.raises(ResumeError, match=f"was of .*{said}.*begin anew"):
        gone_on(kept, **other)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_refused(kept, tmp_path, damage):
    """Cut short, or a bit of a weight changed."""
    whole = bytearray((kept / "training.safetensors").read_bytes())
    whole[-1] ^= 1
    cut = whole[: len(whole) // 2] if damage == "cut" else whole
    (tmp_path / "training.safetensors").write_bytes(cut)
    with pytest.raises(ResumeError, match=r"training.safetensors: cannot be gone on from"):
        gone_on(tmp_path)


class Clock:
    """Ten seconds an epoch, one a file."""

    def __init__(self):
        self.now, self.files = 0.0, 0

    def __call__(self):
        return self.now


def test_saving_takes_no_more_than_its_share(tmp_path, monkeypatch):
    """A file that takes a second, and epochs of ten: at most one file in 2.5 epochs."""
    clock, write = Clock(), os.replace

    def slow(*where):
        clock.now += 1
        clock.files += 1
        write(*where)

    monkeypatch.setattr(os, "replace", slow)
    epochs = QUICK.model_copy(update={"epochs": 26, "patience": 26})

    def progress(*_):
        clock.now += 10

    train(GRAPH, TEXT, epochs, seed=0, progress=progress, saves=Saves(tmp_path, 0.04, clock))
    assert 9 <= clock.files <= 11
