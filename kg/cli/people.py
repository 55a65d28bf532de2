"""Users named on the command line, or one a line in a file."""

from __future__ import annotations

from pathlib import Path

import typer

from kg.errors import ConfigError


def people(users: list[str] | None, file: Path | None) -> list[str]:
    """All of them, once. Nobody at all is wrong usage; raises ConfigError for the file."""
    named = list(users or [])
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"cannot read {file}: {e}") from e
        named += [line.removesuffix("\r") for line in lines if line.strip()]
    if not named:
        raise typer.BadParameter("give a USER, or --file FILE with one a line")
    return list(dict.fromkeys(named))
