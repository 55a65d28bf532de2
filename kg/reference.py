"""Declarations and benchmark results → the README's tables. `python -m kg.reference README.md`
writes them in place.

A section stands between `<!-- NAME -->` and `<!-- /NAME -->`; a test holds the README to it. A name
that ends in `.md` is a file, beside the README, that a benchmark wrote.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from kg.profile import ITEM_PROFILE, USER_PROFILE
from kg.queries import packaged
from kg.schema import EDGES, NODES


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def nodes() -> str:
    return markdown(
        ("node", "key", "is", "properties"),
        (
            (
                f"`{n.label}`",
                f"`{n.key}`",
                n.meaning,
                ", ".join(f"`{p.name}`" for p in n.properties),
            )
            for n in NODES
        ),
    )


def edges() -> str:
    return markdown(
        ("relationship", "joins", "is", "properties"),
        (
            (
                f"`{e.name}`",
                "; ".join(f"{src} → {dst}" for src, dst in e.pairs),
                e.meaning + (" (stored once, read both ways)" if e.undirected else ""),
                ", ".join(f"`{p.name}`" for p in e.properties),
            )
            for e in EDGES
        ),
    )


def profile() -> str:
    return markdown(
        ("property of", "name", "promises", "unit", "method", "needs"),
        (
            (f"`{label}`", f"`{p.name}`", p.meaning, p.unit, p.method, p.needs)
            for label, properties in (("User", USER_PROFILE), ("Item", ITEM_PROFILE))
            for p in properties
        ),
    )


def queries() -> str:
    return markdown(
        ("query", "answers"),
        ((f"`{q.name}`", q.sentence) for q in packaged().values()),
    )


def settings() -> str:
    from gnn.config import PRESETS, OneOf, TrainConfig

    space = TrainConfig.space()

    def tuned(name: str) -> str:
        where = space.get(name)
        if where is None:
            return ""
        if isinstance(where, OneOf):
            return ", ".join(map(str, where.values))
        return f"{where.low}–{where.high}"

    presets = {name: TrainConfig.preset(name) for name in PRESETS}
    return markdown(
        ("setting", "is", *presets, "tuned over"),
        (
            (
                f"`{name}`",
                " ".join((field.description or "").split()),
                *(str(getattr(preset, name)) for preset in presets.values()),
                tuned(name),
            )
            for name, field in TrainConfig.model_fields.items()
        ),
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "nodes": nodes,
    "edges": edges,
    "profile": profile,
    "queries": queries,
    "settings": settings,
}


def rendered(text: str, folder: Path) -> str:
    """The text with every section made anew; `folder` is where its files are."""

    def made(name: str) -> str:
        if name in SECTIONS:
            return SECTIONS[name]()
        return (folder / name).read_text(encoding="utf-8").strip()

    names = "|".join([*SECTIONS, r"[\w/]+\.md"])
    section = re.compile(rf"<!-- ({names}) -->\n.*?<!-- /\1 -->", re.DOTALL)
    return section.sub(lambda m: f"<!-- {m[1]} -->\n{made(m[1])}\n<!-- /{m[1]} -->", text)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        path = Path(argument)
        made = rendered(path.read_text(encoding="utf-8"), path.parent)
        path.write_text(made, encoding="utf-8")
