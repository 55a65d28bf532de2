"""Settings from the environment (and `.env`): where things are and how to reach a server.

Secrets come from here or from files it names, never from the command line or a URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kg.errors import ConfigError

DEFAULT_STORE = "ladybug://kg.lbug"
SMALLEST_AUDIENCE = 10
MOST_WRITERS = 8
"""A server with the default heap takes ten of the transactions of a bulk load at a time."""


class Settings(BaseSettings):
    """`KG_*` variables."""

    model_config = SettingsConfigDict(env_prefix="KG_", env_file=".env", extra="ignore")

    store: str = DEFAULT_STORE
    home: Path = Path(".kg")
    """Text vectors, and the releases of stores that are not files."""
    releases: Path | None = None
    """Where candidates and releases are kept; default: beside the embedded store."""
    encoder: str = "minilm"
    """`minilm` (packaged), a folder, or a hub name."""
    pseudonym_key: SecretStr | None = None
    pseudonym_key_file: Path | None = None
    """Keys that users' ids are hashed with (`kg keys new FILE` makes one); the file goes first."""
    erasure_key_file: Path | None = None
    """Key of tombstones and of reports of erasures; default: made in `home` when first needed."""
    roles: Path | None = None
    """Who may run which commands (TOML)."""
    min_group: int = Field(default=1, ge=1)
    """Named queries show no row about fewer users than this (not set: all are shown), and no
    audience or arm of a test may be smaller (not set: `SMALLEST_AUDIENCE`)."""
    privacy_budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Epsilon of all figures that `kg audience count` may ever release by the audit file in `home`,
    all stores together (not set: there is no limit, and the file says what was spent)."""
    queries: Path | None = None
    """A folder of an analyst's own named queries."""
    sensitive: Annotated[frozenset[str], NoDecode] = frozenset()
    """Category ids that are never scored and never written, and attributes of users that are never
    guessed (`kg train --write`), separated by `;` in the variable."""

    @property
    def smallest_audience(self) -> int:
        return self.min_group if "min_group" in self.model_fields_set else SMALLEST_AUDIENCE

    @field_validator("sensitive", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(";") if part.strip())
        return value


class Neo4jSettings(BaseSettings):
    """`NEO4J_*` variables; the names Neo4j's own tools use."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    username: str = Field(
        default="neo4j", validation_alias=AliasChoices("NEO4J_USERNAME", "NEO4J_USER")
    )
    password: SecretStr | None = Field(default=None, validation_alias="NEO4J_PASSWORD")
    password_file: Path | None = Field(default=None, validation_alias="NEO4J_PASSWORD_FILE")
    database: str | None = Field(default=None, validation_alias="NEO4J_DATABASE")
    """None is the server's default database."""
    ca_file: Path | None = Field(default=None, validation_alias="NEO4J_CA_FILE")
    """Certificates (PEM) of the authorities that `+s` URLs trust, in place of the system's."""
    writers: int = Field(default=1, validation_alias="NEO4J_WRITERS")
    """Connections that a bulk load of nodes, or of edges between two labels, writes through at
    once, 1 to `MOST_WRITERS`."""

    @field_validator("writers", mode="before")
    @classmethod
    def _in_range(cls, value: object) -> int:
        said = str(value).strip()
        if not said.isdecimal() or not 1 <= int(said) <= MOST_WRITERS:
            # pydantic lets an error that is no ValueError through: one line, like all of ours
            raise ConfigError(f"NEO4J_WRITERS={said}: a whole number from 1 to {MOST_WRITERS}")
        return int(said)

    def secret(self) -> str | None:
        """The password, from the variable or the file it names."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except OSError as e:
            raise ConfigError(f"NEO4J_PASSWORD_FILE={self.password_file}: {e.strerror}") from e


def settings() -> Settings:
    try:
        return Settings()
    except ValidationError as e:
        first = e.errors()[0]
        where = "KG_" + "_".join(str(p) for p in first["loc"]).upper()
        raise ConfigError(f"{where}: {first['msg']}") from e


def releases_folder(store_url: str, chosen: Settings | None = None) -> Path:
    """`kg.lbug` keeps its releases in `kg.lbug.releases`; a server's are kept under KG_HOME, one
    folder per server and database."""
    chosen = chosen or settings()
    if chosen.releases is not None:
        return chosen.releases
    parts = urlsplit(store_url)
    if parts.scheme == "ladybug":
        return Path(store_url.removeprefix("ladybug://") + ".releases")
    database = Neo4jSettings().database or "neo4j"
    return chosen.home / "releases" / f"{parts.hostname}-{parts.port or 7687}-{database}"
