"""How results look: aligned text or a rich table for people, JSON for machines.

Nothing is cut: a terminal's table folds long cells, and stands on end where it has too many columns
for that; anything else gets whole lines. Text from the data is shown, never interpreted: control
characters are spelled out.
"""

from __future__ import annotations

import io
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TextIO

import typer

from kg.query_types import moment

if TYPE_CHECKING:
    from loaders.interface import Progress

# C0 and C1 controls, line separators and the marks that reorder text
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SPELLED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

LEAST = 12
"""Letters of a long cell that stand on a line of a terminal's table at least."""
GAP = 3
"""Spaces from column to column."""
VECTOR = 8
"""A list of more numbers than this is shown by its length; JSON has them all."""


def spell_out(*streams: TextIO) -> None:
    """What a stream's encoding has no letter for is written as its number, not an error."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def visible(text: str) -> str:
    """The text with its control characters spelled out, so that data cannot drive a terminal."""
    return _CONTROL.sub(lambda m: _SPELLED.get(m[0], f"\\x{ord(m[0]):02x}"), text)


def cell(value: Any, type_: str = "") -> str:
    """One value for people. `type_` is a key of `kg.query_types.TYPES`, where it is known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return moment(value) if type_ == "time" else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list) and len(value) > VECTOR and all(isinstance(v, float) for v in value):
        return f"<{len(value)} numbers>"
    if isinstance(value, list):
        return ", ".join(cell(v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{visible(str(k))}: {cell(v)}" for k, v in value.items())
    return visible(str(value))


def number(value: float) -> str:
    """Four figures; from a thousand on two decimals."""
    return f"{value:.2f}" if 1000 <= abs(value) < math.inf else f"{value:.4g}"


def print_json(value: Any) -> None:
    """One object, or a list of objects with one of them a line."""
    _write(json_text(value))


def json_text(value: Any) -> str:
    """In ASCII where stdout has no other letters: a letter that is spelled out would be no JSON."""
    if isinstance(value, list):
        return "[" + ",\n ".join(_json(v) for v in value) + "]"
    return _json(value, indent=1)


def _json(value: Any, indent: int | None = None) -> str:
    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(plain(value), ensure_ascii=not unicode, allow_nan=False, indent=indent)


def plain(value: Any) -> Any:
    """What JSON can say: null for NaN and infinities, text for anything it does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    types: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """A table of values; `types` as in `cell`, one a column."""
    types = types or [""] * len(columns)
    raw = [list(row) for row in rows]
    cells = [[cell(v, t) for v, t in zip(row, types, strict=True)] for row in raw]
    right = [
        any(_is_number(v) for v in values) and all(v is None or _is_number(v) for v in values)
        for values in (zip(*raw, strict=True) if raw else [()] * len(columns))
    ]
    if is_terminal():
        _print_rich(columns, cells, right, title)
    else:
        _print_aligned(columns, cells, right, title)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _print_rich(
    columns: Sequence[str], cells: list[list[str]], right: list[bool], title: str | None
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout)
    least = [
        max(len(name), min(LEAST, max(map(len, column))))
        for name, *column in zip(columns, columns, *cells, strict=True)
    ]
    if cells and sum(least) + GAP * len(least) > console.width:
        _print_on_end(columns, cells, title)
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        title=Text(title) if title else None,
        title_justify="left",
    )
    for name, is_right, width in zip(columns, right, least, strict=True):
        justify: Literal["left", "right"] = "right" if is_right else "left"
        table.add_column(Text(name), justify=justify, overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*(Text(c) for c in row))
    console.print(table)


def _print_on_end(columns: Sequence[str], cells: list[list[str]], title: str | None) -> None:
    """A value a line, a row after the other: for tables of more columns than a terminal has room
    for. What is empty is left out."""
    width = max(map(len, columns))
    rows = [
        "\n".join(
            f"{name:{width}}  {text}" for name, text in zip(columns, row, strict=True) if text
        )
        for row in cells
    ]
    _write("\n\n".join([*([] if title is None else [title]), *rows]) + "\n")


def _print_aligned(
    columns: Sequence[str], cells: list[list[str]], right: list[bool], title: str | None
) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = [] if title is None else [title]
    for row in (columns, *cells):
        fields = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(fields).rstrip())
    _write("\n".join(lines))


def print_line(text: str = "") -> None:
    """A line of prose on stdout."""
    _write(text)


def note(text: str) -> None:
    """A line on stderr: what a reader should know, and a machine's stdout should not hold."""
    sys.stderr.write(visible(text) + "\n")


def ask(question: str) -> None:
    """Goes on after a yes. Ends the command after a no, and where nobody can answer."""
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        if not sys.stdin.isatty():
            note("\nnobody answered; --yes does it without asking")
        raise


def error(text: str) -> None:
    note("error: " + " ".join(text.split()))


def is_terminal() -> bool:
    return sys.stdout.isatty()


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


@contextmanager
def progress() -> Iterator[Progress]:
    """A callable `(label, done, total)` that moves bars on stderr; does nothing where stderr is no
    terminal."""
    if not sys.stderr.isatty():
        yield lambda label, done, total: None
        return
    from rich import progress as rich
    from rich.console import Console

    bars = rich.Progress(
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    tasks: dict[str, rich.TaskID] = {}

    def move(label: str, done: int, total: int | None) -> None:
        if label not in tasks:
            tasks[label] = bars.add_task(visible(label), total=total)
        bars.update(tasks[label], completed=done, total=total)

    with bars:
        yield move
