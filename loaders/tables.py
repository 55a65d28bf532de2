"""Judged rows of all files → a folder of Parquet files a table: keys once, both ends there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, Property, Type, load_order
from loaders import cancellations
from loaders.judge import Judged
from loaders.merge import Account, count_rows, known_nodes, last_rows
from loaders.outliers import OUTLIER, WATCHED, Spread, outside
from loaders.plan import PATH, EdgeRows, FilePlan, NodeRows
from loaders.spill import MARKS, OK, Spill

POLARS: dict[Type, pl.DataType] = {
    Type.STRING: pl.String(),
    Type.INT64: pl.Int64(),
    Type.DOUBLE: pl.Float64(),
    Type.BOOL: pl.Boolean(),
    Type.STRINGS: pl.List(pl.String()),
}
_ROW_GROUP = 1 << 17


@dataclass
class Layout:
    """The columns of one table in this load."""

    name: str
    columns: dict[str, Type]
    """Key columns first, then what the sources give, in the schema's order."""
    key: list[str]
    watched: list[str] = field(default_factory=list)
    """Columns that are looked at for outliers."""
    count: str | None = None

    @property
    def attributes(self) -> pa.Schema:
        known = {p.name for p in declared(self.name)}
        added = [(n, t.arrow) for n, t in self.columns.items() if n not in known]
        outlier = [(OUTLIER, pa.bool_())] if self.watched else []
        return pa.schema(added + outlier)


def declared(table: str) -> tuple[Property, ...]:
    node = NODE_BY_LABEL.get(table)
    return node.columns if node else EDGE_TABLES[table].columns


def layouts(plans: Sequence[FilePlan]) -> dict[str, Layout]:
    """What each table will hold, from what the files' plans can say."""
    given: dict[str, dict[str, Type]] = {}
    watched: dict[str, set[str]] = {}
    count: dict[str, str] = {}
    for plan in plans:
        statements: tuple[NodeRows | EdgeRows, ...] = (*plan.rows.nodes, *plan.rows.edges)
        for rows in statements:
            name = rows.label if isinstance(rows, NodeRows) else rows.table
            types = {n: v.type for n, v in rows.values.items()}
            given.setdefault(name, {}).update(types)
            watched.setdefault(name, set()).update(n for n in types if n in WATCHED)
            if isinstance(rows, EdgeRows):
                table = EDGE_TABLES[name]
                for end in (table.src, table.dst):
                    given.setdefault(end, {})
                if table.type.key:
                    given[name] |= {"eventId": Type.STRING, "at": Type.INT64,
                                    "weight": Type.DOUBLE}  # fmt: skip
                if rows.count:
                    given[name][rows.count] = Type.DOUBLE
                    count[name] = rows.count
        if plan.rows.paths:
            given.setdefault("Item", {})
            given.setdefault("IN_CATEGORY", {})
            given.setdefault("CHILD_OF", {})
            given.setdefault("Category", {})
    if "IN_CATEGORY" in given:
        given["IN_CATEGORY"]["weight"] = Type.DOUBLE
    if "Category" in given:
        given["Category"] |= {"name": Type.STRING, "level": Type.INT64, "derived": Type.BOOL}
    return {
        name: _layout(name, given[name], watched.get(name, set()), count.get(name))
        for name in load_order(tuple(given))
    }


def _layout(name: str, given: dict[str, Type], watched: set[str], count: str | None) -> Layout:
    known = {p.name: p.type for p in declared(name)}
    key = [NODE_BY_LABEL[name].key] if name in NODE_BY_LABEL else [SRC, DST]
    columns = {n: t for n, t in known.items() if n in key or n in given}
    columns |= {n: t for n, t in given.items() if n not in known}
    unique = list(EDGE_TABLES[name].key) if name in EDGE_TABLES else key
    return Layout(name, columns, unique, sorted(watched), count)


class Tables:
    """Takes judged batches; `finish` writes the Parquet files and gives the account."""

    def __init__(self, folder: Path, layouts: Mapping[str, Layout], buckets: int) -> None:
        self._folder = folder
        self._layouts = layouts
        self._buckets = buckets
        scratch = folder / ".spill"
        self._rows: dict[str, Spill] = {}
        self._named: dict[str, Spill] = {}
        for name, layout in layouts.items():
            columns = {n: POLARS[t] for n, t in layout.columns.items()}
            self._rows[name] = Spill(scratch / name, {**columns, **MARKS}, layout.key, buckets)
            if name in NODE_BY_LABEL:
                keys = {layout.key[0]: POLARS[Type.STRING]}
                self._named[name] = Spill(scratch / f"{name}.named", keys, layout.key, buckets)
        self._spread = {n: {c: Spread.empty() for c in x.watched} for n, x in layouts.items()}
        self.account = Account()
        self.parts: dict[str, list[Path]] = {}
        self.counts: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        for name, rows in judged.rows:
            self._rows[name].add(rows)
            for column, spread in self._spread[name].items():
                if column in rows.columns:
                    spread.add(rows.filter(OK)[column])
        for label, keys in judged.named:
            self._named[label].add(keys.to_frame(self._layouts[label].key[0]))

    def finish(self) -> Iterator[str]:
        """Write table after table; yields the name of each when it is done."""
        for spill in (*self._rows.values(), *self._named.values()):
            spill.seal()
        for name in self._layouts:
            write = self._write_nodes if name in NODE_BY_LABEL else self._write_edges
            for bucket in range(self._buckets):
                write(name, bucket)
            yield name
        self._match_cancellations()

    def _write_nodes(self, name: str, bucket: int) -> None:
        key = self._layouts[name].key[0]
        known = known_nodes(self._rows[name].read(bucket), key, self.account)
        named = self._named[name].read(bucket).unique(maintain_order=True)
        only_named = named.join(known, on=key, how="anti", maintain_order="left")
        if name == "Category":
            known, only_named = _categories(known, only_named), only_named.clear()
        self._write(name, self._with_outliers(name, known))
        # a key alone: a store that knows more of this node keeps it
        self._write(name, only_named)

    def _write_edges(self, name: str, bucket: int) -> None:
        layout = self._layouts[name]
        rows = self._rows[name].read(bucket)
        edges = last_rows(rows, layout.key, self.account).drop(list(MARKS))
        if layout.count:
            counted = count_rows(rows, layout.key, layout.count)
            edges = edges.drop(layout.count).join(counted, on=layout.key, how="left")
        if name == "IN_CATEGORY":
            edges = edges.with_columns(pl.col("weight").fill_null(1.0))
        self._write(name, self._with_outliers(name, edges))

    def _with_outliers(self, name: str, rows: pl.DataFrame) -> pl.DataFrame:
        if not self._layouts[name].watched:
            return rows
        found = {c: s.fence() for c, s in self._spread[name].items()}
        fences = {c: fence for c, fence in found.items() if fence}
        marked = rows.with_columns([flag.alias(f"?{c}") for c, flag in outside(fences).items()])
        for column in fences:
            self.account.findings[f"outlier {column}"] += int(marked[f"?{column}"].sum())
        flags = [pl.col(f"?{c}") for c in fences]
        any_ = pl.any_horizontal(flags) if flags else pl.lit(False)
        return rows.with_columns(marked.select(any_.alias(OUTLIER)).to_series() if flags
                                 else any_.alias(OUTLIER))  # fmt: skip

    def _write(self, name: str, rows: pl.DataFrame) -> None:
        if not len(rows):
            return
        types = self._layouts[name].columns
        known = {p.name: p.type for p in declared(name)}
        schema = pa.schema(
            [(c, (types.get(c) or known.get(c) or Type.BOOL).arrow) for c in rows.columns]
        )
        parts = self.parts.setdefault(name, [])
        path = self._folder / name / f"part-{len(parts):05}.parquet"
        path.parent.mkdir(exist_ok=True)
        table = rows.to_arrow().cast(schema)
        # ids and texts of events do not repeat: a dictionary of them is work for nothing
        few = [c for c in rows.columns if c not in ("eventId", "text", "description")]
        pq.write_table(
            table, path, compression="lz4", row_group_size=_ROW_GROUP, use_dictionary=few
        )
        parts.append(path)
        self.counts[name] += len(rows)

    def _match_cancellations(self) -> None:
        returned = self.parts.get("RETURNED", [])
        if not returned or not self.parts.get("PURCHASED"):
            return
        returns = _columns(returned)
        pairs = returns.select(SRC, DST).unique()
        bought = [
            _columns([part]).join(pairs, on=[SRC, DST], how="semi")
            for part in self.parts["PURCHASED"]
        ]
        matched = cancellations.match(pl.concat(bought), returns)
        self.account.findings["cancellation matched"] += len(matched.cancels)
        self.account.findings["cancellation without purchase"] += len(returns) - len(
            matched.cancels
        )
        for part in self._taken("RETURNED"):
            self._write("RETURNED", part.join(matched.cancels, on="eventId", how="left"))
        for part in self._taken("PURCHASED"):
            joined = part.join(matched.cancelled, on="eventId", how="left")
            none = pl.col("cancelledQuantity").is_null()
            self._write("PURCHASED", joined.filter(~none))
            # without the column: a store that knows of an earlier cancellation keeps it
            self._write("PURCHASED", joined.filter(none).drop("cancelledQuantity"))

    def _taken(self, name: str) -> Iterator[pl.DataFrame]:
        """The parts of a table, one by one, each deleted as it is handed over."""
        parts, self.parts[name] = self.parts[name], []
        old = [p.rename(p.with_suffix(".old")) for p in parts]
        self.counts[name] = 0
        for path in old:
            frame = pl.DataFrame(pq.read_table(path))
            path.unlink()
            yield frame


def _columns(parts: list[Path]) -> pl.DataFrame:
    frames = []
    for part in parts:
        there = [c for c in cancellations.COLUMNS if c in pq.read_schema(part).names]
        frame = pl.DataFrame(pq.read_table(part, columns=there))
        absent = [pl.lit(None, pl.Float64).alias(c)
                  for c in cancellations.COLUMNS if c not in there]  # fmt: skip
        frames.append(frame.with_columns(absent).select(cancellations.COLUMNS))
    return pl.concat(frames)


def _categories(known: pl.DataFrame, only_named: pl.DataFrame) -> pl.DataFrame:
    """Names and levels of categories that only their key is known of."""
    parts = pl.col("categoryId").str.split(PATH)
    return pl.concat([known, only_named], how="diagonal").with_columns(
        pl.col("name").fill_null(parts.list.last()),
        pl.col("level").fill_null(parts.list.len().cast(pl.Int64) - 1),
        pl.lit(False).alias("derived"),
    )
