"""Types of query parameters and result columns: text from a command line in, values out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def _int(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise ValueError("not a whole number")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("not a whole number") from None


def _float(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("not a number") from None
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _bool(value: Any) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return value if isinstance(value, bool) else known[str(value).lower()]
    except KeyError:
        raise ValueError("not true or false") from None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return list(value)
    raise ValueError("not a list of texts")


def _time(value: Any) -> int:
    """Epoch seconds, or a date or moment as ISO 8601; without an offset it is UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if text.lstrip("-").isdigit() and len(text) != 8:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time; give 2024-12-31, 2024-12-31T18:00 or epoch seconds") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _floats(value: Any) -> list[float]:
    if isinstance(value, (list, tuple)) and all(isinstance(v, (int, float)) for v in value):
        return [float(v) for v in value]
    raise ValueError("not a list of numbers")


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not a map")
    return value


TYPES: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "strings": _strings,
    "floats": _floats,
    "time": _time,
    "map": _map,
}
"""`time` is UTC epoch seconds, shown to people as a date; `map` is the properties of a node."""

EMPTY: dict[str, Any] = {
    "string": "", "int": 0, "float": 0.0, "bool": False, "strings": [], "time": 0, "map": {},
}  # fmt: skip
"""A value of each type for where none is needed."""


def convert(type_: str, value: Any) -> Any:
    """`value` as a parameter of this type. Raises ValueError that says what it is not."""
    return TYPES[type_](value)


def arrow_type(type_: str) -> pa.DataType:
    """The Arrow type of a result column; a map is its JSON text."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "strings": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
        "time": pa.int64(),
        "map": pa.string(),
    }[type_]


def literal(type_: str, text: str) -> Any:
    """A default as a header writes it: JSON, or a bare word for text and times. `null` is None."""
    text = text.strip()
    if text == "null":
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    return convert(type_, value)


def moment(epoch: int) -> str:
    """Epoch seconds for people: the date, with the time of day where it is not midnight (UTC)."""
    try:
        at = datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, OSError, ValueError):
        return str(epoch)
    return f"{at:%Y-%m-%d}" if epoch % 86_400 == 0 else f"{at:%Y-%m-%d %H:%M}"
