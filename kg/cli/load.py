"""`kg load`: a source's files in, the graph loaded, every row accounted for."""

from __future__ import annotations

import shutil
import tempfile
import time
import tomllib
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import Json, Store, open_chosen, pairs, store_url
from kg.cli.output import note, print_json, print_line, print_table, progress
from kg.errors import ConfigError

if TYPE_CHECKING:
    from kg.store import WriteCount
    from loaders.interface import LoadReport


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
    """
    if list_:
        _list(as_json=json_)
        return
    if source is None:
        raise typer.BadParameter("give a SOURCE; `kg load --list` shows them")
    options = pairs(option or [], "--option")
    from kg.ingest import ingest
    from kg.privacy.door import policy_at, protection_at
    from loaders import stage

    url = store_url(store)
    # before the files are read: a server that does not answer, a key that is not the store's
    protection = protection_at(url, policy_at(policy))
    with tempfile.TemporaryDirectory(prefix="kg-load-") as folder, progress() as move:
        staged = stage(
            source,
            paths or [],
            Path(folder),
            now=int(time.time()),
            options=options,
            strict=strict,
            protection=protection,
            progress=move,
        )
        with open_chosen(url, read_only=False) as graph:
            written = ingest(staged, graph, progress=move)
        report = _keep_rejects(staged.report, rejects)
    if json_:
        counts = {name: asdict(count) for name, count in written.items()}
        print_json({**report.model_dump(), "store": url, "loaded": counts})
    else:
        _show(report, written, url)


def _keep_rejects(report: LoadReport, chosen: Path) -> LoadReport:
    """The report with its rejects file moved to where the user wants it."""
    if report.rejects is None:
        return report
    try:
        shutil.move(report.rejects, chosen)
    except OSError as e:
        raise ConfigError(f"loaded, but cannot write --rejects {chosen}: {e.strerror}") from e
    return report.model_copy(update={"rejects": str(chosen)})


def _show(report: LoadReport, written: dict[str, WriteCount], url: str) -> None:
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
    print_table(
        [f"in {url}", "staged", "created", "updated", "unchanged"],
        [
            [name, report.tables.get(name), count.created, count.updated, count.unchanged]
            for name, count in written.items()
        ],
    )
    _show_protection(report)
    if report.rejects is not None:
        note(f"{report.rejected} rejected rows, each with its reason, are in {report.rejects}")


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
