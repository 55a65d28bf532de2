"""Review texts → unit vectors, by any BERT-family encoder, each text encoded once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnn.errors import EncoderError
from gnn.text_cache import TextCache
from gnn.text_keys import distinct, keys_of
from gnn.text_model import Dtype, TextModel, load
from gnn.text_weights import MINILM
from gnn.text_windows import Pooling, encode

Progress = Callable[[str, int, int | None], None]
"""`progress(label, done, total)`."""

MAX_TOKENS = 256
FEWEST_TOKENS = 8
BLOCK = 4_096
"""Texts encoded, and kept, at a time: what a crash can lose."""
GPU_BLOCK = 65_536
LABEL = "encoding text"


@dataclass
class ReviewEncoder:
    """Texts to vectors. Equal texts (after Unicode normalisation NFC) have equal vectors.

    Vectors have 11 significant bits: they are rounded to float16 whether they come from the encoder
    or from the cache, so that a second run gives exactly what the first gave.
    """

    model: TextModel
    pooling: Pooling
    max_tokens: int
    cache: TextCache | None
    fingerprint: str
    """Hash of weights, tokenizer, dtype, pooling and max_tokens: what a vector depends on."""
    encoded: int = field(default=0, init=False)
    """Texts that went through the model, so far; what the cache knew is not counted."""

    @classmethod
    def open(
        cls,
        name_or_path: str = MINILM,
        *,
        pooling: Pooling = "mean",
        max_tokens: int = MAX_TOKENS,
        device: str | None = None,
        dtype: Dtype | None = None,
        cache: Path | None = None,
    ) -> ReviewEncoder:
        """Load an encoder.

        Args:
            name_or_path: `minilm` (packaged), a folder in Hugging Face layout, or a hub name. What
                languages it understands is up to the encoder: MiniLM reads English.
            pooling: how the tokens' vectors become the text's. `mean` (over the mask) separates
                paraphrases best; `cls` is what some encoders were trained for.
            max_tokens: tokens seen at once; longer texts are cut into windows whose vectors are
                averaged. The encoder's own limit applies where it is lower.
            device: torch device; by default the GPU if there is one.
            dtype: by default bfloat16 where the device has it, else float32.
            cache: folder for vectors; None keeps none.

        Raises:
            EncoderError: the encoder is not there, not what it should be, or a setting is off.
            CacheError: the cache's folder cannot be written.
        """
        if pooling not in ("mean", "cls", "max"):
            raise EncoderError(f"pooling {pooling!r}: choose mean, cls or max")
        if max_tokens < FEWEST_TOKENS:
            raise EncoderError(f"max_tokens {max_tokens}: at least {FEWEST_TOKENS}")
        model = load(name_or_path, device=device, dtype=dtype)
        tokens = min(max_tokens, model.longest)
        what = f"{model.fingerprint} {pooling} {tokens}"
        fingerprint = blake2b(what.encode(), digest_size=16).hexdigest()
        kept = TextCache(cache / fingerprint, model.dim) if cache is not None else None
        return cls(model, pooling, tokens, kept, fingerprint)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.model.dim

    def encode(
        self,
        texts: Sequence[str | None] | pa.Array | pa.ChunkedArray,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """[N, dim] unit vectors in the order given.

        A text that is null, empty, only white space, or of no word the encoder knows at all has a
        vector of zeros. Raises EncoderError for what is not text.
        """
        once, row = distinct(texts)
        vectors = self._vectors(once, progress)
        out = np.zeros((len(row), self.dim), np.float32)
        present = row >= 0
        out[present] = vectors[row[present]]
        return out

    def _vectors(self, texts: pa.Array, progress: Progress | None) -> NDArray[np.float32]:
        """[N, dim] of distinct, normalised, non-empty texts."""
        out = np.empty((len(texts), self.dim), np.float32)
        keys = keys_of(texts)
        todo = np.arange(len(texts))
        if self.cache is not None:
            known, found = self.cache.find(keys)
            out[known] = found
            todo = todo[~known]
        block = GPU_BLOCK if self.model.device.type == "cuda" else BLOCK
        for at in range(0, len(todo), block):
            rows = todo[at : at + block]
            out[rows] = halves = self._encode_block(texts.take(rows), at, len(todo), progress)
            if self.cache is not None:
                self.cache.append(keys[rows], halves)
        norm = np.linalg.norm(out, axis=1, keepdims=True)
        out /= np.where(norm > 0, norm, 1)
        return out

    def _encode_block(
        self, texts: pa.Array, before: int, total: int, progress: Progress | None
    ) -> NDArray[np.float16]:
        def advance(share: float) -> None:
            if progress is not None:
                progress(LABEL, before + int(share * len(texts)), total)

        vectors = encode(
            self.model,
            texts.to_pylist(),
            pooling=self.pooling,
            max_tokens=self.max_tokens,
            advance=advance,
        )
        self.encoded += len(texts)
        return vectors.astype(np.float16)
