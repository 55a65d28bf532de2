"""Who may import whom, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kg", "gnn", "loaders")

HOMES = {
    "neo4j": "kg.neo4j_store",
    "ladybug": "kg.ladybug_store",
    "transformers": "gnn.text",
    "optuna": "kg.tune",
    "wandb": "kg.tracking",
    "torch.utils.tensorboard": "kg.tracking",
    "typer": "kg.cli",
    "rich": "kg.cli",
    "opendp": "kg.privacy.noise",
    "vaderSentiment": "gnn.lexicon",
}
"""The one home of each third-party package that has one: a module, a package, or modules whose name
starts so (gnn.text, gnn.text_cache)."""

MAY_IMPORT = {
    "kg": {"kg", "gnn", "loaders", "cypher"},
    "gnn": {"gnn"},
    "loaders": {"loaders", "kg.schema", "kg.config", "kg.errors"},
}


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(module: str, *, at_start_only: bool = False) -> Iterator[str]:
    """Absolute names a module imports; with `at_start_only`, those that run on import."""
    for node in _nodes(_tree(module), at_start_only):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")
                is_package = MODULES[module].name == "__init__.py"
                package = package[: len(package) - node.level + is_package]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if name in MODULES else base


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _nodes(tree: ast.AST, at_start_only: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        deferred = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        if not (at_start_only and deferred):
            yield child
            yield from _nodes(child, at_start_only)


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_follow_the_arrows(module: str) -> None:
    """gnn imports only gnn; loaders add the schema, settings and errors; kg may see all three."""
    allowed = MAY_IMPORT[module.split(".")[0]]
    ours = [i for i in imports(module) if i.split(".")[0] in PACKAGES]
    assert [i for i in ours if not any(_under(i, a) for a in allowed)] == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_the_composition_root(module: str) -> None:
    """Only kg.cli imports kg.cli, and only open_store reaches an adapter."""
    for root in ("kg.cli", "kg.neo4j_store", "kg.ladybug_store"):
        if not _under(module, root):
            assert [i for i in imports(module) if _under(i, root)] == []


@pytest.mark.parametrize("package", sorted(HOMES))
def test_a_package_with_a_home_is_imported_only_there(package: str) -> None:
    """One home for each third-party package that could be exchanged."""
    strangers = [
        m
        for m in MODULES
        if not m.startswith(HOMES[package]) and any(_under(i, package) for i in imports(m))
    ]
    assert strangers == []


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.startswith("kg")))
def test_kg_starts_without_torch(module: str) -> None:
    """`kg query` and `kg recommend` run where torch is not installed."""
    heavy = ("torch", "transformers", "sklearn", "torch_geometric", "gnn")
    assert [i for i in imports(module, at_start_only=True) if i.split(".")[0] in heavy] == []


def test_there_are_no_import_cycles() -> None:
    """Imports that run at start form a directed graph without a cycle."""
    graph = {
        m: {i for i in imports(m, at_start_only=True) if i in MODULES and i != m} for m in MODULES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_the_folder_list_is_the_architecture() -> None:
    """Every module says its trade in its first line."""
    silent = [m for m, p in MODULES.items() if p.stat().st_size and not _docstring(p)]
    assert silent == []


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
