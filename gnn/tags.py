"""Item titles and review texts → the words that tell a user's good choices, and bad ones, from
those of others: class-based TF-IDF (Grootendorst 2022), a user being a class and a choice a
document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from gnn.goods import leading
from gnn.graph import Events, weights_of
from gnn.sentiment import UNFAVOURABLE
from gnn.tables import GraphTables
from gnn.words import CJK, LETTERS_A_TEXT, plain

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Texts = NDArray[np.object_]
Bools = NDArray[np.bool_]

TOP = 6
SUPPORT = 2
"""Choices of the user in which a word must be."""
USERS = 3
"""Users by whose choices a word must be known: one that fewer use may be a name."""
COMMON = 0.25
"""Words in more than this share of all choices tell nobody apart."""
MOST_WORDS = 30_000
CONTRACTED = {
    "aren", "couldn", "didn", "does", "doesn", "doing", "don", "got", "hadn", "hasn", "haven",
    "isn", "just", "really", "shouldn", "than", "wasn", "weren", "won", "wouldn",
}  # fmt: skip
SAYS_NOTHING = ENGLISH_STOP_WORDS | CONTRACTED
"""scikit-learn's stop words, and what is left of contractions."""
PIECES = re.compile(rf"[{CJK}]{{2,}}|[^\W\d_{CJK}][^\W_{CJK}'-]{{2,}}")
FIRST_OF_CJK = "\u3040"


def words_of(text: str) -> list[str]:
    """Words of three letters or more, plurals as their singular is written; of scripts without
    spaces every two signs in a row."""
    found = []
    for piece in PIECES.findall(plain(text)):
        if piece[0] >= FIRST_OF_CJK:
            found += [piece[n : n + 2] for n in range(len(piece) - 1)]
        else:
            found.append(piece)
    return found


@dataclass(frozen=True)
class Lexicon:
    """Words known from everyone's choices."""

    words: pa.Array
    """[W] in order"""
    weight: Floats
    """[W] log(1 + 1 / mean share of a user's choices that have the word)"""

    def found_in(self, texts: pa.Array) -> sp.csr_array:
        """[N, W] 1 where a text has a word, or its plural."""
        model, onto = self._reader
        return sp.csr_array(model.transform(pc.fill_null(texts, "").to_pylist())) @ onto

    @cached_property
    def _reader(self) -> tuple[CountVectorizer, sp.csr_array]:
        """Spellings, and to which word each belongs."""
        place = {word: n for n, word in enumerate(self.words.to_pylist())}
        place |= {f"{word}s": n for word, n in place.items() if f"{word}s" not in place}
        spelled = sorted(place)
        model = CountVectorizer(analyzer=words_of, vocabulary=spelled, dtype=np.float32)
        to = np.array([place[word] for word in spelled], np.int64)
        ones = np.ones(len(to), np.float32)
        onto = sp.csr_array((ones, (np.arange(len(to)), to)), (len(to), len(self.words)))
        return model, onto


@dataclass(frozen=True)
class Choices:
    """P pairs of user and item, each with the words of the title and of the user's reviews."""

    user: Ints
    good: Bools
    bad: Bools
    words: sp.csr_array
    """[P, W] 1 where the choice has the word"""


def fit_lexicon(graph: GraphTables, seen: Events) -> Lexicon | None:
    """From the `seen` events of everyone; None where no title and no review has a word in
    common."""
    texts = _texts(graph, seen)
    model = CountVectorizer(analyzer=words_of, binary=True, max_features=MOST_WORDS, dtype=np.int32)
    try:
        model.fit(texts.drop_null().to_pylist())
    except ValueError:  # no word at all
        return None
    known = _singulars(model.get_feature_names_out())
    found = choices(graph, seen, Lexicon(known, np.ones(len(known), np.float32)))
    mine, number = _per_user(found, np.ones(len(found.user), np.bool_), seen.n_users)
    share = sp.diags_array(1 / np.maximum(number, 1)) @ mine
    mean = np.asarray(share.sum(axis=0)).ravel() / max(1, int((number > 0).sum()))
    users = np.bincount(mine.indices, minlength=len(known))
    common = np.asarray(found.words.sum(axis=0)).ravel() > COMMON * max(1, len(found.user))
    keep = (users >= USERS) & ~common
    if not keep.any():
        return None
    return Lexicon(known.filter(pa.array(keep)), np.log1p(1 / mean[keep]).astype(np.float32))


def _singulars(words: NDArray[np.object_]) -> pa.Array:
    """Without stop words, and without plurals whose singular is there."""
    there = set(words.tolist())
    kept = [
        w
        for w in sorted(there)
        if w not in SAYS_NOTHING and not (w.endswith("s") and w[:-1] in there)
    ]
    return pa.array(kept, pa.string())


def _texts(graph: GraphTables, seen: Events) -> pa.Array:
    """Titles of all items, then the `seen` reviews."""
    return pa.concat_arrays([_titles(graph), _reviews(graph, seen)[0]])


def _titles(graph: GraphTables) -> pa.Array:
    if "title" not in graph.items.column_names:
        return pa.nulls(graph.items.num_rows, pa.string())
    return graph.items["title"].cast(pa.string()).combine_chunks()


def _reviews(graph: GraphTables, seen: Events) -> tuple[pa.Array, Events]:
    kinds = [n for n, (kind, _) in enumerate(seen.relations) if kind == "REVIEWED"]
    written = seen.where(np.isin(seen.relation, kinds))
    table = graph.behaviour.get("REVIEWED")
    if table is None or "text" not in table.column_names:
        return pa.array([], pa.string()), written.where(np.zeros(len(written), np.bool_))
    texts = table["text"].take(pa.array(written.edge)).cast(pa.string()).combine_chunks()
    return pc.utf8_slice_codeunits(texts, 0, LETTERS_A_TEXT), written


def choices(graph: GraphTables, seen: Events, lexicon: Lexicon) -> Choices:
    """A choice is bad where an event of the pair speaks against the item (an opinion of
    UNFAVOURABLE or less, or a return), good where another is positive and none does."""
    wide = np.int64(max(1, seen.n_items))
    pairs, row = np.unique(seen.pair, return_inverse=True)
    items, of_item = np.unique(pairs % wide, return_inverse=True)  # few, where users are few
    titles = _titles(graph).take(pa.array(items))
    shape = (len(pairs), len(items))
    item = sp.csr_array((np.ones(len(pairs)), (np.arange(len(pairs)), of_item)), shape)
    words = item @ lexicon.found_in(titles)
    texts, written = _reviews(graph, seen)
    if len(texts):
        at = np.searchsorted(pairs, written.pair)
        shape = (len(pairs), len(texts))
        of = sp.csr_array((np.ones(len(texts)), (at, np.arange(len(texts)))), shape)
        words = words + of @ lexicon.found_in(texts)
    words = words.tocsr().astype(np.float32)
    words.data[:] = 1
    bad = np.bincount(row, ~seen.positive & _against(graph, seen), len(pairs)) > 0
    return Choices(
        user=pairs // wide,
        good=(np.bincount(row, seen.positive, len(pairs)) > 0) & ~bad,
        bad=bad,
        words=words,
    )


def _against(graph: GraphTables, seen: Events) -> Bools:
    """[E] a low opinion, or an act that undoes another."""
    low = {
        kind: (weights_of(t) <= UNFAVOURABLE) | (kind in graph.negative)
        for kind, t in graph.behaviour.items()
    }
    return seen.of_type(low, 0).astype(np.bool_)


def tags(found: Choices, which: Bools, lexicon: Lexicon, n_users: int) -> Texts:
    """[U] the TOP words that tell the user's choices `which` [P] apart, the strongest first: in
    SUPPORT of them or more, and in a larger share than is usual. None where there is none."""
    mine, number = _per_user(found, which, n_users)
    cells = mine.tocoo()
    user, word = (np.asarray(c, np.int64) for c in cells.coords)
    share = cells.data / number[user]
    others = 1 / np.expm1(lexicon.weight[word].astype(np.float64))
    keep = (cells.data >= SUPPORT) & (share > others)
    user, word, share = user[keep], word[keep], share[keep]
    return leading(user, word, share * lexicon.weight[word], lexicon.words, n_users, TOP)


def _per_user(found: Choices, which: Bools, n_users: int) -> tuple[sp.csr_array, Ints]:
    """[U, W] choices with each word, and [U] choices."""
    rows = np.flatnonzero(which)
    shape = (n_users, len(which))
    of = sp.csr_array((np.ones(len(rows), np.float32), (found.user[rows], rows)), shape)
    return (of @ found.words).tocsr(), np.bincount(found.user[rows], minlength=n_users)
