"""Settings of a training ↔ a TOML file, a line a setting."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.errors import ConfigError
from kg.files import write_whole

if TYPE_CHECKING:
    from gnn.config import TrainConfig


def write_settings(config: TrainConfig, path: Path) -> None:
    """Every setting, as TOML. Raises ConfigError where it cannot be written."""
    said = config.model_dump(mode="json")
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def read_settings(path: Path) -> dict[str, Any]:
    """Settings by name, as they stand there. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"--settings {path}: {e.strerror}") from e
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfigError(f"--settings {path}: no TOML ({e})") from e
