"""Texts → vectors with a loaded encoder: tokens, windows, batches by token budget, pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gnn.errors import EncoderError
from gnn.text_model import TextModel

Pooling = Literal["mean", "cls", "max"]
Ints = NDArray[np.int64]

TOKENS_PER_BATCH = {"cuda": 65_536}
"""Padded tokens of one forward pass; where a device is not named, CPU_TOKENS."""
CPU_TOKENS = 2_048


@dataclass(frozen=True)
class Windows:
    """Texts cut into pieces that fit the encoder. A text of no known token has no window."""

    tokens: Ints
    """[T] token ids of all texts, one after the other, without special tokens."""
    start: Ints
    """[W] first token of each window."""
    length: Ints
    """[W] tokens of each window."""
    text: Ints
    """[W] row of the text it is a piece of."""


def cut(model: TextModel, texts: list[str], max_tokens: int) -> Windows:
    """Tokenise, and cut what is longer than `max_tokens` (special tokens included) into windows of
    nearly equal length: a short last window would see too little around it."""
    ids = model.tokenizer(
        texts,
        add_special_tokens=False,
        padding=False,
        truncation=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    length = np.fromiter(map(len, ids), np.int64, len(ids))
    tokens = np.fromiter(chain.from_iterable(ids), np.int64, int(length.sum()))
    first = np.cumsum(length) - length
    room = min(max_tokens, model.longest) - len(model.prefix) - len(model.suffix)
    owner = np.repeat(np.arange(len(texts)), length)
    known = np.bincount(owner[tokens != model.unknown], minlength=len(texts))
    pieces = np.where(known > 0, -(-length // room), 0)
    text = np.repeat(np.arange(len(texts)), pieces)
    nth = np.arange(len(text)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    low = length[text] * nth // pieces[text]
    high = length[text] * (nth + 1) // pieces[text]
    return Windows(tokens, first[text] + low, high - low, text)


def encode(
    model: TextModel,
    texts: list[str],
    *,
    pooling: Pooling,
    max_tokens: int,
    advance: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """[N, dim] unit vectors, on the CPU; a row of zeros for a text of no known token.

    A text of several windows gets their mean, weighted by tokens. `advance` is told the share of
    the work that is done.
    """
    windows = cut(model, texts, max_tokens)
    out = torch.zeros(len(texts), model.dim)
    total, done = int(windows.length.sum()), 0
    for batch in _batches(model, windows.length):
        ids, mask = _padded(model, windows, batch)
        pooled = _forward(model, ids, mask, pooling)
        length = torch.from_numpy(windows.length[batch])
        out.index_add_(0, torch.from_numpy(windows.text[batch]), pooled * length[:, None])
        done += int(length.sum())
        if advance is not None:
            advance(done / total)
    if not bool(torch.isfinite(out).all()):
        raise EncoderError(
            f"encoder {model.name!r} gave vectors that are not numbers in {model.dtype}; "
            "try dtype float32"
        )
    unit: NDArray[np.float32] = torch.nn.functional.normalize(out, dim=1).numpy()
    return unit


def _batches(model: TextModel, length: Ints) -> Iterator[Ints]:
    """Windows of like length together, longest first: least padding, and a batch that does not
    fit the memory is the first."""
    order = np.argsort(-length, kind="stable")
    special = len(model.prefix) + len(model.suffix)
    budget = TOKENS_PER_BATCH.get(model.device.type, CPU_TOKENS)
    at = 0
    while at < len(order):
        rows = max(1, budget // int(length[order[at]] + special))
        yield order[at : at + rows]
        at += rows


def _padded(model: TextModel, windows: Windows, batch: Ints) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask [B, L] with the special tokens in their places."""
    start, length = windows.start[batch, None], windows.length[batch, None]
    before, after = len(model.prefix), len(model.suffix)
    place = np.arange(int(length.max()) + before + after)[None, :] - before
    inside = (place >= 0) & (place < length)
    ids = np.full(inside.shape, model.pad, np.int64)
    ids[inside] = windows.tokens[(start + place)[inside]]
    ids[:, :before] = model.prefix
    for k, token in enumerate(model.suffix):
        ids[place == length + k] = token
    return torch.from_numpy(ids), torch.from_numpy(place < length + after)


@torch.inference_mode()
def _forward(
    model: TextModel, ids: torch.Tensor, mask: torch.Tensor, pooling: Pooling
) -> torch.Tensor:
    """[B, dim] float32 on the CPU. Pooling is in float32 whatever the weights are in."""
    mask = mask.to(model.device)
    low = model.dtype == "bfloat16"
    with torch.autocast(model.device.type, torch.bfloat16, enabled=low):
        hidden = model.model(input_ids=ids.to(model.device), attention_mask=mask.long())
    return pooled(hidden.last_hidden_state.float(), mask, pooling).cpu()


def pooled(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """[B, dim] of tokens [B, L, dim]; `mask` [B, L] is true where there is one."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "max":
        return hidden.masked_fill(~mask[:, :, None], -torch.inf).amax(1)
    return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
