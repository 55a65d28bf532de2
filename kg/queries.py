"""Named queries: `.cypher` files in, checked declarations and rows out.

A file holds one query under a header of comment lines:

    // name: top_interests(userId: string, k: int = 10)
    // What a user is interested in, strongest first.
    // returns: category: string, score: float, basis: string
    MATCH …

The name is the file's; the sentence is the documentation; parameters and result columns are
declared with their types and checked against the text. `--` in place of `//` is read too, but a
file that keeps to Cypher's own comments also runs in Neo4j Browser as it is. Where Ladybug needs
other words, `<name>.embedded.cypher` stands beside it and holds the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from kg.errors import ConfigError, NotFound, QueryError
from kg.query_types import EMPTY, TYPES, convert, literal
from kg.store import GraphStore, PlanStep, QueryResult

TWIN = ".embedded.cypher"

_NAME = re.compile(r"name:\s*(?P<name>\w+)\s*\((?P<parameters>.*)\)\s*$")
_DECLARATION = re.compile(r"(?P<name>\w+)\s*:\s*(?P<type>\w+)\s*(?:=\s*(?P<default>.+?))?\s*$")
_COMMENT = re.compile(r"\s*(?://|--)(?P<text>.*)$")
_TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | //[^\n]* | /\*.*?\*/"""
    r""" | \$(?P<parameter>\w+)""",
    re.VERBOSE | re.DOTALL,
)
_SPLIT = re.compile(r""",(?=(?:[^"'\[\]]|"[^"]*"|'[^']*'|\[[^\]]*\])*$)""")


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    """A key of `kg.query_types.TYPES`."""
    default: Any = None
    required: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" + ("" if self.required else f" = {self.default!r}")


@dataclass(frozen=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True)
class NamedQuery:
    name: str
    sentence: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    where: str
    """The file it was read from."""
    text: str
    """For every store, or for Neo4j alone where there is an `embedded` twin."""
    embedded: str | None = None

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    def text_for(self, dialect: str) -> str:
        return self.embedded if dialect == "ladybug" and self.embedded is not None else self.text

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given` in the declared types, with the defaults filled in. Text is converted. Raises
        `QueryError` that names the parameter."""
        known = {p.name: p for p in self.parameters}
        for name in given:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {self.signature}"
                raise QueryError(f"query {self.name}: no parameter {name!r}; {hint}")
        missing = [p.name for p in self.parameters if p.required and p.name not in given]
        if missing:
            raise QueryError(
                f"query {self.name}: no value for {', '.join(missing)}; "
                f"give {' '.join(f'{m}=…' for m in missing)} for {self.signature}"
            )
        return {
            p.name: self._converted(p, given[p.name]) if p.name in given else p.default
            for p in self.parameters
        }

    def _converted(self, parameter: Parameter, value: Any) -> Any:
        try:
            converted = convert(parameter.type, value)
            if (parameter.name, parameter.type) == ("k", "int") and converted < 0:
                raise ValueError("no number of rows")
            return converted
        except ValueError as e:
            raise QueryError(f"query {self.name}: {parameter.name}={value!r}: {e}") from e

    def explain(self, store: GraphStore, given: Mapping[str, Any] | None = None) -> list[PlanStep]:
        """How the store would run it. A plan needs no values: what is not given stands empty."""
        empty = {p.name: EMPTY[p.type] for p in self.parameters if p.required}
        arguments = self.arguments({**empty, **(given or {})})
        return store.explain(self.text_for(store.dialect), arguments)

    def run(
        self,
        store: GraphStore,
        given: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = 30.0,
        max_rows: int = 10_000,
    ) -> QueryResult:
        """Rows in the declared columns. Raises `QueryError` where the text returns others."""
        result = store.query(
            self.text_for(store.dialect),
            self.arguments(given or {}),
            timeout_s=timeout_s,
            max_rows=max_rows,
        )
        declared = [c.name for c in self.columns]
        if result.columns != declared:
            raise QueryError(
                f"{self.where}: query {self.name} declares the columns {', '.join(declared)} "
                f"but returns {', '.join(result.columns)}"
            )
        return result


@cache
def packaged(folder: str = "") -> dict[str, NamedQuery]:
    """The queries that come with the project, by name: those for analysts, or with `internal` those
    behind `kg profile`, `kg recommend` and the networkx view."""
    return _by_name(_read_folder(files("cypher").joinpath(folder), f"cypher/{folder}".rstrip("/")))


def internal(name: str) -> NamedQuery:
    return packaged("internal")[name]


def load_queries(folder: Path | None = None) -> dict[str, NamedQuery]:
    """The packaged queries and those of an analyst's own folder, by name. Raises `ConfigError`
    naming file and line where one cannot be read, and where two have one name."""
    if folder is None:
        return packaged()
    if not folder.is_dir():
        raise ConfigError(f"queries folder {folder}: no such folder")
    return _by_name([*packaged().values(), *_read_folder(folder, str(folder))])


def find_query(queries: Mapping[str, NamedQuery], name: str) -> NamedQuery:
    """Raises `NotFound` with the nearest names."""
    if name not in queries:
        near = get_close_matches(name, queries, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`kg query` lists them"
        raise NotFound(f"no query named {name!r}; {hint}")
    return queries[name]


def _by_name(queries: Iterable[NamedQuery]) -> dict[str, NamedQuery]:
    found: dict[str, NamedQuery] = {}
    for query in queries:
        if query.name in found:
            raise ConfigError(
                f"query {query.name} is in {found[query.name].where} and in {query.where}; "
                "rename one"
            )
        found[query.name] = query
    return dict(sorted(found.items()))


def _read_folder(folder: Traversable, shown: str) -> list[NamedQuery]:
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".cypher") and entry.is_file()
    }
    queries = []
    for name, text in texts.items():
        twin = name.removesuffix(".cypher") + TWIN
        if not name.endswith(TWIN):
            queries.append(parse(text, f"{shown}/{name}", texts.get(twin)))
        elif name.removesuffix(TWIN) + ".cypher" not in texts:
            raise ConfigError(
                f"{shown}/{name}: there is no {name.removesuffix(TWIN)}.cypher it is the twin of"
            )
    return queries


def parse(text: str, where: str, embedded: str | None = None) -> NamedQuery:
    """One file's text, and its twin's. `where` is its path. Raises `ConfigError` (file:line)."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    header: list[str] = []
    for line in lines[start:]:
        if (comment := _COMMENT.match(line)) is None:
            break
        header.append(comment["text"].strip())
    first = f"{where}:{start + 1}"
    found = _NAME.match(header[0]) if header else None
    if found is None:
        raise ConfigError(f"{first}: a query starts with `// name: its_name(parameter: type = …)`")
    name = found["name"]
    if name != Path(where).name.removesuffix(".cypher"):
        raise ConfigError(f"{first}: query {name} is in a file of another name")
    sentence: list[str] = []
    columns: list[Column] = []
    for n, line in enumerate(header[1:], start + 2):
        if line.startswith("returns:"):
            listed = _declarations(line.removeprefix("returns:"), f"{where}:{n}")
            columns += [Column(p.name, p.type) for p in listed]
        else:
            sentence.append(line)
    if not any(sentence):
        raise ConfigError(f"{first}: query {name} has no sentence that says what it answers")
    if not columns:
        raise ConfigError(f"{first}: query {name} has no `// returns: column: type, …`")
    body = "\n".join(lines[start + len(header) :]).strip()
    parameters = tuple(_declarations(found["parameters"], first))
    _same_parameters(body, parameters, first, name)
    if embedded is not None:
        twin = where.removesuffix(".cypher") + TWIN
        _same_parameters(embedded, parameters, f"{twin}:1", name)
    return NamedQuery(
        name, " ".join(filter(None, sentence)), parameters, tuple(columns), where, body, embedded
    )


def _declarations(text: str, where: str) -> list[Parameter]:
    declared = []
    for part in filter(None, (p.strip() for p in _SPLIT.split(text))):
        found = _DECLARATION.match(part)
        if found is None or found["type"] not in TYPES:
            raise ConfigError(
                f"{where}: {part!r} is not `name: type`; types are {', '.join(TYPES)}"
            )
        default = found["default"]
        try:
            value = None if default is None else literal(found["type"], default)
        except ValueError as e:
            raise ConfigError(f"{where}: default of {found['name']}: {e}") from e
        declared.append(Parameter(found["name"], found["type"], value, default is None))
    return declared


def _same_parameters(text: str, declared: Sequence[Parameter], where: str, name: str) -> None:
    if not _TOKEN.sub(" ", text).strip():
        raise ConfigError(f"{where}: query {name} has no text")
    used = {m["parameter"] for m in _TOKEN.finditer(text) if m["parameter"]}
    names = [p.name for p in declared]
    for parameter in sorted(used.difference(names)):
        raise ConfigError(
            f"{where}: query {name!r} uses ${parameter} but declares ({', '.join(names)})"
        )
    for parameter in names:
        if parameter not in used:
            raise ConfigError(f"{where}: query {name!r} declares {parameter} but never uses it")
