"""Texts → the distinct ones, normalised, and the keys by which the cache knows them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gnn.errors import EncoderError
from gnn.text_cache import Keys


def distinct(
    texts: Sequence[str | None] | pa.Array | pa.ChunkedArray,
) -> tuple[pa.Array, NDArray[np.int64]]:
    """Distinct normalised texts, and for each text [N] its row among them, -1 for none. Raises
    EncoderError for what is not text."""
    try:
        column = texts if isinstance(texts, (pa.Array, pa.ChunkedArray)) else pa.array(texts)
        column = column.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeError) as e:
        raise EncoderError(f"texts to encode must be strings or nulls: {e}") from e
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = pc.utf8_trim_whitespace(pc.utf8_normalize(column, form="NFC"))
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
    encoded = column.dictionary_encode()
    row = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary, row


def keys_of(texts: pa.Array) -> Keys:
    """[N, 2] BLAKE2b-128 of each text's UTF-8 bytes, read where Arrow holds them."""
    if not len(texts):
        return np.empty((0, 2), np.uint64)
    _, offsets, data = texts.buffers()
    end = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1].tolist()
    view = memoryview(data)
    hashes = b"".join(blake2b(view[a:b], digest_size=16).digest() for a, b in pairwise(end))
    return np.frombuffer(hashes, np.uint64).reshape(-1, 2)
