"""Texts that belong together → the last layers of a text encoder, moved so that it says so.

Contrastive, as in sentence encoders: each text must find the other of its pair among those of the
batch (multiple negatives, Henderson et al. 2017; for reviews and items Hou et al., BLaIR, 2024).
The lower layers and the word vectors stay as they are, which keeps what the encoder knows of the
language, and costs a third less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gnn.errors import EncoderError
from gnn.text_model import TextModel
from gnn.text_windows import pooled

LABEL = "tuning the text encoder"
BATCH = 64
RATE = 3e-5
TEMPERATURE = 0.05
MAX_TOKENS = 64
"""Of a text while tuning; encoding reads all of it."""
WARM_UP = 0.1
"""Share of the steps in which the rate rises; then it falls to 0."""

Progress = Callable[[str, int, int | None], None]


def fine_tune(
    encoder: TextModel,
    texts: Sequence[str],
    pairs: NDArray[np.int64],
    group: NDArray[np.int64],
    *,
    layers: int,
    seed: int,
    rate: float = RATE,
    progress: Progress | None = None,
) -> list[float]:
    """Move the last `layers` of the encoder, in place; the mean loss of each tenth of the steps.

    `pairs` [P, 2] are rows of `texts`; pairs of one `group` [P] (an item) are no negatives of each
    other. One pass over the pairs, without dropout; a text's vector is the mean of its tokens.
    Raises EncoderError where the encoder has fewer layers, or is not in float32.
    """
    if encoder.dtype != "float32":
        raise EncoderError("an encoder is tuned in float32")
    weights = _last_layers(encoder, layers)
    adam = torch.optim.AdamW(weights, lr=rate)
    order = np.random.default_rng(seed).permutation(len(pairs))
    steps = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    losses = []
    for done, rows in enumerate(steps):
        for g in adam.param_groups:
            g["lr"] = rate * _rate((done + 0.5) / len(steps))
        a, b = (_vectors(encoder, [texts[i] for i in pairs[rows, side]]) for side in (0, 1))
        loss = _contrast(a, b, torch.from_numpy(group[rows]).to(a.device))
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        adam.step()
        losses.append(float(loss.detach()))
        if progress is not None:
            progress(LABEL, done + 1, len(steps))
    for p in weights:
        p.requires_grad_(False)
    return [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))]


def _last_layers(encoder: TextModel, layers: int) -> list[nn.Parameter]:
    """The stack of layers is the longest list of modules there is."""
    stacks = [m for m in encoder.model.modules() if isinstance(m, nn.ModuleList)]
    stack = max(stacks, key=len, default=nn.ModuleList())
    if not 1 <= layers <= len(stack):
        raise EncoderError(
            f"encoder {encoder.name!r} has {len(stack)} layers; tune 1 to {len(stack)}"
        )
    weights = [p for layer in list(stack)[-layers:] for p in layer.parameters()]
    for p in weights:
        p.requires_grad_(True)
    return weights


def _rate(share: float) -> float:
    return min(share / WARM_UP, (1 - share) / (1 - WARM_UP))


def _vectors(encoder: TextModel, texts: list[str]) -> Tensor:
    """[B, d] unit, with gradients"""
    tokens = encoder.tokenizer(
        texts, truncation=True, max_length=min(MAX_TOKENS, encoder.longest), padding="longest",
        return_tensors="pt",
    ).to(encoder.device)  # fmt: skip
    states = encoder.model(**tokens).last_hidden_state
    return F.normalize(pooled(states, tokens["attention_mask"].bool(), "mean"), dim=1)


def _contrast(a: Tensor, b: Tensor, group: Tensor) -> Tensor:
    """Softmax both ways; others of the same group are left out."""
    logits = a @ b.T / TEMPERATURE
    same = group[:, None] == group[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, float("-inf"))
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
