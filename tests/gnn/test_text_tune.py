"""An encoder learns which texts belong together, in its last layers alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gnn.errors import EncoderError
from gnn.text_model import TextModel, load
from gnn.text_tune import fine_tune
from gnn.text_weights import write
from gnn.text_windows import encode
from tests.gnn.tiny_encoder import ENGLISH, tiny_bert

THINGS = ("guitar", "amp", "cable", "pick", "strings", "gift")
SAID = tuple(w for w in ENGLISH if w not in THINGS)[:24]


@pytest.fixture
def encoder(tmp_path: Path) -> TextModel:
    return load(str(tiny_bert(tmp_path / "encoder")), device="cpu", dtype="float32")


def shop(n: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Each thing has four words of its own in its reviews; its text names it."""
    rng = np.random.default_rng(seed)
    item = rng.integers(len(THINGS), size=n)
    reviews = [" ".join(rng.choice(SAID[4 * i : 4 * i + 4], 3)) for i in item]
    return [*reviews, *THINGS], np.stack([np.arange(n), n + item], 1), item


def right(encoder: TextModel) -> float:
    """Share of new reviews whose nearest text is their item's."""
    texts, pairs, _ = shop(60, seed=1)
    v = encode(encoder, texts, pooling="mean", max_tokens=32)
    nearest = (v[:60] @ v[60:].T).argmax(1)
    return float((nearest == pairs[:, 1] - 60).mean())


def test_reviews_find_their_items(encoder: TextModel) -> None:
    before = right(encoder)
    texts, pairs, item = shop(3_000, seed=0)
    losses = fine_tune(encoder, texts, pairs, item, layers=2, seed=0, rate=3e-3)
    assert losses[-1] < losses[0]
    assert right(encoder) > max(0.5, 2 * before)


def test_only_the_last_layers_move_and_all_is_kept(encoder: TextModel, tmp_path: Path) -> None:
    """What is saved is what was tuned, under another fingerprint."""
    before = {k: v.clone() for k, v in encoder.model.state_dict().items()}
    texts, pairs, item = shop(200, seed=0)
    fine_tune(encoder, texts, pairs, item, layers=1, seed=0)
    moved = {k for k, v in encoder.model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert all(k.startswith("encoder.layer.1.") for k in moved)
    assert not any(p.requires_grad for p in encoder.model.parameters())
    write(encoder.tokenizer, encoder.model, tmp_path / "tuned")
    again = load(str(tmp_path / "tuned"), device="cpu", dtype="float32")
    assert again.fingerprint != encoder.fingerprint
    for name, weight in again.model.state_dict().items():
        if "pooler" not in name:
            assert torch.equal(weight, encoder.model.state_dict()[name])


def test_one_seed_one_encoder(tmp_path: Path) -> None:
    texts, pairs, item = shop(200, seed=0)
    found = []
    for _ in range(2):
        encoder = load(str(tiny_bert(tmp_path / "encoder")), device="cpu", dtype="float32")
        fine_tune(encoder, texts, pairs, item, layers=1, seed=3)
        found.append(encode(encoder, texts, pooling="mean", max_tokens=32))
    assert np.array_equal(*found)


def test_others_of_the_same_item_are_no_negatives(encoder: TextModel) -> None:
    """All about one item: nothing is told apart, and nothing is lost."""
    texts, pairs, _ = shop(64, seed=0)
    losses = fine_tune(encoder, texts, pairs, np.zeros(64, np.int64), layers=1, seed=0)
    assert losses == [0.0]


@pytest.mark.parametrize("layers", [0, 3])
def test_layers_that_are_not_there(encoder: TextModel, layers: int) -> None:
    texts, pairs, item = shop(8, seed=0)
    with pytest.raises(EncoderError, match="has 2 layers; tune 1 to 2"):
        fine_tune(encoder, texts, pairs, item, layers=layers, seed=0)
