"""Releases are folders that appear whole and are not trusted once changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from kg import releases
from kg.errors import NotFound, ReleaseError

USERS = pa.table({"userId": ["ann", "bob"], "recencyDays": [1.0, 2.0]})
EDGES = pa.table({"src": ["ann"], "dst": ["tea"], "score": [0.4]})


def card(version: str = "20260101-000000") -> releases.Card:
    return releases.Card(
        version=version,
        created_at=1,
        as_of=1,
        horizon_days=30,
        store="ladybug://x.lbug",
        graph={"User": 2},
        graph_hash="00",
        config={"dim": 8},
        config_hash=releases.config_hash({"dim": 8}),
        seed=7,
        encoder=None,
        software={},
        metrics={"health": {}},
    )


def write_model(folder: Path) -> None:
    (folder / "weights").write_bytes(b"123")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tables = {"users": USERS, "items": USERS, "edges/SIMILAR_TO": EDGES}
    releases.save(tmp_path, card(), tables, write_model)
    return tmp_path


def test_what_is_saved_is_read(saved: Path) -> None:
    """Tables and card come back as they were."""
    tables = releases.read_tables(saved, "20260101-000000")
    assert tables["edges/SIMILAR_TO"].equals(EDGES)
    assert releases.read_card(saved, "20260101-000000") == card()


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    """A folder appears whole or not at all."""

    def breaks(folder: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(ReleaseError, match="disk full"):
        releases.save(tmp_path, card(), {"users": USERS}, breaks)
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_written_once(saved: Path) -> None:
    """A release never changes under its readers."""
    with pytest.raises(ReleaseError, match="exists already"):
        releases.save(saved, card(), {"users": USERS}, write_model)


def test_a_second_training_within_a_second_has_a_name_of_its_own(saved: Path) -> None:
    """The next second's that is free: names still sort by time."""
    now = 1_788_000_000
    first = releases.free_version(saved, now)
    assert first == releases.version_at(now)
    (saved / first).mkdir()
    assert releases.free_version(saved, now) == releases.version_at(now + 1) > first


@pytest.mark.parametrize("file", ["users.parquet", "model/weights", "card.json"])
def test_a_changed_file_is_named(saved: Path, file: str) -> None:
    """A release whose bytes are not those written is refused."""
    path = saved / "20260101-000000" / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ReleaseError, match=file):
        releases.read_tables(saved, "20260101-000000")


@pytest.mark.parametrize("file", ["users.parquet", "model/weights"])
def test_a_missing_file_is_named(saved: Path, file: str) -> None:
    """A release that lost a file is refused."""
    (saved / "20260101-000000" / file).unlink()
    with pytest.raises(ReleaseError, match=file):
        releases.read_tables(saved, "20260101-000000")


def test_an_unknown_version_names_those_there(saved: Path) -> None:
    """The error says which releases could have been meant."""
    with pytest.raises(NotFound, match="20260101-000000"):
        releases.read_card(saved, "nope")


def test_the_newest_is_the_latest(saved: Path) -> None:
    """Versions sort by time."""
    releases.save(saved, card("20260102-000000"), {"users": USERS}, write_model)
    assert releases.latest(saved) == "20260102-000000"


def test_no_release_says_what_to_run(tmp_path: Path) -> None:
    """Before the first training the error names the command."""
    with pytest.raises(NotFound, match="kg train"):
        releases.latest(tmp_path)


def test_publications_are_kept(saved: Path) -> None:
    """Each time a release goes live is written down with its gates; the seal still holds."""
    gate = releases.GateResult(gate="finite", passed=False, figure=1, threshold=0, says="1 NaN")
    for at in (5, 6):
        done = releases.Publication(at=at, store="x", gates=[gate], forced="because")
        releases.record_publication(saved, "20260101-000000", done)
    releases.verify(saved / "20260101-000000")
    assert [p.at for p in releases.publications(saved, "20260101-000000")] == [5, 6]


def test_an_exchange_is_all_or_nothing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows removed for privacy: a run that dies after its first file is finished by the next."""
    folder = saved / "20260101-000000"
    real, moved = Path.replace, []

    def dies_after_one(self: Path, target: Path) -> Path:
        if moved:
            raise KeyboardInterrupt
        moved.append(target)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies_after_one)
    with pytest.raises(KeyboardInterrupt):
        releases.exchange(folder, {"users": USERS.slice(1), "edges/SIMILAR_TO": EDGES.slice(1)})
    monkeypatch.undo()
    tables = releases.read_tables(saved, "20260101-000000")
    assert (tables["users"].num_rows, tables["edges/SIMILAR_TO"].num_rows) == (1, 0)
