"""`kg load`: a source's files in, the graph loaded, every row accounted for."""

from __future__ import annotations

import shlex
import shutil
import time
import tomllib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, pairs, store_url
from kg.cli.output import note, print_json, print_line, print_table, progress
from kg.errors import ConfigError

if TYPE_CHECKING:
    from kg.offline import Offline
    from loaders.interface import LoadReport, Progress, Staged


def load(
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="What the files are; see --list.")
    ] = None,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Files or folders.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="The sources there are.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad row, with nothing written.")
    ] = False,
    rejects: Annotated[
        Path, typer.Option("--rejects", metavar="FILE", help="Where rejected rows go.")
    ] = Path("rejects.jsonl"),
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="K=V", help="A source's own setting; repeatable."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="TOML: which fields are dropped, masked, hashed or kept; see loaders/policy.py.",
        ),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option(
            "--offline",
            metavar="DIR",
            help="Write the files of a neo4j-admin import there instead of loading: the way above "
            "ten million edges.",
        ),
    ] = None,
    neo4j_home: Annotated[
        Path | None,
        typer.Option(
            "--neo4j-home",
            metavar="DIR",
            envvar="NEO4J_HOME",
            help="With --offline: import into this installation, whose server is stopped.",
        ),
    ] = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Parse, clean and load files. Loading them again changes nothing.

    Mail addresses, telephone, card and identity numbers in texts are masked before anything is
    written; users' names, addresses and the like are not loaded, unless a policy says so.

    \b
    kg load --list                                   the sources there are
    kg load amazon reviews.jsonl.gz meta.jsonl.gz
    kg load tabular sales/ --option mapping=shop.toml
    kg load ciao ciao/ --strict --store bolt://localhost:7687
    kg load amazon reviews/ --offline import/        files for neo4j-admin, and the command to run
    """
    if list_:
        _list(as_json=json_)
        return
    if source is None:
        raise typer.BadParameter("give a SOURCE; `kg load --list` shows them")
    options = pairs(option or [], "--option")
    from kg.files import staging_folder
    from kg.privacy.door import policy_at, protection, protection_at
    from loaders import stage

    _check_rejects(rejects)
    rules = policy_at(policy)
    if offline is not None:
        if store is not None:
            raise typer.BadParameter("--offline writes files, and no --store")
        if offline.exists() and (not offline.is_dir() or any(offline.iterdir())):
            raise ConfigError(f"--offline {offline}: not an empty folder; name a new one")
        protected = protection(None, rules)
    else:
        # before the files are read: a server that does not answer, a key that is not the store's
        protected = protection_at(store_url(store), rules)
    now = int(time.time())
    where = store_url(store) if offline is None else None
    with (
        audited("load", where) as act,
        staging_folder() as folder,
        progress() as move,
    ):
        staged = stage(
            source,
            paths or [],
            folder,
            now=now,
            options=options,
            strict=strict,
            protection=protected,
            progress=move,
        )
        if offline is not None:
            files = _write(staged, offline, now, move)
        else:
            loaded = _ingest(staged, store_url(store), move)
        report = _keep_rejects(staged.report, rejects)
        act.rows = report.tables
        act.files += [offline] if offline is not None else []
        act.files += [rejects] if report.rejects is not None else []
    if offline is not None:
        loaded = _import(files, neo4j_home)
    if json_:
        print_json({**report.model_dump(), **loaded.as_json})
    else:
        _show(report, loaded)


@dataclass(frozen=True)
class _Loaded:
    """Where the rows went, for people and for machines."""

    heading: list[str]
    rows: list[list[Any]]
    steps: list[str]
    """What is left for the user to do."""
    as_json: dict[str, Any]


def _ingest(staged: Staged, url: str, move: Progress) -> _Loaded:
    from kg.ingest import ingest
    from kg.stale import waiting

    with open_chosen(url, read_only=False) as graph:
        written = ingest(staged, graph, progress=move)
        stale = waiting(graph)
    staged_rows = staged.report.tables
    return _Loaded(
        [f"in {url}", "staged", "created", "updated", "unchanged"],
        [[t, staged_rows.get(t), n.created, n.updated, n.unchanged] for t, n in written.items()],
        [f"{stale:,} users wait for a refresh: kg refresh"] if stale else [],
        {
            "store": url,
            "loaded": {name: count.numbers() for name, count in written.items()},
            "stale": stale,
        },
    )


def _write(staged: Staged, folder: Path, now: int, move: Progress) -> Offline:
    from kg.config import Neo4jSettings
    from kg.offline import importer

    database = Neo4jSettings().database or "neo4j"
    return importer().write_offline(staged, folder, now=now, database=database, progress=move)


def _import(done: Offline, home: Path | None) -> _Loaded:
    from kg.offline import importer

    import_, schema = shlex.join(done.command), shlex.join(done.schema_command)
    steps = [
        f"with the server stopped: {import_}",
        f"with the server started: {schema}",
    ]
    if home is not None:
        importer().run_import(done, home)
        steps = [f"imported into {home}", *steps[1:]]
    return _Loaded(
        [f"in {done.folder}", "rows"],
        [[table, n] for table, n in done.rows.items()],
        steps,
        {
            "offline": str(done.folder),
            "written": done.rows,
            "imported": home is not None,
            "import": import_,
            "schema": schema,
        },
    )


def _check_rejects(chosen: Path) -> None:
    """Before anything is loaded: a folder, a device or a pipe is no place to move a file to."""
    if chosen.exists() and not chosen.is_file():
        raise ConfigError(f"--rejects {chosen}: is no file; name one")
    if not chosen.absolute().parent.is_dir():
        raise ConfigError(f"--rejects {chosen}: there is no such folder; make it first")


def _keep_rejects(report: LoadReport, chosen: Path) -> LoadReport:
    """The report with its rejects file moved to where the user wants it."""
    if report.rejects is None:
        return report
    try:
        shutil.move(report.rejects, chosen)
    except OSError as e:
        raise ConfigError(f"loaded, but cannot write --rejects {chosen}: {e.strerror}") from e
    return report.model_copy(update={"rejects": str(chosen)})


def _show(report: LoadReport, loaded: _Loaded) -> None:
    rows: list[list[Any]] = [
        [f.file, f.holds, f.rows, f.written, f.merged, f.rejected] for f in report.files
    ]
    if len(rows) > 1:
        rows.append(["all", "", report.rows, report.written, report.merged, report.rejected])
    print_table(["file", "holds", "rows", "= written", "+ merged", "+ rejected"], rows)
    for title, found in (("found", report.findings), ("rejected", report.reject_reasons)):
        if found:
            print_line()
            print_table([title, "rows"], sorted(found.items(), key=lambda f: (-f[1], f[0])))
    print_line()
    print_table(loaded.heading, loaded.rows)
    _show_protection(report)
    if report.rejects is not None:
        note(f"{report.rejected} rejected rows, each with its reason, are in {report.rejects}")
    for step in loaded.steps:
        print_line(step)


def _show_protection(report: LoadReport) -> None:
    """What was kept from the graph; fields that came in as they are, in one line."""
    rows = [
        [f.field, f.action, f.rows or None, ", ".join(f"{k} {n}" for k, n in f.found.items())]
        for f in report.protection
        if f.rows or f.action in ("drop", "hash")
    ]
    if rows:
        print_line()
        print_table(["protected", "by", "rows", "of them"], rows)
    kept = [f.field for f in report.protection if f.action == "keep"]
    clean = [f.field for f in report.protection if f.action == "mask" and not f.rows]
    for what, fields in (("kept as they are", kept), ("masked, nothing found in", clean)):
        if fields:
            print_line(f"{what}: {', '.join(fields)}")


def _list(*, as_json: bool) -> None:
    from loaders import SOURCES

    titles = {source: _title(source, where) for source, where in SOURCES.items()}
    if as_json:
        print_json([{"source": name, "title": title} for name, title in titles.items()])
    else:
        print_table(["source", "what it reads"], list(titles.items()))


def _title(source: str, where: str) -> str:
    """A shipped mapping's own title, else what the source's module says its trade is."""
    from loaders.sources import MAPPINGS

    mapping = MAPPINGS / f"{source}.toml"
    if mapping.is_file():
        return str(tomllib.loads(mapping.read_text(encoding="utf-8")).get("title", ""))
    doc = import_module(where.partition(":")[0]).__doc__ or ""
    return doc.partition("\n")[0].rstrip(".")
