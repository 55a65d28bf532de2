"""What is no file, cannot be read or does not hold still: told in one line, nothing left behind."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

import loaders.files
from kg.errors import ConfigError, InputError, KgError
from loaders import stage
from loaders.delimited import Delimited
from loaders.jsonl import JsonLines
from loaders.mapping import read_mapping
from loaders.policy import read_policy
from tests.corpus.case import HEAD, ROW
from tests.loaders.tables import NOW, RATINGS, rows

GOOD = b'{"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1400000000}\n'


def amazon(path: Path, out: Path) -> None:
    stage("amazon", [path], out, now=NOW)


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "r.json")
    return folder / "r.json"


def socket_file(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("r.json")
    finally:
        os.chdir(here)
    return folder / "r.json"


def broken_link(folder: Path) -> Path:
    (folder / "r.json").symlink_to(folder / "gone.json")
    return folder / "r.json"


def loop(folder: Path) -> Path:
    (folder / "r.json").symlink_to(folder / "s.json")
    (folder / "s.json").symlink_to(folder / "r.json")
    return folder / "r.json"


def folder_called_so(folder: Path) -> Path:
    (folder / "r.json").mkdir()
    return folder / "r.json"


def through_a_file(folder: Path) -> Path:
    (folder / "a").write_bytes(GOOD)
    return folder / "a" / "r.json"


STRANGE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a pipe": (pipe, "is a pipe"),
    "a socket": (socket_file, "is a socket"),
    "a device": (lambda _: Path("/dev/zero"), "is a device"),
    "a broken link": (broken_link, "is a link to nothing"),
    "a loop of links": (loop, "Too many levels"),
    "an empty folder": (folder_called_so, "no file in this folder"),
    "a file for a folder": (through_a_file, "no such file or folder"),
    "nothing": (lambda folder: folder / "r.json", "no such file or folder"),
    "a name too long": (lambda folder: folder / ("r" * 300), "File name too long"),
    "a name with a NUL": (lambda folder: folder / "r\0.json", "is no path"),
    "a name in no encoding": (lambda folder: folder / "\udcff.json", "no such file"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    make, error = STRANGE[name]
    path = make(tmp_path)
    with pytest.raises(InputError, match=error):
        amazon(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a pipe", "a socket", "a broken link", "a loop of links"])
def test_it_is_told_in_a_folder_too(tmp_path: Path, name: str) -> None:
    """A file that cannot be read is not passed over in silence."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.json").write_bytes(GOOD)
    make, error = STRANGE[name]
    make(folder)
    with pytest.raises(InputError, match=error):
        amazon(folder, tmp_path / "out")


def test_a_link_back_to_its_own_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "r.json").write_bytes(GOOD)
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    done = stage("amazon", [tmp_path / "in"], tmp_path / "out", now=NOW)
    assert (done.report.rows, done.report.merged) == (1, 0)


@contextmanager
def nobody() -> Iterator[None]:
    """Not root, whom no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that anybody may enter, and be in."""
    folder = Path("/tmp") / f"kg-places-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    for left in (*folder.rglob("*"), folder):
        left.chmod(0o700)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_file_nobody_may_read_is_told(open_folder: Path) -> None:
    path = open_folder / "r.json"
    path.write_bytes(GOOD)
    path.chmod(0)
    with nobody(), pytest.raises(InputError, match=r"r\.json: cannot be read \(.*ermission"):
        amazon(path, open_folder / "out")


def test_a_folder_nobody_may_look_into_is_told(open_folder: Path) -> None:
    """Its files would be missing, and nobody the wiser."""
    (open_folder / "good.json").write_bytes(GOOD)
    (open_folder / "shut").mkdir()
    (open_folder / "shut" / "r.json").write_bytes(GOOD)
    (open_folder / "shut").chmod(0)
    with nobody(), pytest.raises(InputError, match=r"shut: cannot be read \(Permission"):
        amazon(open_folder, open_folder / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="a file that fails to read: /proc/self/mem")
def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mem: cannot be read"):
        amazon(Path("/proc/self/mem"), tmp_path / "out")


CHANGES: dict[str, Callable[[Path], object]] = {
    "vanishes": lambda path: path.unlink(),
    "grows": lambda path: path.write_bytes(path.read_bytes() + ROW),
    "shrinks": lambda path: os.truncate(path, 50),
    "is emptied": lambda path: os.truncate(path, 0),
    "is another": lambda path: (path.rename(path.with_suffix(".old")), path.write_bytes(HEAD)),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its last row may be half of one: nothing of it is loaded."""
    monkeypatch.setattr(loaders.files, "CHUNK", 40)
    (tmp_path / "shop.toml").write_text(RATINGS)
    path = tmp_path / "ratings.csv"
    path.write_bytes(HEAD + ROW * 20)
    seen: list[int] = []

    def change(label: str, done: int, total: int | None) -> None:
        seen.append(done)
        if len(seen) == 5:
            CHANGES[how](path)

    with pytest.raises(InputError, match=r"ratings\.csv: has changed while it was read"):
        stage("tabular", [path], tmp_path / "out", now=NOW, progress=change,
              options={"mapping": str(tmp_path / "shop.toml")})  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("reader", [Delimited, JsonLines])
def test_a_file_cut_before_its_rejects_are_read_is_told(
    tmp_path: Path, reader: type[Delimited] | type[JsonLines]
) -> None:
    path = tmp_path / "r"
    path.write_bytes(GOOD * 9)
    opened = reader(path)
    lines = pl.concat([b.frame.select("__line", "__span") for b in opened.batches()])
    path.write_bytes(GOOD * 3)
    with pytest.raises(InputError, match="has changed while it was read"):
        list(opened.raw(lines))


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(GOOD)
    done = stage("amazon", [path, path], tmp_path / "out", now=NOW)
    assert len(done.report.files) == 1


def test_hidden_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "in" / ".git").mkdir(parents=True)
    (tmp_path / "in" / ".git" / "r.json").write_bytes(b"{")
    (tmp_path / "in" / ".r.json").write_bytes(b"{")
    (tmp_path / "in" / "r.json").write_bytes(GOOD)
    done = stage("amazon", [tmp_path / "in"], tmp_path / "out", now=NOW)
    assert len(rows(done, "RATED")) == 1


@pytest.mark.parametrize("what", ["mapping", "policy"])
@pytest.mark.parametrize(
    ("name", "error"),
    [("a pipe", "is a pipe"), ("a device", "is a pipe or device"),
     ("a broken link", "No such file"), ("a loop of links", "Too many levels"),
     ("an empty folder", "is a folder"),
     ("nothing", "No such file"), ("a name too long", "name too long")],
)  # fmt: skip
def test_settings_that_are_no_file_are_told(
    tmp_path: Path, what: str, name: str, error: str
) -> None:
    path = STRANGE[name][0](tmp_path)
    read = {"mapping": read_mapping, "policy": read_policy}[what]
    with pytest.raises(ConfigError, match=f"{what} .*{error}"):
        read(path)


def test_rejects_are_for_their_owner_only_however_many(tmp_path: Path) -> None:
    """Written in several goes, the file is one, in the order of the lines."""
    import loaders.rejects

    (tmp_path / "shop.toml").write_text(RATINGS)
    bad = b"".join(b"u%d,i,9,1600000000\n" % n for n in range(50))
    (tmp_path / "ratings.csv").write_bytes(HEAD + ROW + bad)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders.files, "CHUNK", 100)
        patch.setattr(loaders.rejects, "MOST_WAITING", 7)
        done = stage("tabular", [tmp_path / "ratings.csv"], tmp_path / "out", now=NOW,
                     options={"mapping": str(tmp_path / "shop.toml")})  # fmt: skip
    assert done.report.rejects is not None
    kept = Path(done.report.rejects)
    assert [f'"line":{n},' in line for n, line in enumerate(kept.read_text().splitlines(), 3)] == [
        True
    ] * 50
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_every_error_of_a_path_is_ours(tmp_path: Path) -> None:
    """Whatever a path is made of."""
    for path in ("", ".", "/", "//", "~", "-", "*", "http://x/y.csv", "\n", " ", "x" * 5000):
        with pytest.raises(KgError):
            stage("ciao", [tmp_path / path / "no"], tmp_path / "out", now=NOW)
