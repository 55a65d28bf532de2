"""Item titles, descriptions and reviews → one document per item, and the words that tell groups of
items apart."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from gnn.graph import Events
from gnn.tables import GraphTables

Ints = NDArray[np.int64]

REVIEWS_AN_ITEM = 30
LETTERS_A_TEXT = 2000
CJK = "\u3040-\u30ff\u3400-\u9fff"
TOKEN = rf"[{CJK}]|[^\W\d_{CJK}][^\W_{CJK}'-]+"
"""A word of two or more letters, or one sign of a script without spaces."""
MASKED = re.compile(r"\[(?:url|token|email|iban|id|card|phone|handle)\]")
"""What stands in a text where the loader took out an address or a number."""
COMMON = 0.4
"""Words in more than this share of the documents tell nothing apart."""
RARE = 3
"""Words in fewer documents are left out: they tell nothing apart either, and may be names."""


def documents(graph: GraphTables, seen: Events) -> pa.Array:
    """[I] text of each item, null where there is none: title, description, and the first reviews
    among the `seen` events."""
    parts = [graph.items[c] for c in ("title", "description") if c in graph.items.column_names]
    reviews = _reviews(graph, seen)
    columns = [_column(p) for p in parts] + ([reviews] if reviews is not None else [])
    if not columns:
        return pa.nulls(graph.items.num_rows, pa.string())
    # pyarrow drops rows where all are null: the last column never is.
    joined = pc.binary_join_element_wise(*columns, "", " \n", null_handling="skip")
    joined = pc.utf8_trim_whitespace(joined)
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _column(texts: pa.ChunkedArray) -> pa.Array:
    return pc.utf8_slice_codeunits(texts.cast(pa.string()), 0, LETTERS_A_TEXT).combine_chunks()


def _reviews(graph: GraphTables, seen: Events) -> pa.Array | None:
    table = graph.behaviour.get("REVIEWED")
    if table is None or "text" not in table.column_names:
        return None
    kind = [r for r, (name, _) in enumerate(seen.relations) if name == "REVIEWED"]
    reviewed = seen.where(np.isin(seen.relation, kind))
    order = np.lexsort((reviewed.edge, reviewed.item))
    item, row = reviewed.item[order], reviewed.edge[order]
    place = np.arange(len(item)) - np.searchsorted(item, item)
    item, row = item[place < REVIEWS_AN_ITEM], row[place < REVIEWS_AN_ITEM]
    texts = pc.fill_null(_column(table["text"].take(pa.array(row))), "")
    starts = np.searchsorted(item, np.arange(graph.items.num_rows + 1)).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(starts), texts), " \n")


def plain(text: str) -> str:
    """In small letters, with nothing said by masks."""
    return MASKED.sub(" ", text.lower())


def vectorizer() -> TfidfVectorizer:
    """TF-IDF over words and pairs of words."""
    return TfidfVectorizer(
        preprocessor=plain,
        token_pattern=TOKEN,
        ngram_range=(1, 2),
        min_df=RARE,
        max_df=COMMON,
        max_features=50_000,
        sublinear_tf=True,
        stop_words="english",
        dtype=np.float32,
    )


def telling_words(
    weights: sp.csr_array, group: Ints, vocabulary: NDArray[np.object_], top: int
) -> list[list[str]]:
    """For each group of documents the words that tell it apart, strongest first: class-based TF-IDF
    (Grootendorst 2022) over documents, so that one long text does not name a group.

    `weights` [N, W] has an entry where a document has a word; `group` [N].
    """
    n_groups = int(group.max()) + 1
    member = sp.coo_array(
        (np.ones(len(group), np.float32), (group, np.arange(len(group)))), (n_groups, len(group))
    ).tocsr()
    with_word = np.asarray((member @ (weights > 0)).todense(), np.float64)
    share = with_word / np.bincount(group, minlength=n_groups)[:, None]
    score = share * np.log1p(1 / share.mean(axis=0))
    score[:, [len(word) == 1 for word in vocabulary]] = 0  # a lone sign is a piece of a word
    best = np.argsort(-score, axis=1, kind="stable")[:, : 4 * top]
    return [
        _distinct([str(vocabulary[w]) for w in row if score[g, w] > 0], top)
        for g, row in enumerate(best)
    ]


def _distinct(words: list[str], top: int) -> list[str]:
    """Without words that only repeat a part of one before them, or its plural."""
    kept: list[str] = []
    for word in words:
        if not any(_alike(a, b) for k in kept for a in k.split() for b in word.split()):
            kept.append(word)
    return [_joined(w) for w in kept[:top]]


def _alike(a: str, b: str) -> bool:
    return a == b or (min(len(a), len(b)) > 2 and (a.startswith(b) or b.startswith(a)))


def _joined(word: str) -> str:
    return re.sub(rf"(?<=[{CJK}]) (?=[{CJK}])", "", word)
