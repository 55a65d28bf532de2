"""Arrays of any kind → one short hash, the same wherever every bit of them is."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor


def fingerprint(*parts: Any) -> str:
    """Of tensors, arrays, plain values, and dataclasses and tuples of these. Rows in another order
    are another fingerprint: a training would not be the same."""
    hashed = blake2b(digest_size=16)
    for part in parts:
        _feed(hashed, part)
    return hashed.hexdigest()


def _feed(hashed: blake2b, part: Any) -> None:
    if isinstance(part, Tensor):
        part = part.detach().cpu().numpy()
    if isinstance(part, np.ndarray):
        hashed.update(f"{part.dtype}{part.shape}".encode())
        hashed.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
    elif isinstance(part, pa.Array):
        hashed.update(pa.record_batch([part], ["values"]).serialize())
    elif is_dataclass(part):
        for field in fields(part):
            _feed(hashed, getattr(part, field.name))
    elif isinstance(part, (tuple, list)):
        hashed.update(f"({len(part)}".encode())
        for each in part:
            _feed(hashed, each)
    else:
        hashed.update(f"{part!r};".encode())
