"""Nearest nodes by their embedding, exactly: blocks of vectors against one vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.ladybug_store.tables import READ_ROWS, pattern
from kg.profile import EMBEDDING
from kg.schema import NodeType
from kg.store import Nearest


def nearest(connection: Any, node: NodeType, vector: Sequence[float], k: int) -> Nearest:
    wanted = np.asarray(vector, np.float32)
    size = np.linalg.norm(wanted)
    if not k or not size:
        return Nearest([], [], exact=True)
    keys, cosine = np.zeros(0, object), np.zeros(0, np.float32)
    for names, vectors in _blocks(connection, node, len(wanted)):
        length = np.linalg.norm(vectors, axis=1)
        known = np.flatnonzero(length)
        near = vectors[known] @ (wanted / size) / length[known]
        # of a block only what may be among the first k, with all that tie with the last of them
        least = np.partition(near, -k)[-k] if len(near) > k else -np.inf
        best = np.flatnonzero(near >= least)
        block = names.take(pa.array(known[best])).to_numpy(zero_copy_only=False)
        keys, cosine = np.concatenate([keys, block]), np.concatenate([cosine, near[best]])
        order = np.lexsort((keys, -cosine))[:k]
        keys, cosine = keys[order], cosine[order]
    return Nearest(keys.tolist(), cosine.tolist(), exact=True)


def _blocks(
    connection: Any, node: NodeType, width: int
) -> Iterator[tuple[pa.Array, NDArray[np.float32]]]:
    """Keys and vectors [n, width] of the nodes that have one."""
    text = (
        f"MATCH {pattern(node)} WHERE n.{EMBEDDING} IS NOT NULL RETURN n.{node.key}, n.{EMBEDDING}"
    )
    with connection.execute(text) as result:
        found = result.get_as_arrow(READ_ROWS)
    for part in found.to_batches():
        fits = part.filter(pc.equal(pc.binary_length(part.column(1)), 4 * width))
        if fits.num_rows:
            # filtering has made the bytes of the rows one piece, without gaps
            data = fits.column(1)
            start = np.frombuffer(data.buffers()[1], np.int32)[data.offset]
            flat = np.frombuffer(data.buffers()[2], np.uint8)
            numbers = flat[start : start + 4 * width * fits.num_rows].view("<f4")
            yield fits.column(0), numbers.reshape(-1, width)
