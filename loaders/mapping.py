"""A mapping file (TOML) → what the files of a shop mean, checked. The language is in
`mappings/README.md`; every error names the file and the line."""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from kg.errors import ConfigError
from kg.schema import EDGE_TABLES, NODE_BY_LABEL, Type
from loaders import mapping_checks as checked
from loaders.toml_lines import in_short, line_of, read_toml

_ATTRIBUTE = re.compile(r"[a-z][A-Za-z0-9]*\Z")
_TYPES = {"string": Type.STRING, "int": Type.INT64, "double": Type.DOUBLE, "bool": Type.BOOL,
          "strings": Type.STRINGS, "time": Type.INT64}  # fmt: skip
_OURS = {"outlier", "derived", "src", "dst", "eventId"} | {
    NODE_BY_LABEL[label].key for label in ("User", "Item", "Category")
}
TypeName = Literal["string", "int", "double", "bool", "strings", "time"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _columns(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


class Cell(_Model):
    """A value of a row: the text of a column, or of several, changed as the fields say, in their
    order here."""

    column: str | None = None
    columns: Annotated[list[str] | None, Field(min_length=2)] = None
    """Several columns, joined by `join`."""
    join: str = "-"
    constant: str | None = None
    remove: str | None = None
    """A regular expression; what it matches is cut out."""
    lookup: str | None = None
    """The name of a [[lookups]] table that turns the text into another."""
    prefix: str = ""
    """Set before the text; keeps two kinds of ids apart."""
    times: FiniteFloat | None = None
    """A factor: -1 turns the sign, 0.01 makes units of cents."""
    time: Annotated[list[str] | None, BeforeValidator(_columns)] = None
    """`s`, `ms`, `us`, `iso`, or strptime's words; several are tried in turn."""
    timezone: str = "UTC"
    split: Annotated[str | None, Field(min_length=1)] = None
    """Separator of several values in one cell."""
    path: Annotated[str | None, Field(min_length=1)] = None
    """Separator of the levels of nested categories, the broadest first."""
    type: TypeName | None = None
    """Of an attribute that the schema does not declare; default string."""
    optional: bool = False
    """The file may lack the column."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(x is not None for x in (self.column, self.columns, self.constant)) != 1:
            raise ValueError("needs one of column, columns, constant")
        if self.remove is not None:
            checked.regex(self.remove)
        if self.timezone != "UTC":
            checked.zone(self.timezone)
        for fmt in self.time or ():
            checked.time_format(fmt)
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,) if self.column else tuple(self.columns or ())


CellField = Annotated[Cell, BeforeValidator(_column)]


class Condition(_Model):
    """Holds for a row when all that is given holds for the column. An empty cell holds only for
    `missing = true`."""

    column: str
    equals: str | None = None
    one_of: list[str] | None = None
    matches: str | None = None
    """A regular expression found anywhere in the cell."""
    unlike: str | None = None
    """A regular expression found nowhere in it."""
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    missing: bool | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        given = self.model_dump(exclude={"column", "reason"}, exclude_none=True)
        if not given:
            raise ValueError("needs one of equals, one_of, matches, unlike, above, below, missing")
        for pattern in (self.matches, self.unlike):
            if pattern is not None:
                checked.regex(pattern)
        return self


class Reject(Condition):
    reason: str = Field(min_length=1)


class Node(_Model):
    label: str
    key: CellField
    set: dict[str, CellField] = {}
    when: Condition | None = None

    @model_validator(mode="after")
    def _declared(self) -> Self:
        if self.label not in ("User", "Item", "Category"):
            raise ValueError(f"label {self.label!r} is not one of User, Item, Category")
        _properties(self.set, NODE_BY_LABEL[self.label].properties, NODE_BY_LABEL[self.label].key)
        return self


class Edge(_Model):
    type: str
    src: CellField
    dst: CellField
    key: Annotated[list[CellField] | None, BeforeValidator(_columns)] = None
    """What tells two events apart: the source's own id, or the columns that make one."""
    set: dict[str, CellField] = {}
    scale: tuple[FiniteFloat, FiniteFloat] | None = None
    when: Condition | None = None
    count: Literal["weight"] | None = None
    reject: list[Reject] = []

    @model_validator(mode="after")
    def _declared(self) -> Self:
        table = EDGE_TABLES.get(self.type)
        loadable = [n for n, t in EDGE_TABLES.items() if not t.type.written_by_us]
        if table is None or self.type not in loadable:
            raise ValueError(f"type {self.type!r} is not one of {', '.join(loadable)}")
        if table.type.key and not self.key:
            raise ValueError(f"{self.type} needs key: what tells two such events apart")
        if not table.type.key and self.key:
            raise ValueError(f"{self.type} has no key: two nodes have at most one")
        _properties(self.set, table.type.properties, "eventId", "cancels", "cancelledQuantity")
        if self.scale and ("rating" not in self.set or not self.scale[0] < self.scale[1]):
            raise ValueError("scale is the lowest and the highest rating, and needs set.rating")
        if self.scale and not isfinite(self.scale[1] - self.scale[0]):
            raise ValueError("scale is wider than a number can be")
        if self.scale and "weight" in self.set:
            raise ValueError("scale makes the weight; set.weight cannot be given with it")
        if self.type == "RATED" and not self.scale:
            raise ValueError("RATED needs scale: the lowest and the highest rating")
        if self.count and "weight" not in {p.name for p in table.type.properties}:
            raise ValueError(f"{self.type} has no weight to count in")
        if self.count and (table.type.key or "weight" in self.set):
            raise ValueError("count is for edges without a key, and makes the weight")
        if self.dst.path and self.type != "IN_CATEGORY":
            raise ValueError("path is for the dst of IN_CATEGORY")
        return self

    @property
    def many(self) -> bool:
        return self.dst.split is not None and self.dst.path is None


class Lookup(_Model):
    name: str
    match: str
    delimiter: str = Field(default=",", min_length=1)
    quote: str = Field(default='"', max_length=1)
    columns: list[str] | None = None
    encoding: str = "utf-8"
    key: str
    value: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        checked.encoding(self.encoding)
        checked.layout(self.delimiter, self.quote, self.columns)
        return self


class Source(_Model):
    """One kind of file: how it is read, and what a row of it means."""

    match: Annotated[list[str], BeforeValidator(_columns), Field(min_length=1)]
    holds: str
    format: Literal["csv", "jsonl", "parquet"] | None = None
    """Default: by the name; csv where it says nothing."""
    delimiter: str = Field(default=",", min_length=1)
    quote: str = Field(default='"', max_length=1)
    columns: list[str] | None = None
    """Names for a file without a header."""
    encoding: Annotated[list[str], BeforeValidator(_columns), Field(min_length=1)] = ["utf-8"]
    """Of several the first that the whole file is text in, else the last."""
    decimal: Literal[".", ","] = "."
    missing: list[str] = []
    """Cells that say nothing, beside the empty one."""
    rename: dict[str, str] = {}
    """Columns that other editions of the file call otherwise: `{ "Invoice" = "InvoiceNo" }`."""
    reject: list[Reject] = []
    nodes: list[Node] = []
    edges: list[Edge] = []

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if not self.nodes and not self.edges:
            raise ValueError("says nothing: give it [[files.nodes]] or [[files.edges]]")
        for encoding in self.encoding:
            checked.encoding(encoding)
        checked.layout(self.delimiter, self.quote, self.columns)
        if not self.nodes and all(e.many or e.dst.path for e in self.edges):
            raise ValueError("a row that only makes several edges needs [[files.nodes]] as well")
        return self


class Mapping(_Model):
    title: str
    files: Annotated[list[Source], Field(min_length=1)]
    lookups: list[Lookup] = []

    @model_validator(mode="after")
    def _lookups_known(self) -> Self:
        known = {lookup.name for lookup in self.lookups}
        for source in self.files:
            for cell in cells_of(source):
                if cell.lookup is not None and cell.lookup not in known:
                    raise ValueError(f"lookup {cell.lookup!r} is not one of [[lookups]]")
        return self


def cells_of(source: Source) -> list[Cell]:
    nodes = [c for n in source.nodes for c in (n.key, *n.set.values())]
    edges = [c for e in source.edges for c in (e.src, e.dst, *(e.key or ()), *e.set.values())]
    return nodes + edges


def property_type(name: str, cell: Cell, declared: dict[str, Type]) -> Type:
    return declared.get(name) or _TYPES[cell.type or ("time" if cell.time else "string")]


def _properties(given: dict[str, Cell], declared: tuple[Any, ...], *ours: str) -> None:
    known = {p.name for p in declared}
    for name, cell in given.items():
        if name in (*ours, *_OURS):
            raise ValueError(f"{name} is not for a mapping to set")
        if name not in known and not _ATTRIBUTE.match(name):
            raise ValueError(f"{name!r} is not a property name: letters and digits, camelCase")
        if name in known and cell.type is not None:
            raise ValueError(f"{name} has its type from the schema")


def read_mapping(path: Path) -> Mapping:
    """Raises ConfigError that names the line of the first mistake."""
    text, values = read_toml(path, "mapping")
    try:
        return Mapping.model_validate(values)
    except ValidationError as e:
        # a name that is not known explains the one that is missing
        first = min(e.errors(), key=lambda found: found["type"] != "extra_forbidden")
        where = [p for p in first["loc"] if not isinstance(p, str) or "[" not in p]
        what = in_short(first["msg"].removeprefix("Value error, "))
        name = next((str(p) for p in reversed(where) if isinstance(p, str)), "mapping")
        raise ConfigError(f"mapping {path}:{line_of(text, where)}: {name}: {what}") from e
