"""Review texts in English → VADER's tone of them: a feature of the learned tone, and the plain
method beside it.

VADER (Hutto and Gilbert 2014) adds up words of a list that people rated, with rules for negation,
stress and punctuation. Its words are English, and so are the texts it is asked about.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]

ENGLISH_SOURCE = 0.3
"""Share of a source's words that are English articles, pronouns and the like from which it is an
English one: they are half of English prose, and some words of other languages look like them."""
OTHER = 0.1
"""Share below which a text of an English source is in another language,"""
SHORT = 3
"""unless it has no more words than this: `Excellent guitar.`"""
_WORD, _LATIN = r"\pL+", r"\p{Latin}+"
_STOP = r"(?i)\b(?:" + "|".join(sorted(ENGLISH_STOP_WORDS, key=len, reverse=True)) + r")\b"


def in_english(texts: pa.ChunkedArray | pa.Array) -> Bools:
    """[N] by scikit-learn's English stop words: nobody where the source is not in English, else all
    but texts in other languages. No text is not."""
    if not is_english_source(texts):
        return np.zeros(len(texts), np.bool_)
    return _not_in_others(texts)


def is_english_source(texts: pa.ChunkedArray | pa.Array) -> bool:
    known = pc.fill_null(texts, "")
    words = int(_count(known, _WORD).sum())
    return words > 0 and int(_count(known, _STOP).sum()) >= ENGLISH_SOURCE * words


def _not_in_others(texts: pa.ChunkedArray | pa.Array) -> Bools:
    known = pc.fill_null(texts, "")
    words = _count(known, _WORD)
    latin = (words > 0) & (_count(known, _LATIN) >= words)
    return np.asarray(
        latin & ((words <= SHORT) | (_count(known, _STOP) >= OTHER * words)), np.bool_
    )


def _count(texts: pa.ChunkedArray | pa.Array, pattern: str) -> NDArray[np.int64]:
    found = pc.count_substring_regex(texts, pattern)
    return np.asarray(found.to_numpy(), np.int64)


def vader(texts: pa.ChunkedArray | pa.Array) -> Doubles:
    """[N] compound score, −1 bad to 1 good. A text takes 0.3 ms: VADER has no column form."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    return np.array([score(text)["compound"] for text in texts.to_pylist()], np.float64)


def vader_of_english(texts: pa.ChunkedArray | pa.Array) -> Doubles:
    """[N] the same of an English source, by each text alone: 0, as of a neutral one, for texts in
    other languages."""
    out = np.zeros(len(texts))
    english = _not_in_others(texts)
    out[english] = vader(texts.filter(pa.array(english)))
    return out
