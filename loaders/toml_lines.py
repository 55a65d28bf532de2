"""Where in a TOML text a value stands: tomllib gives values without their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_.-]|"[^"]*"|'[^']*')+)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


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
    for number, line in enumerate(text.splitlines(), 1):
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
