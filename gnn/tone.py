"""Review vectors and the data's own stars → the tone of each user's reviews, over time and by
category."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from gnn.goods import leading
from gnn.graph import Events
from gnn.lexicon import in_english, is_english_source, vader, vader_of_english
from gnn.lookup import Lookup
from gnn.orders import ratio
from gnn.sentiment import FAVOURABLE, UNFAVOURABLE, SentimentModel, fit_sentiment
from gnn.split import Part, Split
from gnn.tables import GraphTables, TextVectors

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEWEST_FOR_TREND = 4
SUPPORT = 2
"""Reviews of a category below which it is neither liked nor disliked."""
NAMED = 3
NEITHER = 0.5
MOST_JUDGED = 5_000


def fit_tone(
    graph: GraphTables, text: TextVectors | None, split: Split, seed: int
) -> tuple[SentimentModel | None, dict[str, Any] | str]:
    """The probe, fitted on reviews of the training part only, with its figures; or None with the
    reason."""
    has_text = has_review_text(graph, text)
    if text is None or text.reviews is None or not has_text.any():
        return None, "the source has no review text"
    weight = graph.behaviour["REVIEWED"]["weight"].to_numpy()
    in_training = has_text & (split.part["REVIEWED"] == Part.TRAIN) & np.isfinite(weight)
    score_of = None
    if _is_in_english(graph, np.flatnonzero(in_training), seed):
        score_of = partial(lexicon_scores, graph)
    model = fit_sentiment(text.reviews, weight, in_training, seed, score_of)
    if model is None:
        return None, "too few good or too few bad reviews to learn the tone from"
    if model.auc is not None and model.auc < NEITHER + _chance(weight[has_text & ~in_training]):
        return None, (
            "texts do not foretell the stars: "
            f"AUC {model.auc:.2f} on {model.held_out} other reviews"
        )
    return model, {
        "auc": model.auc,
        "held_out": model.held_out,
        "trained_on": model.trained_on,
        "lexicon": model.lexicon,
    }


def _chance(weight: Doubles) -> float:
    """Standard error of the AUC of a model that knows nothing, on reviews of these stars: that of
    Mann and Whitney's U."""
    good, bad = int((weight >= FAVOURABLE).sum()), int((weight <= UNFAVOURABLE).sum())
    return float(np.sqrt((good + bad + 1) / (12 * good * bad))) if good and bad else 0.0


def lexicon_scores(graph: GraphTables, rows: Ints) -> Doubles:
    """[n] VADER's of reviews (rows of REVIEWED)."""
    return vader_of_english(graph.behaviour["REVIEWED"]["text"].take(pa.array(rows)))


def _is_in_english(graph: GraphTables, rows: Ints, seed: int) -> bool:
    reviewed = graph.behaviour["REVIEWED"]
    if "text" not in reviewed.column_names:
        return False
    some = np.random.default_rng(seed).permutation(rows)[:MOST_JUDGED]
    return is_english_source(reviewed["text"].take(pa.array(some)))


def judge_tone(
    model: SentimentModel, graph: GraphTables, text: TextVectors, split: Split, seed: int
) -> list[dict[str, Any]]:
    """A row for VADER and one for the probe: AUC on the same reviews in English outside the
    training part, MOST_JUDGED at most; none where these are of one tone."""
    assert text.reviews is not None
    reviewed = graph.behaviour["REVIEWED"]
    if "text" not in reviewed.column_names:
        return []
    weight = reviewed["weight"].to_numpy()
    later = has_review_text(graph, text) & (split.part["REVIEWED"] != Part.TRAIN)
    rows = np.flatnonzero(later & ((weight >= FAVOURABLE) | (weight <= UNFAVOURABLE)))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_JUDGED])
    texts = reviewed["text"].take(pa.array(rows))
    english = in_english(texts)
    rows, texts = rows[english], texts.filter(pa.array(english))
    good = weight[rows] >= FAVOURABLE
    if not len(rows) or good.all() or not good.any():
        return []
    plain = vader(texts)
    said = {"VADER": plain, "profile": model.predict(text.reviews[rows], plain)}
    return [
        {"model": name, "reviews": len(rows), "unfavourable": int((~good).sum()),
         "auc": float(roc_auc_score(good, tone))}
        for name, tone in said.items()
    ]  # fmt: skip


def has_review_text(graph: GraphTables, text: TextVectors | None) -> Bools:
    """[R] rows of REVIEWED with a text vector."""
    reviewed = graph.behaviour.get("REVIEWED")
    rows = 0 if reviewed is None else reviewed.num_rows
    if text is None or text.reviews is None:
        return np.zeros(rows, np.bool_)
    return np.asarray(text.reviews.any(axis=1), np.bool_)


def reviews_with_text(
    graph: GraphTables, text: TextVectors | None, seen: Events
) -> tuple[Ints, Ints]:
    """Rows of REVIEWED, and their users, among the `seen` events."""
    kinds = [r for r, (kind, _) in enumerate(seen.relations) if kind == "REVIEWED"]
    reviews = seen.where(np.isin(seen.relation, kinds))
    there = has_review_text(graph, text)[reviews.edge]
    return reviews.edge[there], reviews.user[there]


@dataclass(frozen=True)
class Tones:
    """Of R reviews with text: chances that each is a good one, by user and time."""

    user: Ints
    item: Ints
    dated: Bools
    tone: Doubles
    n_users: int


def tones_of(
    model: SentimentModel | None, graph: GraphTables, text: TextVectors | None, seen: Events
) -> Tones:
    """Of the `seen` reviews. None at all where there is no text, or no model of its tone."""
    if model is None or text is None or text.reviews is None:
        none = np.zeros(0, np.int64)
        return Tones(none, none, none.astype(np.bool_), np.zeros(0), seen.n_users)
    kinds = [r for r, (kind, _) in enumerate(seen.relations) if kind == "REVIEWED"]
    reviews = seen.where(np.isin(seen.relation, kinds))
    reviews = reviews.where(has_review_text(graph, text)[reviews.edge])
    score = lexicon_scores(graph, reviews.edge) if model.lexicon else None
    tone = np.asarray(model.predict(text.reviews[reviews.edge], score), np.float64)
    return Tones(reviews.user, reviews.item, reviews.dated, tone, seen.n_users)


def user_tone(found: Tones) -> Doubles:
    """[U] mean chance that a review is a good one; NaN for users without a review text."""
    total = np.bincount(found.user, found.tone, found.n_users)
    return ratio(total, np.bincount(found.user, minlength=found.n_users))


def tone_trend(found: Tones) -> Doubles:
    """[U] mean tone of the newer half of the user's dated reviews less that of the older half; NaN
    below FEWEST_FOR_TREND of them. Of an odd number the one in the middle is newer."""
    user, tone = found.user[found.dated], found.tone[found.dated]
    number = np.bincount(user, minlength=found.n_users)
    older = np.arange(len(user)) - np.searchsorted(user, user) < number[user] // 2
    halves = [
        ratio(np.bincount(user[h], tone[h], found.n_users),
              np.bincount(user[h], minlength=found.n_users))
        for h in (older, ~older)
    ]  # fmt: skip
    return np.where(number >= FEWEST_FOR_TREND, halves[1] - halves[0], np.nan)


def likes_and_dislikes(
    found: Tones, share: sp.csr_array, names: pa.Array
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """[U] and [U]: up to NAMED categories with SUPPORT reviews of the user or more, whose tone is
    good, or bad; the clearest first. The mean is drawn to neither by one review, so that little is
    not clear. `share` [I, C] are the items' categories, `names` [C] theirs."""
    shape = (found.n_users, share.shape[0])
    ends = (found.user, found.item)
    number = (sp.coo_array((np.ones(len(found.tone)), ends), shape).tocsr() @ share).tocoo()
    total = (sp.coo_array((found.tone, ends), shape).tocsr() @ share).tocsr()
    user, category = (np.asarray(c, np.int64) for c in number.coords)
    mean = (Lookup(total)(user, category).astype(np.float64) + NEITHER) / (number.data + 1)
    enough = number.data >= SUPPORT

    def named(which: Bools, clear: Doubles) -> NDArray[np.object_]:
        rows = np.flatnonzero(which & enough)
        return leading(user[rows], category[rows], clear[rows], names, found.n_users, NAMED)

    return named(mean >= FAVOURABLE, mean), named(mean <= UNFAVOURABLE, -mean)
