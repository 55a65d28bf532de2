"""Cells and what their rows mean → rows of tables, keys that were named, rejects, findings.

All in columns: each check is one expression over the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC
from loaders import checks
from loaders.cells import composite, key
from loaders.merge import last_known
from loaders.plan import (
    BROKEN,
    LINE,
    PATH,
    SPAN,
    Batch,
    Check,
    EdgeRows,
    NodeRows,
    PathRows,
    Rows,
)
from loaders.spill import FILE, NO_FILE, OK, ROW

UNKNOWN = "a row of no known kind"
_NEUTRAL = 0.5
"""Weight of an opinion that gives no rating on a scale that has one."""
_DEEPEST = 8
"""Levels of categories that are kept."""
_IN_DOUBT = {"profiling": False}
_WHY = "!reason"
_SIDE = {ROW: pl.lit(None, pl.UInt64), FILE: pl.lit(NO_FILE), OK: pl.lit(True)}
"""Marks of rows that are not a source row's own statement."""


Checks = Callable[[str], Iterator[Check]]
"""Further checks over the keys of a table's rows."""


def _nothing_more(table: str) -> Iterator[Check]:
    return iter(())


@dataclass
class Judged:
    rows: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    """Table and rows for it, with ROW, FILE and OK."""
    named: list[tuple[str, pl.Series]] = field(default_factory=list)
    """Label and keys that some edge names."""
    rejected: list[pl.DataFrame] = field(default_factory=list)
    """LINE, SPAN, reason."""
    findings: Counter[str] = field(default_factory=Counter)
    more: Checks = field(default=_nothing_more, repr=False)


def judge(
    batch: Batch, rows: Rows, file_number: int, now: int, more: Checks = _nothing_more
) -> Judged:
    out = Judged(more=more)
    out.rejected.append(batch.broken)
    out.findings.update(batch.broken["reason"].to_list())
    frame = batch.frame.with_columns(batch.frame.drop(LINE, SPAN).hash_rows().alias(ROW))
    said, unsaid = _without_rejects(frame, rows, out)
    rest = said
    for own in rows.own:
        mine, rest = _those(rest, own)
        if isinstance(own, EdgeRows):
            _edges(mine, own, file_number, now, out)
        else:
            _nodes(mine, own, file_number, now, out)
    if len(rest):
        out.rejected.append(rest.select(LINE, SPAN, pl.lit(UNKNOWN).alias("reason")))
        out.findings[UNKNOWN] += len(rest)
    _keep_for_counting(pl.concat([unsaid, rest]), rows, file_number, out)
    for node in rows.nodes:
        if node not in rows.own:
            _nodes(_those(said, node)[0], node, NO_FILE, now, out)
    for edge in rows.edges:
        if edge not in rows.own:
            _edges(_those(said, edge)[0], edge, NO_FILE, now, out)
    for path in rows.paths:
        _paths(said, path, out)
    return out


def _those(frame: pl.DataFrame, rows: NodeRows | EdgeRows) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that make a statement, and the others."""
    if rows.when is None:
        return frame, frame.clear()
    holds = rows.when.fill_null(False)
    return frame.filter(holds), frame.filter(~holds)


def _without_rejects(
    frame: pl.DataFrame, rows: Rows, out: Judged
) -> tuple[pl.DataFrame, pl.DataFrame]:
    listed = list(rows.rejects)
    flags, found = checks.tally(frame, listed)
    out.findings.update(found)
    reason = checks.first_reason(flags, listed) if listed else None
    if reason is None:
        return frame, frame.clear()
    refused = reason.is_not_null()
    out.rejected.append(
        frame.select(LINE, SPAN).with_columns(reason).filter(refused).select(*BROKEN)
    )
    return frame.filter(~refused), frame.filter(refused)


def _keep_for_counting(frame: pl.DataFrame, rows: Rows, file_number: int, out: Judged) -> None:
    """Rejected rows go with the others so far as their hash: an exact duplicate among them is
    still one."""
    if len(frame) and rows.own:
        own = rows.own[0]
        table = own.table if isinstance(own, EdgeRows) else own.label
        bare = frame.select(ROW, pl.lit(file_number).alias(FILE), pl.lit(False).alias(OK))
        out.rows.append((table, bare))


def _edges(frame: pl.DataFrame, edge: EdgeRows, file_number: int, now: int, out: Judged) -> None:
    own = file_number != NO_FILE
    table = EDGE_TABLES[edge.table]
    values = _evaluated(frame, edge)
    if edge.table == "RETURNED":
        out.findings["cancellation"] += len(values)
    listed = [*checks.hard(edge, now), *out.more(edge.table)]
    flags, found = checks.tally(values, listed)
    if not own:  # an item without a category is no finding
        for end in {table.src, table.dst}:
            found.pop(f"no {end.lower()}", None)
    out.findings.update(found)
    reason = checks.first_reason(flags, listed)
    values = _softened(values, edge, now, out, own=own).with_columns(
        reason.alias(_WHY), reason.is_null().alias(OK), pl.lit(file_number).alias(FILE)
    )
    for end, label in ((SRC, table.src), (DST, table.dst)):
        named = values.filter(~checks.too_long(end))[end]  # an empty one is dropped with it
        out.named.append((label, named.unique()))
    if own:
        refused = values.filter(pl.col(_WHY).is_not_null())
        out.rejected.append(refused.select(LINE, SPAN, pl.col(_WHY).alias("reason")))
    else:
        values = values.filter(OK).with_columns(pl.lit(None, pl.UInt64).alias(ROW))
        if edge.count is None:
            values = values.unique(list(table.key), keep="last", maintain_order=True)
    if table.type.undirected:
        ends = pl.min_horizontal(SRC, DST), pl.max_horizontal(SRC, DST)
        values = values.with_columns(ends[0].alias(SRC), ends[1].alias(DST))
    if table.type.key:
        whole = pl.col(SRC).is_not_null() & pl.col(DST).is_not_null()
        values = values.with_columns(pl.when(whole).then(table.type.key).alias(table.type.key))
        values = values.with_columns(_weight(edge))
    kept = [c for c in values.columns if c[0] not in "?!" and c not in (LINE, SPAN)]
    out.rows.append((edge.table, values.select(kept)))


def _evaluated(frame: pl.DataFrame, edge: EdgeRows) -> pl.DataFrame:
    columns = {LINE: pl.col(LINE), SPAN: pl.col(SPAN), ROW: pl.col(ROW), SRC: key(edge.src)}
    columns[DST] = edge.dst if edge.many else key(edge.dst)
    if edge.event_id is not None:
        columns["eventId"] = edge.event_id
    columns |= {checks.reject(i): check.fails for i, check in enumerate(edge.rejects)}
    columns |= _cells(edge)
    evaluated = frame.select(expr.alias(name) for name, expr in columns.items())
    if edge.many:
        evaluated = evaluated.explode(DST).with_columns(key(pl.col(DST)))
        if edge.event_id is not None:
            each = pl.concat_str("eventId", composite([pl.col(DST)]), separator="|")
            evaluated = evaluated.with_columns(each.alias("eventId"))
    return evaluated


def _cells(rows: EdgeRows | NodeRows) -> dict[str, pl.Expr]:
    cells = {name: value.parsed for name, value in rows.values.items()}
    return cells | {checks.given(n): v.cell.is_not_null() for n, v in rows.values.items()}


def _softened(
    values: pl.DataFrame, rows: EdgeRows | NodeRows, now: int, out: Judged, *, own: bool
) -> pl.DataFrame:
    """Values that cannot be true become null; in doubt nobody is profiled."""
    listed = list(checks.soft(rows, now))
    flags, found = checks.tally(values, [check for _, check in listed])
    out.findings.update(found)
    if own or isinstance(rows, NodeRows):
        out.findings.update(checks.tally(values, list(checks.missing(rows)))[1])
    wrong: dict[str, list[pl.Series]] = {}
    for (name, _), flag in zip(listed, flags, strict=True):
        if flag.any():
            wrong.setdefault(name, []).append(flag)
    return values.with_columns(
        pl.when(~pl.any_horizontal(bad))
        .then(name)
        .otherwise(pl.lit(_IN_DOUBT.get(name)))
        .alias(name)
        for name, bad in wrong.items()
    )


def _weight(edge: EdgeRows) -> pl.Expr:
    if edge.scale and "rating" in edge.values:
        low, high = edge.scale
        # rounded: the last bit of a division depends on how many rows a batch has
        place = ((pl.col("rating") - low) / (high - low)).clip(0.0, 1.0).round(6)
        return place.fill_null(_NEUTRAL).alias("weight")
    if "weight" in edge.values:
        return pl.col("weight").fill_null(1.0)
    return pl.lit(1.0).alias("weight")


def _nodes(frame: pl.DataFrame, node: NodeRows, file_number: int, now: int, out: Judged) -> None:
    own = file_number != NO_FILE
    name = NODE_BY_LABEL[node.label].key
    columns = {LINE: pl.col(LINE), SPAN: pl.col(SPAN), ROW: pl.col(ROW), name: key(node.key)}
    values = frame.select(e.alias(n) for n, e in {**columns, **_cells(node)}.items())
    values = _softened(values, node, now, out, own=own)
    listed = [
        Check(f"no {node.label.lower()}", pl.col(name).is_null()),
        Check(checks.TOO_LONG, checks.too_long(name)),
        *out.more(node.label),
    ]
    flags, found = checks.tally(values, listed)
    reason = checks.first_reason(flags, listed)
    kept = [c for c in values.columns if c[0] != "?" and c not in (LINE, SPAN)]
    if not own:
        values = values.filter(reason.is_null())
        # many rows name the same node: what is known of it travels once a batch
        values = last_known(values.select(c for c in kept if c != ROW), name)
        out.rows.append((node.label, values.with_columns(e.alias(n) for n, e in _SIDE.items())))
        return
    out.findings.update(found)
    out.rejected.append(
        values.select(LINE, SPAN).with_columns(reason).filter(reason.is_not_null()).select(*BROKEN)
    )
    marks = {FILE: pl.lit(file_number), OK: pl.lit(reason.is_null())}
    out.rows.append(
        (node.label, values.select(kept).with_columns(e.alias(n) for n, e in marks.items()))
    )


def _paths(frame: pl.DataFrame, rows: PathRows, out: Judged) -> None:
    name = pl.element().str.strip_chars().str.replace_all(PATH, " / ", literal=True)
    paths = (
        frame.select(key(rows.item).alias(SRC), rows.paths.alias("path"))
        .filter(pl.col(SRC).is_not_null())
        .explode("path")
        .with_columns(pl.col("path").list.head(_DEEPEST).list.eval(name.filter(name != "")))
        .filter(pl.col("path").list.len() > 0)
    )
    joined = pl.col("path").list.join(PATH).alias(DST)
    paths = paths.with_columns(joined).filter(~checks.too_long(SRC) & ~checks.too_long(DST))
    marks = [e.alias(n) for n, e in _SIDE.items()]
    belongs = paths.select(SRC, DST).unique(maintain_order=True)
    out.rows.append(("IN_CATEGORY", belongs.with_columns(marks)))
    out.named.append(("Item", belongs[SRC].unique()))
    distinct = paths.select("path", DST).unique(DST, maintain_order=True)
    for level in range(int(distinct["path"].list.len().max() or 0)):  # type: ignore[arg-type]  # an int
        deep = distinct.filter(pl.col("path").list.len() > level)
        here = pl.col("path").list.head(level + 1).list.join(PATH)
        nodes = deep.select(
            here.alias("categoryId"),
            pl.col("path").list.get(level).alias("name"),
            pl.lit(level, pl.Int64).alias("level"),
        ).unique("categoryId", maintain_order=True)
        out.rows.append(("Category", nodes.with_columns(marks)))
        if level:
            above = pl.col("path").list.head(level).list.join(PATH)
            child_of = deep.select(here.alias(SRC), above.alias(DST))
            out.rows.append(("CHILD_OF", child_of.unique(maintain_order=True).with_columns(marks)))
