"""A TOML file → its text and values; and where in the text a value stands, for tomllib gives values
without their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg.errors import ConfigError

_LONGEST_SAID = 600
_STRING_OF_LINES = re.compile(r'''("""|\'\'\').*?\1''', re.DOTALL)
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_.-]|"[^"]*"|'[^']*')+)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


def read_toml(path: Path, what: str) -> tuple[str, dict[str, Any]]:
    """Text and values. Raises ConfigError, which calls the file `what`."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(
                f"{what} {path}: is a {'folder' if path.is_dir() else 'pipe or device'}"
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{what} {path}: is not text in UTF-8 (byte {e.start:,})") from e
    except OSError as e:
        raise ConfigError(f"{what} {path}: cannot be read ({e.strerror})") from e
    try:
        return text, tomllib.loads(text)
    except RecursionError as e:
        raise ConfigError(f"{what} {path}: is nested too deep") from e
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{what} {path}: {in_short(str(e))}") from e
    except ValueError as e:
        raise ConfigError(f"{what} {path}: holds a number of thousands of digits") from e


def in_short(said: str) -> str:
    """In one line that a screen holds."""
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST_SAID else f"{line[:_LONGEST_SAID]}…"


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line (1-based) of the deepest part of `path` that is written on a line of its own."""
    best_line, best_depth = 1, 0
    for line, written in _written(text):
        depth = 0
        while depth < min(len(written), len(path)) and written[depth] == path[depth]:
            depth += 1
        if depth == len(written) and depth > best_depth:
            best_line, best_depth = line, depth
    return best_line


def _written(text: str) -> list[tuple[int, list[str | int]]]:
    """Each line that begins a table or sets a key, with its whole path."""
    found: list[tuple[int, list[str | int]]] = []
    table: list[str | int] = []
    counts: dict[tuple[str | int, ...], int] = {}
    bare = _STRING_OF_LINES.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(bare.split("\n"), 1):
        header = _TABLE.match(line)
        key = _KEY.match(line)
        if header:
            table = _located(_parts(header[2]), counts)
            if header[1] == "[[":
                place = counts.get(tuple(table), -1) + 1
                counts[tuple(table)] = place
                table = [*table, place]
            found.append((number, table))
        elif key:
            found.append((number, [*table, *_parts(key[1])]))
    return found


def _parts(dotted: str) -> list[str]:
    return [a or b or c for a, b, c in _PART.findall(dotted)]


def _located(names: list[str], counts: dict[tuple[str | int, ...], int]) -> list[str | int]:
    """`files.edges` inside the third [[files]] is `files, 2, edges`."""
    path: list[str | int] = []
    for depth, name in enumerate(names):
        path.append(name)
        if depth < len(names) - 1 and tuple(path) in counts:
            path.append(counts[tuple(path)])
    return path
