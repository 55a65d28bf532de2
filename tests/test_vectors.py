"""Vectors in files: whose row is which, what is said of whom, and who is in none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from kg.audit import Act, append
from kg.cli import main
from kg.config import Settings
from kg.errors import ConfigError
from kg.privacy import files
from kg.privacy.consent import withdraw
from kg.privacy.erasure import forget, search
from kg.store import GraphStore, open_store
from kg.vectors import export_vectors
from tests.small_shop import load

BEN = [0.8, 0.6]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[GraphStore]:
    """The same shop, to change."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        load(store)
        yield store


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_arrays_and_tables_have_the_same_rows(shop_store: GraphStore, tmp_path: Path) -> None:
    """One row a user with a vector, one an item, and the item's side of the score."""
    done = export_vectors(shop_store, tmp_path / "out", "vectors")
    for name, n in done.items():
        table = pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
        array = np.load(tmp_path / "out" / f"{name}.npy")
        assert array.shape == (n, 2)
        assert array.dtype == np.float32
        assert np.array_equal(np.array(table["embedding"].to_list(), np.float32), array)
    assert done == {"users": 7, "items": 7}
    users = pl.read_parquet(tmp_path / "out" / "users.parquet")
    assert users.filter(pl.col("userId") == "ben")["embedding"][0].to_list() == pytest.approx(BEN)
    assert pq.read_schema(tmp_path / "out" / "items.parquet").names == [
        "itemId", "embedding", "scoreBias",
    ]  # fmt: skip


def test_a_projector_names_no_user(shop_store: GraphStore, tmp_path: Path) -> None:
    """Users by segment and tier; items by title and category; a line a vector."""
    export_vectors(shop_store, tmp_path / "out", "projector")
    said = lines(tmp_path / "out" / "users_metadata.tsv")
    vectors = lines(tmp_path / "out" / "users.tsv")
    assert said[0] == ["segment", "valueTier"]
    ben = [row for row, v in zip(said[1:], vectors, strict=True) if [float(x) for x in v] == BEN]
    assert ben == [["guitars", "loyal"]]
    text = "".join(p.read_text() for p in (tmp_path / "out").iterdir())
    assert "ben" not in text
    items = lines(tmp_path / "out" / "items_metadata.tsv")
    assert items[0] == ["title", "category"]
    assert len(items) == 1 + len(lines(tmp_path / "out" / "items.tsv"))


def test_tensorboard_reads_the_projector(shop_store: GraphStore, tmp_path: Path) -> None:
    """Its own reader finds both tensors, with the files they name."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    export_vectors(shop_store, tmp_path / "out", "projector")
    config = projector_config_pb2.ProjectorConfig()
    text_format.Parse((tmp_path / "out" / "projector_config.pbtxt").read_text(), config)
    assert [e.tensor_name for e in config.embeddings] == ["users", "items"]
    for e in config.embeddings:
        for name in (e.tensor_path, e.metadata_path):
            assert (tmp_path / "out" / name).is_file()


def test_plain_ids_are_not_shown(shop_store: GraphStore, tmp_path: Path) -> None:
    """Only pseudonyms may be asked for; nothing is written."""
    with pytest.raises(ConfigError, match="no pseudonyms"):
        export_vectors(shop_store, tmp_path / "out", "projector", with_ids=True)
    assert not (tmp_path / "out").exists()


def test_pseudonyms_are_shown_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line, over a small demo with a key."""
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    assert main(["keys", "new", str(tmp_path / "shop.key")]) == 0
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", str(tmp_path / "shop.key"))
    assert main(["load", "synthetic", "--option", "users=80"]) == 0
    quick = ["--set", "dim=8", "--set", "epochs=1", "--set", "rank=0", "--encoder", "none"]
    assert main(["retrain", *quick, "--force", "test"]) == 0, capsys.readouterr().err
    out = tmp_path / "out"
    assert main(["export", "--format", "projector", "--with-ids", str(out)]) == 0
    head, first, *_ = lines(out / "users_metadata.tsv")
    assert head[0] == "userId"
    assert len(first[0]) > 20


def test_without_profiles_there_is_nothing(tmp_path: Path) -> None:
    """It says what makes them."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        load(store, published=False)
        with pytest.raises(ConfigError, match="no vectors are there; kg retrain"):
            export_vectors(store, tmp_path / "out", "vectors")


def test_who_objects_is_in_no_file(own: GraphStore, tmp_path: Path) -> None:
    """Neither as a row nor as a vector."""
    withdraw(own, tmp_path / "releases", ["ben"], now=1)
    export_vectors(own, tmp_path / "out", "vectors")
    assert "ben" not in pl.read_parquet(tmp_path / "out" / "users.parquet")["userId"].to_list()
    export_vectors(own, tmp_path / "seen", "projector")
    seen = [[float(x) for x in v] for v in lines(tmp_path / "seen" / "users.tsv")]
    assert BEN not in seen


def test_erasing_a_user_takes_the_rows_out(own: GraphStore, tmp_path: Path, home: Path) -> None:
    """Of the tables, the arrays, and a projector that has no ids; the search finds them before and
    not after, and the others' rows still stand together."""
    for format_ in ("vectors", "projector"):
        export_vectors(own, tmp_path / format_, format_)  # type: ignore[arg-type]
        act = Act(at="", user="", command="export", store=own.url,
                  files=[str(tmp_path / format_)])  # fmt: skip
        append(home, act)
    chosen, releases = Settings(home=home), tmp_path / "releases"
    before = search(own, releases, ["ben"], chosen)
    assert set(before.files) == {str(tmp_path / f) for f in ("vectors", "projector")}
    forget(own, releases, ["ben"], now=1, chosen=chosen)
    assert search(own, releases, ["ben"], chosen).files == {}
    users = pl.read_parquet(tmp_path / "vectors" / "users.parquet")
    array = np.load(tmp_path / "vectors" / "users.npy")
    assert np.array_equal(np.array(users["embedding"].to_list(), np.float32), array)
    assert len(array) == 6
    seen = [[float(x) for x in v] for v in lines(tmp_path / "projector" / "users.tsv")]
    said = lines(tmp_path / "projector" / "users_metadata.tsv")
    assert BEN not in seen
    assert (len(seen), len(said)) == (6, 7)
    assert ["guitars", "loyal"] not in said


@pytest.mark.parametrize("cut", ["users.npy", "users.tsv"])
def test_an_erasure_that_was_killed_between_two_files_is_finished(
    shop_store: GraphStore, tmp_path: Path, home: Path, cut: str
) -> None:
    """The file that was done already is not cut again."""
    from kg.privacy.tombstones import erasure_key

    format_ = "vectors" if cut.endswith("npy") else "projector"
    export_vectors(shop_store, tmp_path / "out", format_)  # type: ignore[arg-type]
    ids = ["ben", erasure_key(make=True).tombstone("ben")]
    whole = {p: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    assert files.clean(tmp_path / "out", ids, remove=True) == 1
    done = {p: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    for path, content in whole.items():
        if path.name != cut:
            path.write_bytes(content)
    assert files.clean(tmp_path / "out", ids, remove=True) == 1
    assert {p: p.read_bytes() for p in (tmp_path / "out").iterdir()} == done
