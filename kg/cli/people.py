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
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as e:
            raise ConfigError(f"cannot read {file}: byte {e.start:,} is not UTF-8") from e
        except OSError as e:
            raise ConfigError(f"cannot read {file}: {e.strerror}") from e
        strange = next((n for n, line in enumerate(lines, 1) if "\0" in line), None)
        if strange is not None:
            raise ConfigError(f"{file}:{strange}: holds a NUL; is it text in UTF-8?")
        named += [line.removesuffix("\r") for line in lines if line.strip()]
    if not named:
        raise typer.BadParameter("give a USER, or --file FILE with one a line")
    return list(dict.fromkeys(named))


def people_of(file: Path) -> list[str]:
    """Of an audience's file (.csv or .parquet, with a column userId), or one a line."""
    import pyarrow as pa

    from kg.table_files import SUFFIXES, read_table

    if file.suffix not in SUFFIXES:
        return people(None, file)
    found: list[str] = read_table(file, {"userId": pa.string()})["userId"].drop_null().to_pylist()
    return found
