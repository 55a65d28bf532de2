"""A small shop with a release, in a folder of its own, on each kind of store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg import releases
from kg.store import GraphStore, open_store
from tests import small_shop

STORES = ["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)]
VARIABLES = ("KG_STORE", "KG_RELEASES", "KG_PSEUDONYM_KEY", "KG_PSEUDONYM_KEY_FILE",
             "KG_ERASURE_KEY_FILE", "KG_ROLES", "KG_QUERIES", "KG_SENSITIVE")  # fmt: skip


@dataclass(frozen=True)
class Shop:
    url: str
    folder: Path

    @property
    def releases(self) -> Path:
        return self.folder / "releases"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def open(self) -> GraphStore:
        return open_store(self.url)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with nothing of ours in the environment but where home is."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture(params=STORES)
def empty_url(request: pytest.FixtureRequest, desk: Path) -> str:
    """A store that holds nothing yet."""
    if request.param == "neo4j":
        return str(request.getfixturevalue("empty_neo4j"))
    return f"ladybug://{desk}/kg.lbug"


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store with the shop in it, to copy: a file is all there is to a closed one."""
    path = tmp_path_factory.mktemp("shop") / "kg.lbug"
    with open_store(f"ladybug://{path}") as store:
        small_shop.load(store)
    return path


@pytest.fixture
def shop(
    request: pytest.FixtureRequest,
    empty_url: str,
    desk: Path,
    shop_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """`tests.small_shop`, published, its release beside it."""
    monkeypatch.setenv("KG_RELEASES", str(desk / "releases"))
    monkeypatch.setenv("KG_STORE", empty_url)
    if empty_url.startswith("ladybug"):
        shutil.copy(shop_file, desk / "kg.lbug")
    else:
        request.getfixturevalue("neo4j_graphs").have("small shop", small_shop.load)
    save_release(desk / "releases")
    return Shop(empty_url, desk)


def save_release(folder: Path) -> None:
    """The small shop's release as a folder, with what the linear filter keeps of its users."""
    made = small_shop.release()
    kept = pa.table({"userId": ["ada", "ada", "ben"], "item": pa.array([0, 2, 0], pa.int32())})
    card = releases.Card(
        version=small_shop.VERSION, created_at=1, as_of=small_shop.AS_OF, horizon_days=30,
        store="x", graph={"User": 9}, graph_hash="0", config={}, config_hash="0", seed=7,
        encoder=None, software={}, metrics={},
    )  # fmt: skip
    tables = {"users": made.users, "items": made.items}
    tables |= {f"edges/{name}": table for name, table in made.edges.items()}

    def write_model(model: Path) -> None:
        pq.write_table(kept, model / Path(releases.KEPT).name)

    releases.save(folder, card, tables, write_model)
