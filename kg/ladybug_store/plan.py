"""The engine's drawing of a plan → its steps.

A plan is drawn as rows of boxes: a step's first child stands right under it, its other children to
the right of that one, before the column of the step's right neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kg.store import PlanStep

_NAME = re.compile(r"(\w+)\[\d+\]$")
_MEASURED = ("NumOutputTuples", "ExecutionTime", "TotalTime")
"""What only a run would fill in."""
_HEADING = "Physical Plan"


@dataclass
class _Box:
    left: int
    right: int
    lines: list[str] = field(default_factory=list)

    @property
    def operator(self) -> str:
        found = _NAME.match(self.lines[0]) if self.lines else None
        return found[1] if found else ""

    @property
    def details(self) -> str:
        said = [s for s in self.lines[1:] if s.strip("- ") and not s.startswith(_MEASURED)]
        parts: list[str] = []
        for line in said:  # a key, or one more value of the key before
            if ": " in line or line.endswith(":") or not parts:
                parts.append(line)
            else:
                parts[-1] += f", {line}"
        return "; ".join(parts)


def steps(drawing: str) -> list[PlanStep]:
    """In the order of the tree: a step, then what feeds it, one deeper."""
    rows = [row for row in _rows(drawing) if all(b.operator for b in row)]
    return list(_under(rows, 0, 0, 1 << 30)) if rows else []


def _under(rows: list[list[_Box]], depth: int, left: int, right: int) -> Iterator[PlanStep]:
    if depth == len(rows):
        return
    here = [b for b in rows[depth] if left <= b.left < right]
    if not here:
        return
    for box, then in zip(here, [*(b.left for b in here[1:]), right], strict=True):
        yield PlanStep(depth, box.operator, box.details)
        yield from _under(rows, depth + 1, box.left, then)


def _rows(drawing: str) -> Iterator[list[_Box]]:
    boxes: list[_Box] = []
    for line in drawing.splitlines():
        if line.startswith("│") and line[1:2] in "┌│└":
            continue  # the heading's inner frame
        opened = [m.span() for m in re.finditer("┌[─┴]*┐", line)]
        if opened:
            boxes = [_Box(left, right) for left, right in opened]
        elif re.search("└[─┬]*┘", line):
            yield boxes
            boxes = []
        else:
            for box in boxes:
                text = line[box.left + 1 : box.right - 1].strip()
                if text:
                    box.lines.append(text)
