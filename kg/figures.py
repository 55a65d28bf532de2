"""Chances said and shares that came true → a reliability diagram as SVG text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Any

SIDE, MARGIN = 360, 56
LOWEST = 1e-4
"""Chances are drawn on a logarithmic scale from here to 1: most are small."""


def reliability_svg(rows: Sequence[dict[str, Any]], title: str) -> str:
    """`rows` have "said" and "came", each 0 to 1. On the diagonal, what was said came true."""
    points = [(_place(r["said"]), SIDE - _place(r["came"])) for r in rows]
    ticks = [10.0**n for n in range(round(log10(LOWEST)), 1)]
    lines = [
        _line(_place(t), SIDE, _place(t), 0, "#ddd") + _line(0, _place(t), SIDE, _place(t), "#ddd")
        for t in ticks
    ]
    labels = [
        _text(_place(t), SIDE + 18, f"{t:g}", "middle") + _text(-8, SIDE - _place(t) + 4, f"{t:g}",
                                                               "end")
        for t in ticks
    ]  # fmt: skip
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f6feb"/>' for x, y in points]
    size = SIDE + 2 * MARGIN
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'viewBox="{-MARGIN} {-MARGIN} {size} {size}" font-family="sans-serif" font-size="12">',
        f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{size}" height="{size}" fill="#fff"/>',
        *lines,
        _line(0, SIDE, SIDE, 0, "#888"),
        f'<polyline points="{path}" fill="none" stroke="#1f6feb" stroke-width="1.5"/>',
        *dots,
        *labels,
        _text(SIDE / 2, SIDE + 40, "chance said", "middle"),
        _text(-40, SIDE / 2, "share that came true", "middle", turn=-90),
        _text(SIDE / 2, -20, title, "middle"),
        "</svg>\n",
    ])  # fmt: skip


def _place(chance: float) -> float:
    return (log10(max(chance, LOWEST)) / -log10(LOWEST) + 1) * SIDE


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        'stroke-width="1"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, turn: int = 0) -> str:
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'
