"""The seam of offline loading: staged tables → files that a server's own importer reads."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from loaders.interface import Progress, Staged


@dataclass(frozen=True)
class Offline:
    """A folder of files for an import."""

    folder: Path
    rows: dict[str, int]
    """By table."""
    command: list[str]
    """What imports it, on the server's machine while the server is stopped."""
    schema_command: list[str]
    """What makes the constraints once the server runs; `GraphStore.ensure_schema` does too."""


class Importer(Protocol):
    def write_offline(
        self,
        staged: Staged,
        folder: Path,
        *,
        now: int,
        database: str = ...,
        progress: Progress | None = None,
    ) -> Offline:
        """All tables, in bounded memory; the folder appears whole or not at all. `now` (epoch s) is
        since when its ids are pseudonyms, where they are. Raises ConfigError where `folder` cannot
        be written or is not empty, StoreError for rows that cannot be said or that an online load
        would refuse too."""

    def run_import(self, offline: Offline, home: Path) -> None:
        """The import in the installation at `home`, whose server is stopped. Raises ConfigError
        where none is there, StoreError with what it said where it failed."""


IMPORTERS = {"neo4j": "kg.neo4j_store.offline"}


def importer(dialect: str = "neo4j") -> Importer:
    return cast(Importer, import_module(IMPORTERS[dialect]))
