"""The tone of a review, learned from stars: planted vectors whose right answer is known."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gnn.sentiment import SentimentModel, fit_sentiment

Planted = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_]]


def planted(reviews: int = 600, noise: float = 0.6, good: float = 0.8) -> Planted:
    """Unit vectors in which one direction is the tone; stars 1, 2, 4 or 5 follow it."""
    rng = np.random.default_rng(3)
    tone = np.where(rng.random(reviews) < good, 1.0, -1.0)
    vectors = rng.normal(0, noise, (reviews, 16))
    vectors[:, 0] = tone + vectors[:, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weight = np.where(tone > 0, rng.choice([0.75, 1.0], reviews), rng.choice([0, 0.25], reviews))
    return vectors.astype(np.float32), weight, rng.random(reviews) < 0.7


def fit(data: Planted) -> SentimentModel:
    model = fit_sentiment(*data, seed=1)
    assert model is not None
    return model


def test_the_planted_direction_is_found() -> None:
    """Held-out reviews are told apart, and the tone's direction carries the weight."""
    data = planted()
    model = fit(data)
    assert model.auc is not None
    assert model.auc > 0.9
    assert int(np.argmax(abs(model.coefficient))) == 0
    assert model.held_out == int((~data[2]).sum())


def test_half_is_between_the_classes_whatever_their_shares() -> None:
    """With nineteen of twenty favourable, the unfavourable still come out below one half."""
    vectors, weight, train = planted(3_000, noise=0.3, good=0.95)
    said = fit((vectors, weight, train)).predict(vectors)
    assert (said[weight < 0.4] < 0.5).mean() > 0.95


def test_a_lexicon_counts_where_it_helps() -> None:
    """Scores that follow the stars take weight and raise the held-out figure; scores that say
    nothing have none."""
    vectors, weight, train = planted(noise=2.0)
    rng = np.random.default_rng(5)
    good = np.where(weight > 0.5, 0.5, -0.5)
    alone = fit((vectors, weight, train))
    for scores, counts in ((good + rng.normal(0, 0.4, 600), True), (np.zeros(600), False)):
        both = fit_sentiment(vectors, weight, train, 1, lambda rows, s=scores: s[rows])
        assert both is not None
        assert (both.lexicon > 0) is counts
        assert both.auc is not None
        assert alone.auc is not None
        assert (both.auc > alone.auc + 0.03) is counts
        said = both.predict(vectors[:2], np.array([1.0, -1.0]))
        assert (said != both.predict(vectors[:2])).all() == counts


def test_a_review_without_text_has_no_sentiment() -> None:
    """A vector of zeros is NaN, and the others are probabilities."""
    vectors, weight, train = planted()
    vectors[5] = 0
    said = fit((vectors, weight, train)).predict(vectors)
    assert np.flatnonzero(np.isnan(said)).tolist() == [5]
    assert said.dtype == np.float32
    assert ((said >= 0) & (said <= 1)).sum() == len(said) - 1


def test_only_training_reviews_teach() -> None:
    """Turning the stars of every other review over changes the judgement and not the model."""
    vectors, weight, train = planted()
    lie = np.where(train, weight, 1 - weight)
    honest, lied_to = fit((vectors, weight, train)), fit((vectors, lie, train))
    assert (honest.coefficient == lied_to.coefficient).all()
    assert honest.auc == pytest.approx(1 - lied_to.auc)


def test_neutral_and_missing_stars_teach_nothing() -> None:
    """Adding reviews of three stars and of none leaves the model as it was."""
    vectors, weight, train = planted()
    more = np.concatenate([vectors, vectors[::-1]])
    unsure = np.where(np.arange(len(weight)) % 2, 0.5, np.nan)
    again = fit((more, np.concatenate([weight, unsure]), np.concatenate([train, train])))
    assert again.coefficient == pytest.approx(fit((vectors, weight, train)).coefficient)


@pytest.mark.parametrize("unfavourable", [0, 19])
def test_too_few_of_a_class_is_none(unfavourable: int) -> None:
    """Below twenty of either class nothing is claimed."""
    vectors, weight, train = planted()
    bad = np.flatnonzero((weight < 0.4) & train)
    weight[bad[unfavourable:]] = 0.5
    assert fit_sentiment(vectors, weight, train, seed=1) is None


def test_no_held_out_reviews_is_no_figure() -> None:
    """A model that cannot be judged says so, and is still a model."""
    vectors, weight, _ = planted()
    model = fit((vectors, weight, np.ones(len(weight), bool)))
    assert model.auc is None
    assert model.held_out == 0


def test_no_reviews_is_none() -> None:
    """An empty set is too few."""
    empty = np.zeros((0, 16), np.float32), np.zeros(0), np.zeros(0, bool)
    assert fit_sentiment(*empty, seed=1) is None


def test_the_same_seed_gives_the_same_model() -> None:
    """Two fits agree bit for bit."""
    assert (fit(planted()).coefficient == fit(planted()).coefficient).all()


DATA = Path(os.environ.get("KG_DATA") or Path(__file__).parents[3] / "shared" / "data")
MUSIC = DATA / "amazon_musical_instruments" / "Musical_Instruments_5.json.gz"


@pytest.mark.realdata
@pytest.mark.skipif(not MUSIC.exists(), reason=f"no {MUSIC}; set KG_DATA to the public data sets")
def test_musical_instruments_are_told_apart() -> None:
    """On short real reviews of users the model never saw, AUC is above .75."""
    from gnn.text import ReviewEncoder

    with gzip.open(MUSIC, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    bad = [r for r in rows if r["overall"] <= 2 and len(r["reviewText"]) < 250]
    good = [r for r in rows if r["overall"] >= 4 and len(r["reviewText"]) < 200][: len(bad)]
    chosen = bad + good
    vectors = ReviewEncoder.open().encode([r["reviewText"] for r in chosen])
    users = np.array([hash_of(r["reviewerID"]) for r in chosen])
    weight = np.array([(r["overall"] - 1) / 4 for r in chosen])
    model = fit((vectors, weight, users % 3 > 0))
    assert model.auc is not None
    assert model.auc > 0.75


def hash_of(user: str) -> int:
    return sum(user.encode())
