"""Texts to vectors: what an encoder promises whatever its weights are."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from gnn.errors import EncoderError
from gnn.text import ReviewEncoder
from tests.gnn.tiny_encoder import ENGLISH, tiny_bert

LONG = "the guitar sound is great and it works " * 30  # 240 words: more than the 64 positions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ReviewEncoder:
    return ReviewEncoder.open(str(folder), dtype="float32")


def passes(encoder: ReviewEncoder) -> list[int]:
    """Rows of each forward pass from now on."""
    seen: list[int] = []
    encoder.model.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    return seen


def random_texts(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(ENGLISH, rng.integers(1, 120))) for _ in range(count)]


def test_vectors_are_unit_rows_in_the_order_given(encoder: ReviewEncoder) -> None:
    """One float32 unit vector a text, and the same text has the same vector wherever it stands."""
    vectors = encoder.encode(["good guitar", "bad amp", "good guitar"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, encoder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert (vectors[0] == vectors[2]).all()
    assert abs(vectors[0] - vectors[1]).max() > 0.01


@pytest.mark.parametrize("text", [None, "", " \n\t", "👍", "xylophonist"])
def test_a_text_that_says_nothing_to_the_encoder_is_zero(
    encoder: ReviewEncoder, text: str | None
) -> None:
    """Null, empty, white space and words outside the vocabulary have a vector of zeros."""
    assert not encoder.encode(["good", text])[1].any()


def test_no_texts_give_no_vectors(encoder: ReviewEncoder) -> None:
    """The width is right even where there is nothing."""
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_arrow_columns_are_taken_as_they_are(encoder: ReviewEncoder) -> None:
    """A sliced, chunked column with nulls gives what the list gives."""
    column = pa.chunked_array([["bad", "good amp"], [None, "love my guitar"]]).slice(1)
    assert (encoder.encode(column) == encoder.encode(column.to_pylist())).all()


def test_what_is_not_text_is_refused(encoder: ReviewEncoder) -> None:
    """Numbers and half characters get one clear line."""
    for wrong in ([1, "good"], ["good \ud83d"]):
        with pytest.raises(EncoderError, match="must be strings"):
            encoder.encode(wrong)  # type: ignore[arg-type]  # that is the point


def test_a_vector_does_not_depend_on_its_batch(encoder: ReviewEncoder) -> None:
    """Alone or among 400 texts of other lengths: the same within 1e-3."""
    texts = random_texts(400)
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([t]) for t in texts[:20]])
    assert abs(together[:20] - alone).max() < 1e-3


def test_bfloat16_points_the_same_way(folder: Path, encoder: ReviewEncoder) -> None:
    """Products in bfloat16 keep a cosine of .999 and are another fingerprint."""
    low = ReviewEncoder.open(str(folder), dtype="bfloat16")
    texts = random_texts(50)
    assert (low.encode(texts) * encoder.encode(texts)).sum(1).min() > 0.999
    assert low.fingerprint != encoder.fingerprint


def test_the_mean_is_over_the_tokens_and_not_the_padding(encoder: ReviewEncoder) -> None:
    """A vector is the normalised mean of the last layer over [CLS], words and [SEP]."""
    tokens = encoder.model.tokenizer(["good guitar"], return_tensors="pt")
    with torch.inference_mode():
        hidden = encoder.model.model(**tokens).last_hidden_state[0]
    mean = torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy()
    padded = encoder.encode(["good guitar", "the guitar sound is great and it works"])[0]
    assert padded == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize("pooling", ["cls", "max"])
def test_other_poolings_take_the_first_token_or_the_largest(folder: Path, pooling: str) -> None:
    """`cls` is the first token's vector, `max` the largest of each dimension."""
    encoder = ReviewEncoder.open(str(folder), pooling=pooling, dtype="float32")  # type: ignore[arg-type]  # from the parameter
    tokens = encoder.model.tokenizer(["good guitar"], return_tensors="pt")
    with torch.inference_mode():
        hidden = encoder.model.model(**tokens).last_hidden_state[0]
    wanted = hidden[0] if pooling == "cls" else hidden.amax(0)
    wanted = torch.nn.functional.normalize(wanted, dim=0)
    found = encoder.encode(["good guitar", "the guitar sound is great"])[0]
    assert found == pytest.approx(wanted.numpy(), abs=1e-3)


def test_the_end_of_a_long_text_counts(encoder: ReviewEncoder) -> None:
    """Beyond the encoder's positions a text goes on in windows: its last words move the vector."""
    vectors = encoder.encode([LONG + "good", LONG + "bad"])
    assert abs(vectors[0] - vectors[1]).max() > 1e-4


def test_windows_are_averaged_by_their_tokens(folder: Path) -> None:
    """A text of two windows is the mean of the two, each weighted by its tokens."""
    encoder = ReviewEncoder.open(str(folder), max_tokens=8, dtype="float32")  # 6 words a window
    words = ["good", "guitar", "sound", "great", "love", "bad", "amp", "broke", "again"]
    whole = encoder.encode([" ".join(words)])[0]
    parts = []
    for piece in (words[:4], words[4:]):  # 9 words: 4 and 5
        tokens = encoder.model.tokenizer([" ".join(piece)], return_tensors="pt")
        with torch.inference_mode():
            parts.append(encoder.model.model(**tokens).last_hidden_state[0].mean(0))
    mean = torch.nn.functional.normalize(4 * parts[0] + 5 * parts[1], dim=0)
    assert whole == pytest.approx(mean.numpy(), abs=1e-3)


def test_equal_texts_go_through_the_model_once(folder: Path) -> None:
    """Duplicates are encoded once, canonically equal Unicode and outer white space included."""
    encoder = ReviewEncoder.open(str(tiny_bert(folder.parent / "nfc", ["e", "good"])))
    rows = passes(encoder)
    texts = ["é", unicodedata.normalize("NFD", "é"), "good", " good\n", "good"] * 5
    vectors = encoder.encode(texts)
    assert sum(rows) == encoder.encoded == 2
    assert (vectors[0] == vectors[1]).all()


def test_texts_of_like_length_share_a_pass(encoder: ReviewEncoder) -> None:
    """300 short texts take few passes, none of more rows than the budget has tokens."""
    rows = passes(encoder)
    encoder.encode([f"{a} {b} {c}" for a in ENGLISH[:7] for b in ENGLISH[:7] for c in ENGLISH[:7]])
    assert len(rows) == 1


def test_progress_ends_at_the_number_of_distinct_texts(encoder: ReviewEncoder) -> None:
    """Progress never goes back and ends where it should."""
    told: list[tuple[int, int | None]] = []
    texts = random_texts(120, seed=3)
    encoder.encode(
        [*texts, *texts], progress=lambda _label, done, total: told.append((done, total))
    )
    assert told == sorted(told)
    assert told[-1] == (120, 120)


def test_chinese_and_mixed_text_are_read_by_an_encoder_that_knows_them(
    encoder: ReviewEncoder,
) -> None:
    """Characters are tokens: one character more is another vector, an unknown script is zero."""
    good, bad, mixed, unknown = encoder.encode(["琴弦很好", "琴弦不好", "good 琴弦", "струны"])
    assert abs(good - bad).max() > 0.01
    assert abs(mixed - good).max() > 0.01
    assert not unknown.any()


def test_a_folder_with_other_weights_has_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    """The fingerprint follows weights, words, pooling and length, and not the folder's name."""
    open_ = ReviewEncoder.open
    prints = [
        open_(str(folder), dtype="float32").fingerprint,
        open_(str(folder), dtype="float32", pooling="max").fingerprint,
        open_(str(folder), dtype="float32", max_tokens=32).fingerprint,
        open_(str(tiny_bert(tmp_path / "seed", seed=1)), dtype="float32").fingerprint,
        open_(str(tiny_bert(tmp_path / "words", [*ENGLISH, "x"])), dtype="float32").fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    same = open_(str(tiny_bert(tmp_path / "same")), dtype="float32").fingerprint
    assert same == prints[0]


def test_minilm_puts_a_paraphrase_nearer_than_another_matter() -> None:
    """The packaged encoder knows meaning."""
    vectors = ReviewEncoder.open().encode(
        [
            "The strings broke after two days.",
            "After a couple of days the string snapped.",
            "Delivery was quick and the gift card worked.",
        ]
    )
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.4
