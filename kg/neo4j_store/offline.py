"""Staged tables → the CSV files of `neo4j-admin database import full`, and the command to run.

A quarter of what an online load costs, for a database that is still empty and a server that is
stopped. Files and header fields: Neo4j Operations Manual, "Import", "CSV header format". A null is
nothing between two commas, an empty text is quoted; parts of a list are joined by a character that
no text should hold.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from kg.errors import ConfigError, CountMismatch, StoreError
from kg.files import whole_folder
from kg.ingest import named_columns, read_parts, refuse_profile_names
from kg.neo4j_store import ddl, text
from kg.neo4j_store.checks import checked
from kg.neo4j_store.kinds import Attributes, EdgeKind, NodeKind, kind_of
from kg.offline import Offline
from kg.privacy.state import Pseudonyms, as_table
from kg.schema import DST, SRC, Type, load_order

if TYPE_CHECKING:
    from loaders.interface import Progress, Staged

JOINT = "\x1f"
ARGUMENTS, SCHEMA = "import.args", "schema.cypher"

_TYPES = {
    Type.STRING: "string",
    Type.INT64: "long",
    Type.DOUBLE: "double",
    Type.BOOL: "boolean",
    Type.STRINGS: "string[]",
}


def write_offline(
    staged: Staged,
    folder: Path,
    *,
    now: int,
    database: str = "neo4j",
    progress: Progress | None = None,
) -> Offline:
    """`kg.offline.Importer`; a file a table."""
    refuse_profile_names(staged)
    folder = folder.absolute()
    if "," in str(folder):
        raise ConfigError(
            f"{folder}: neo4j-admin takes a comma for the end of a path; name another"
        )
    attributes = {t: {f.name: Type.of(f.type) for f in s} for t, s in staged.attributes.items()}
    rows: dict[str, int] = {}
    with whole_folder(folder) as beside:
        files: list[_File] = []
        for table in load_order(tuple(staged.tables)):
            parts = [p for p in staged.tables[table] if pq.read_metadata(p).num_rows]
            if not parts:
                continue
            total = sum(pq.read_metadata(p).num_rows for p in parts)
            file = _File(kind_of(table, attributes), named_columns(parts))
            batches = read_parts(parts, file.schema)
            for done in file.written(batches, beside):
                if progress:
                    progress(f"write {table}", done, total)
            if file.rows != total:
                raise CountMismatch(f"{table}: {total} rows were staged, {file.rows} written")
            rows[table] = total
            files.append(file)
        if staged.report.key_id is not None:
            said = as_table(Pseudonyms(staged.report.key_id, None, now))
            file = _File(kind_of("Protection", {}), said.schema)
            rows["Protection"] = sum(1 for _ in file.written([said], beside))
            files.append(file)
        # the name first: after --relationships it would be one more file
        arguments = [database, f"--array-delimiter=U+{ord(JOINT):04X}"]
        arguments += [file.argument(folder) for file in files]
        if any(attributes.values()):
            _note(attributes, beside / f"{text.ATTRIBUTE}.csv")
            arguments.append(f"--nodes={text.ATTRIBUTE}={folder / text.ATTRIBUTE}.csv")
        if any(file.several_lines for file in files):
            arguments.append("--multiline-fields=true")
        (beside / ARGUMENTS).write_text("".join(f"{_quoted(a)}\n" for a in arguments), "utf-8")
        (beside / SCHEMA).write_text(
            "".join(f"{s};\n" for s in ddl.constraints().values()), "utf-8"
        )
    return Offline(
        folder,
        rows,
        command=["neo4j-admin", "database", "import", "full", f"@{folder / ARGUMENTS}"],
        schema_command=["cypher-shell", "-d", database, "-f", str(folder / SCHEMA)],
    )


def run_import(offline: Offline, home: Path) -> None:
    """`kg.offline.Importer`; what NEO4J_HOME names is an installation."""
    tool = home / "bin" / "neo4j-admin"
    if not tool.is_file():
        raise ConfigError(f"NEO4J_HOME={home}: there is no {tool}")
    done = subprocess.run(  # noqa: S603 - the installation the user named
        [str(tool), *offline.command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        raise StoreError(
            f"neo4j-admin ended with {done.returncode}: {' '.join(said[-3:])[:500]}; the files are "
            f"in {offline.folder}, so it can be run again: {shlex.join(offline.command)}"
        )


class _File:
    """One table's file."""

    def __init__(self, kind: NodeKind | EdgeKind, schema: pa.Schema) -> None:
        self.kind, self.schema = kind, schema
        self.header = ",".join(_field(kind, name) for name in schema.names)
        self.rows = 0
        self.several_lines = False

    def argument(self, folder: Path) -> str:
        path = folder / f"{self.kind.name}.csv"
        if isinstance(self.kind, NodeKind):
            return f"--nodes={self.kind.name}={path}"
        return f"--relationships={self.kind.table.type.name}={path}"

    def written(self, batches: Iterable[pa.Table], folder: Path) -> Iterator[int]:
        """Rows so far, after each batch."""
        names = self.schema.names
        flat = pa.schema([(n, _flat(self.kind.columns[n])) for n in names])
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        with (folder / f"{self.kind.name}.csv").open("wb") as file:
            file.write(f"{self.header}\n".encode())
            with csv.CSVWriter(file, flat, write_options=options) as writer:
                for batch in batches:
                    rows = checked(self.kind, batch)
                    columns = [_flattened(self.kind, n, rows[n]) for n in names]
                    writer.write_table(pa.table(columns, schema=flat))
                    self.several_lines = self.several_lines or any(map(_breaks, columns))
                    self.rows += rows.num_rows
                    yield self.rows


def _field(kind: NodeKind | EdgeKind, name: str) -> str:
    """Keys of different labels may be alike: each label is a group of its own."""
    if isinstance(kind, NodeKind) and name == kind.type.key:
        return f"{name}:ID({kind.type.label})"
    if isinstance(kind, EdgeKind) and name in (SRC, DST):
        return f":START_ID({kind.table.src})" if name == SRC else f":END_ID({kind.table.dst})"
    if any(c in name for c in ':,"{}\r\n'):
        raise StoreError(f"{kind.name}.{name!r}: the header of an import cannot say this name")
    return f"{name}:{_TYPES[kind.columns[name]]}"


def _flat(type_: Type) -> pa.DataType:
    return pa.string() if type_ is Type.STRINGS else type_.arrow


def _flattened(kind: NodeKind | EdgeKind, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists as one text each."""
    if kind.columns[name] is not Type.STRINGS:
        return values
    if pc.any(pc.match_substring(pc.list_flatten(values), JOINT)).as_py():
        raise StoreError(
            f"{kind.name}.{name}: a text holds {JOINT!r}, which parts lists in the file"
        )
    joined = pc.binary_join(values, JOINT)
    lost = pc.sum(pc.equal(joined, "")).as_py()
    if lost:
        raise StoreError(
            f"{kind.name}.{name}: {lost} rows hold a list of nothing, which CSV cannot tell from "
            "no list; make it null, or load online"
        )
    return joined


def _breaks(column: pa.ChunkedArray) -> bool:
    """Whether a value spans lines."""
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.match_substring_regex(column, "[\r\n]")).as_py())


def _note(attributes: Attributes, path: Path) -> None:
    """The columns a source adds, as an online load notes them."""
    added = [(t, name, type_.value) for t, c in attributes.items() for name, type_ in c.items()]
    numbered = pa.table([range(len(added)), *zip(*added, strict=True)], names=["", "t", "n", "k"])
    with path.open("wb") as file:
        file.write(f":ID({text.ATTRIBUTE}),table:string,name:string,type:string\n".encode())
        csv.write_csv(numbered, file, csv.WriteOptions(include_header=False))


def _quoted(argument: str) -> str:
    """A line of an argument file (picocli, "@-files")."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
