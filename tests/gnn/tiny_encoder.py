"""A folder → an encoder of two layers with random weights, made in half a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# fmt: off
ENGLISH = (
    "the", "a", "is", "of", "and", "it", "strings", "guitar", "pick", "amp",
    "cable", "sound", "great", "bad", "good", "broke", "love", "hate", "cheap", "fine",
    "tone", "bright", "dull", "warm", "works", "fast", "slow", "lasts", "long", "short",
    "never", "again", "gift", "for", "my", "son", "##s",
)
# fmt: on
CHINESE = tuple("这把吉他琴弦声音很好不差质量便宜喜欢我的坏了，。")


def tiny_bert(
    folder: Path, words: Sequence[str] = (*ENGLISH, *CHINESE), *, seed: int = 0, positions: int = 64
) -> Path:
    """A BERT of 32 dimensions and the vocabulary given, in Hugging Face layout."""
    vocabulary = [*SPECIAL, *words]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return folder
