"""Any CSV, TSV, JSON Lines or Parquet with a mapping file → plans. Shipped mappings go by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from kg.errors import ConfigError, InputError
from loaders.delimited import Delimited
from loaders.expressions import Columns, rows_of
from loaders.files import estimated_size, find_files, plain_name
from loaders.interface import Progress
from loaders.jsonl import JsonLines
from loaders.lines import utf8_lines
from loaders.mapping import Cell, Condition, Lookup, Source, read_mapping
from loaders.mapping import Mapping as ShopMapping
from loaders.parquet import Parquet
from loaders.plan import LINE, FilePlan, Reader
from loaders.sources import MAPPINGS
from loaders.toml_lines import in_short, line_of

_BY_SUFFIX = {".json": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
              ".pq": "parquet"}  # fmt: skip
Location = tuple[str | int, ...]


def plan_files(
    source: str, paths: Sequence[Path], options: Mapping[str, str], progress: Progress | None
) -> tuple[list[FilePlan], list[str]]:
    """A plan per file that the mapping knows. The source `tabular` takes the mapping file from the
    option `mapping`. Raises ConfigError for a mapping that cannot work, InputError for a file the
    mapping does not fit and where there is none for it."""
    at = mapping_path(source, options)
    mapping = read_mapping(at)
    files, named = find_files(paths)
    chosen: dict[Path, int] = {}
    for path in files:
        place = next((i for i, s in enumerate(mapping.files) if _matches(path, s.match)), None)
        if place is not None:
            chosen[path] = place
    lookup_files = {p for p in files for x in mapping.lookups if _matches(p, [x.match])}
    for path in sorted(named - set(chosen) - lookup_files):
        raise InputError(f"{path}: mapping {at.name} reads {_patterns(mapping)}, and no such file")
    if not chosen:
        where = ", ".join(map(str, paths)) or "no path"
        raise InputError(f"{where}: there is no file for mapping {at.name}: {_patterns(mapping)}")
    lookups = {x.name: _read_lookup(x, files, at) for x in mapping.lookups if _used(x, mapping)}
    plans = []
    for path in sorted(chosen, key=lambda p: (chosen[p], files.index(p))):
        place = chosen[path]
        described = mapping.files[place]
        columns = Columns(_reader(path, described, progress), described, lookups)
        _check_columns(path, described, columns, at, place)
        plans.append(
            FilePlan(str(path), described.holds, columns.reader, rows_of(described, columns),
                     _size(path, columns.reader))
        )  # fmt: skip
    ours = {*chosen, *lookup_files, at}
    unread = [str(p) for p in files if p not in ours]
    return plans, unread


def mapping_path(source: str, options: Mapping[str, str]) -> Path:
    if source != "tabular":
        if options:
            raise ConfigError(f"source {source!r} has no option {next(iter(options))!r}")
        return MAPPINGS / f"{source}.toml"
    if set(options) != {"mapping"}:
        given = ", ".join(sorted(options)) or "none"
        raise ConfigError(
            f"source 'tabular' takes the option mapping=FILE.toml and no other; given: {given}"
        )
    return Path(options["mapping"])


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(plain_name(path), pattern.lower()) for pattern in patterns)


def _patterns(mapping: ShopMapping) -> str:
    return ", ".join(p for s in mapping.files for p in s.match)


def _used(lookup: Lookup, mapping: ShopMapping) -> bool:
    return any(
        cell.lookup == lookup.name
        for place, described in enumerate(mapping.files)
        for _, cell in _reads(described, place)
        if isinstance(cell, Cell)
    )


def _read_lookup(lookup: Lookup, files: Sequence[Path], at: Path) -> tuple[list[str], list[str]]:
    path = next((p for p in files if _matches(p, [lookup.match])), None)
    if path is None:
        raise InputError(
            f"{files[0].parent}: mapping {at.name} looks {lookup.name} up in {lookup.match}, "
            "which is not there"
        )
    reader = Delimited(
        path, lookup.delimiter, lookup.quote or None, lookup.columns, lookup.encoding
    )
    for name in (lookup.key, lookup.value):
        if name not in reader.columns:
            raise InputError(f"{path}: has no column {name!r}; it has {_listed(reader.columns)}")
    known: dict[str, str] = {}
    for batch in reader.batches():
        if len(batch.broken):
            first = batch.broken.sort(LINE).row(0, named=True)
            raise InputError(f"{path}:{first[LINE]}: {first['reason']}")
        rows = batch.frame.select(key=lookup.key, value=lookup.value)
        known.update(rows.drop_nulls().iter_rows())
    return list(known), list(known.values())


def _reader(path: Path, source: Source, progress: Progress | None) -> Reader:
    kind = source.format or _BY_SUFFIX.get(Path(plain_name(path)).suffix, "csv")
    if kind == "jsonl":
        cells = [c for _, c in _reads(source, 0) if isinstance(c, Cell) and c.optional]
        rare = [name.partition(".")[0] for c in cells for name in c.reads]
        return JsonLines(
            path, also=rare, missing=source.missing, flat=_ids(source), progress=progress
        )
    if kind == "parquet":
        return Parquet(path, source.missing, progress=progress)
    return Delimited(
        path,
        source.delimiter,
        source.quote or None,
        source.columns,
        _encoding(path, source.encoding),
        source.missing,
        progress=progress,
    )


def _ids(source: Source) -> set[str]:
    """Columns that name a node, and so cannot be lists."""
    keys = [node.key for node in source.nodes]
    keys += [end for edge in source.edges for end in (edge.src, edge.dst)]
    renamed = {ours: theirs for theirs, ours in source.rename.items()}
    flat = {name for key in keys if not key.split and not key.path for name in key.reads}
    return flat | {renamed[name] for name in flat if name in renamed}


def _size(path: Path, reader: Reader) -> int:
    return reader.size if isinstance(reader, Parquet) else estimated_size(path)


def _encoding(path: Path, candidates: Sequence[str]) -> str:
    *tried, last = candidates
    fitting = (e for e in tried if not any(c.damaged for c in utf8_lines(path, e)))
    return next(fitting, last)


def _reads(source: Source, place: int) -> Iterator[tuple[Location, Cell | Condition]]:
    """Everything that reads columns, with where it stands in the mapping."""
    here: Location = ("files", place)
    for i, reject in enumerate(source.reject):
        yield (*here, "reject", i, "column"), reject
    for i, node in enumerate(source.nodes):
        yield (*here, "nodes", i, "key"), node.key
        for name, cell in node.set.items():
            yield (*here, "nodes", i, "set", name), cell
        if node.when:
            yield (*here, "nodes", i, "when"), node.when
    for i, edge in enumerate(source.edges):
        at: Location = (*here, "edges", i)
        yield (*at, "src"), edge.src
        yield (*at, "dst"), edge.dst
        yield from (((*at, "key"), cell) for cell in edge.key or ())
        yield from (((*at, "set", name), cell) for name, cell in edge.set.items())
        if edge.when:
            yield (*at, "when"), edge.when
        yield from (((*at, "reject", j, "column"), c) for j, c in enumerate(edge.reject))


def _check_columns(path: Path, source: Source, columns: Columns, at: Path, place: int) -> None:
    for location, cell in _reads(source, place):
        optional = isinstance(cell, Cell) and cell.optional
        for name in cell.reads:
            if not optional and not columns.has(name):
                line = line_of(at.read_text(encoding="utf-8-sig"), location)
                raise InputError(
                    f"{path}: has no column {name!r}, which {at.name}:{line} reads; it has "
                    f"{_listed(columns.reader.columns)}"
                )


def _listed(columns: Sequence[str]) -> str:
    return in_short(", ".join(columns)) or "none"
