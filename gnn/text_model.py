"""The name of a BERT-family encoder → a model that is ready to run, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from gnn.errors import EncoderError
from gnn.text_weights import read

Dtype = Literal["float32", "bfloat16"]

# These families number positions from the padding id + 1.
SHIFTED_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}


@dataclass(frozen=True)
class TextModel:
    """A tokenizer and an encoder that are ready to run."""

    name: str
    tokenizer: Any
    model: Any
    device: torch.device
    dtype: Dtype
    """What matrix products are computed in; everything else is float32."""
    dim: int
    longest: int
    """Most tokens of one pass, special tokens included."""
    prefix: tuple[int, ...]
    """Special tokens before a text: [CLS] for BERT."""
    suffix: tuple[int, ...]
    """Special tokens after a text: [SEP] for BERT."""
    pad: int
    unknown: int
    """What a word outside the vocabulary becomes; -1 where that cannot happen."""
    fingerprint: str
    """Hash of weights, architecture, tokenizer and dtype: 32 hexadecimal digits."""


def load(name: str, *, device: str | None = None, dtype: Dtype | None = None) -> TextModel:
    """Find, check and load an encoder.

    Args:
        name: `minilm`, a folder, or a hub name ("BAAI/bge-small-zh-v1.5").
        device: a torch device; by default the GPU if there is one, else the CPU.
        dtype: by default bfloat16 where the device has instructions for it, else float32.

    Raises:
        EncoderError: no such model, no network to fetch it, a hash that does not match, or a model
            that is not an encoder of text.
    """
    place = _device(device)
    tokenizer, model = read(name)
    config = model.config
    if getattr(config, "is_encoder_decoder", False) or tokenizer.pad_token_id is None:
        raise EncoderError(
            f"encoder {name!r} is a {config.model_type} model; name a BERT-family encoder "
            "(one with a padding token and no decoder)"
        )
    _check_vocabulary(name, tokenizer, int(config.vocab_size))
    kind: Dtype = dtype or best_dtype(place)
    fingerprint = _fingerprint(tokenizer, model, kind)
    prefix, suffix = _special_tokens(tokenizer)
    model.eval().requires_grad_(False)
    if kind == "bfloat16":
        # Only the products: what is added up and normalised between them stays in float32, which
        # costs no time and halves the error of rounding everything.
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.to(torch.bfloat16)
    return TextModel(
        name=name,
        tokenizer=tokenizer,
        model=model.to(place),
        device=place,
        dtype=kind,
        dim=int(config.hidden_size),
        longest=_longest(tokenizer, config),
        prefix=prefix,
        suffix=suffix,
        pad=int(tokenizer.pad_token_id),
        unknown=-1 if tokenizer.unk_token_id is None else int(tokenizer.unk_token_id),
        fingerprint=fingerprint,
    )


def _check_vocabulary(name: str, tokenizer: Any, rows: int) -> None:
    words = len(tokenizer)
    if words <= len(tokenizer.all_special_ids):
        # transformers makes an empty tokenizer where a folder has none.
        raise EncoderError(f"encoder {name!r} has no vocabulary (tokenizer.json or vocab.txt)")
    if words > rows:
        raise EncoderError(
            f"encoder {name!r}: its tokenizer has {words} words and its weights {rows}; "
            "they do not belong together"
        )


def best_dtype(device: torch.device) -> Dtype:
    """bfloat16 where it is a machine instruction (2.2-2.5 times faster), else float32."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        fast = device.type == "cpu" and bool(
            _cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"}  # the last is ARM's
        )
    return "bfloat16" if fast else "float32"


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return set()
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return set(line[1].split()) if line else set()


def _device(device: str | None) -> torch.device:
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as e:
        raise EncoderError(f"device {device!r} is none that torch knows; try cpu or cuda") from e
    if place.type == "cuda" and not torch.cuda.is_available():
        raise EncoderError(f"device {device!r}: this machine has no GPU that torch can use")
    return place


def _special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for at in range(len(full) - len(bare) + 1):
        if bare and full[at : at + len(bare)] == bare:
            return tuple(full[:at]), tuple(full[at + len(bare) :])
    return tuple(full[:1]), tuple(full[1:])


def _longest(tokenizer: Any, config: Any) -> int:
    positions = int(getattr(config, "max_position_embeddings", None) or 512)
    if config.model_type in SHIFTED_POSITIONS:
        positions -= int(config.pad_token_id) + 1
    return int(min(positions, tokenizer.model_max_length))


def _fingerprint(tokenizer: Any, model: Any, dtype: Dtype) -> str:
    digest = hashlib.blake2b(digest_size=16)
    volatile = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures"}
    config = {k: v for k, v in model.config.to_diff_dict().items() if k not in volatile}
    tokens = getattr(tokenizer, "backend_tokenizer", None)
    if tokens is not None:
        tokens.no_padding()
        tokens.no_truncation()
    words = tokens.to_str() if tokens is not None else json.dumps(sorted(tokenizer.get_vocab()))
    for part in (type(model).__name__, json.dumps(config, sort_keys=True), words, dtype):
        digest.update(part.encode() + b"\0")
    for key, weight in sorted(model.state_dict().items()):
        if "pooler" not in key:  # not used, and random where the file has none
            digest.update(f"{key}{tuple(weight.shape)}".encode())
            digest.update(weight.contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
