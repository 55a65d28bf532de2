"""A graph's texts → vectors: reviews, and what the catalogue says of items; where the settings ask
for it, by an encoder that was tuned on them first."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from kg.errors import ConfigError
from kg.extras import needs_training_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gnn.tables import GraphTables, TextVectors
    from gnn.text import Progress
    from kg.training import Training

ENCODER = "encoder"
"""Folder of a tuned encoder, in that of a training and in a release's model."""
FIGURES = "tuning.json"
FEWEST = 128
"""Pairs below which an encoder is not tuned"""


@dataclass(frozen=True)
class EncodedText:
    vectors: TextVectors | None = None
    """None where the graph has no text, or the encoder is `none`"""
    fingerprint: str | None = None
    """The encoder's"""
    tuning: dict[str, Any] | None = None
    """JSON-able: layers, pairs and losses, where the encoder was tuned"""


def encode_text(
    graph: GraphTables,
    training: Training,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> EncodedText:
    """Vectors of item texts and reviews. A tuned encoder is left in `folder`/encoder; one that is
    there already, tuned on the same, is used: a training is gone on with. Raises EncoderError, and
    ConfigError where there is too little to tune on."""
    items, reviews = texts_of(graph)
    if training.encoder == "none" or (items is None and reviews is None):
        return EncodedText()
    with needs_training_packages():
        from gnn.tables import TextVectors
        from gnn.text import ReviewEncoder
    with _encoder(graph, training, progress, folder) as (name, tuning):
        encoder = ReviewEncoder.open(name, cache=training.cache)
        vectors = TextVectors(
            *(None if t is None else encoder.encode(t, progress=progress) for t in (items, reviews))
        )
    return EncodedText(vectors, encoder.fingerprint, tuning)


def texts_of(graph: GraphTables) -> tuple[pa.Array | None, pa.ChunkedArray | None]:
    """What is said of items [I], and reviews [R]; None where there are none at all."""
    items, reviews = item_text(graph.items), graph.behaviour.get("REVIEWED")
    text = None if reviews is None or "text" not in reviews.column_names else reviews["text"]
    has_reviews = text is not None and text.null_count < len(text)
    return items if items.null_count < len(items) else None, text if has_reviews else None


def item_text(items: pa.Table) -> pa.Array:
    """What is said of an item in the catalogue, one text each: title, brand, description; null
    where there is nothing."""
    frame = pl.from_arrow(items.select(["title", "brand", "description"]))
    assert isinstance(frame, pl.DataFrame)
    columns = [pl.col(c).str.strip_chars() for c in frame.columns]
    present = [pl.when(c.str.len_chars() > 0).then(c) for c in columns]
    text = pl.concat_str(present, separator=". ", ignore_nulls=True)
    return (
        frame.select(text=pl.when(text.str.len_chars() > 0).then(text))["text"]
        .to_arrow()
        .cast(pa.string())
    )


def keep_encoder(training: Path, model: Path) -> None:
    """The encoder a training tuned, if it did, goes with the release's model."""
    if (training / ENCODER).is_dir():
        shutil.copytree(training / ENCODER, model / ENCODER)


def of_release(training: Training, release: Path) -> Training:
    """With the encoder the release was tuned with, where it has one of its own."""
    own = release / "model" / ENCODER
    return replace(training, encoder=str(own)) if own.is_dir() else training


@contextmanager
def _encoder(
    graph: GraphTables, training: Training, progress: Progress | None, folder: Path | None
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Name of the encoder, and the figures of its tuning."""
    if not training.config.tune_text:
        yield training.encoder, None
    elif folder is not None:
        yield str(folder / ENCODER), _tuned(graph, training, progress, folder)
    else:
        with tempfile.TemporaryDirectory(prefix="encoder-") as scratch:
            yield str(Path(scratch) / ENCODER), _tuned(graph, training, progress, Path(scratch))


def _tuned(
    graph: GraphTables, training: Training, progress: Progress | None, folder: Path
) -> dict[str, Any]:
    """Writes the encoder whole or not at all."""
    from gnn.split import Part, split
    from gnn.text_model import load
    from gnn.text_pairs import text_pairs
    from gnn.text_tune import fine_tune
    from gnn.text_weights import write

    if texts_of(graph)[1] is None:
        raise ConfigError("tune_text: there are no reviews to tune an encoder on; set it to 0")
    parts = split(graph, training.config, seed=training.seed)
    pairs = text_pairs(
        item_text(graph.items), graph.behaviour["REVIEWED"],
        parts.part["REVIEWED"] == Part.TRAIN, seed=training.seed,  # No leakage.
    )  # fmt: skip
    if len(pairs) < FEWEST:
        raise ConfigError(
            f"tune_text: {len(pairs)} reviews of the training period have a partner (their item's "
            f"text, or another's review of it), and tuning needs {FEWEST}; set it to 0"
        )
    target, draft = folder / ENCODER, folder / f"{ENCODER}.part"
    encoder = load(training.encoder, dtype="float32")
    asked = {
        "layers": training.config.tune_text, "seed": training.seed, "of": encoder.fingerprint,
        "pairs": len(pairs), "of_pairs": pairs.fingerprint,
    }  # fmt: skip
    if target.is_dir():
        found: dict[str, Any] = json.loads((target / FIGURES).read_text(encoding="utf-8"))
        if asked.items() <= found.items():
            return found
        shutil.rmtree(target)
    losses = fine_tune(
        encoder, pairs.texts, pairs.pairs, pairs.item,
        layers=training.config.tune_text, seed=training.seed, progress=progress,
    )  # fmt: skip
    figures = asked | {"loss": [round(loss, 4) for loss in losses]}
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    write(encoder.tokenizer, encoder.model, draft)
    (draft / FIGURES).write_text(json.dumps(figures), encoding="utf-8")
    os.rename(draft, target)
    return figures
