"""Review vectors and stars → the mean tone of each user's reviews."""

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from gnn.config import TrainConfig
from gnn.graph import Seen, events
from gnn.split import split
from gnn.tables import TextVectors
from gnn.tone import (
    Tones,
    fit_tone,
    judge_tone,
    likes_and_dislikes,
    tone_trend,
    tones_of,
    user_tone,
)
from tests.gnn.planted import DAY, acts, tables

RNG = np.random.default_rng(0)
N, USERS = 600, 30
USER = np.arange(N) % USERS
GOOD = (USER < 15) ^ (RNG.random(N) < 0.1)  # the first fifteen users praise, nine times in ten
VECTORS = (np.where(GOOD, 1, -1)[:, None] * np.eye(8)[0] + RNG.normal(0, 0.2, (N, 8))).astype("f4")
VECTORS[USER == 3] = 0  # user 3 gives stars without a word
VECTORS[4] = 0  # and user 4 their first ones
GRAPH = tables(
    USERS,
    5,
    {
        "REVIEWED": acts(
            USER, np.arange(N) % 5, np.arange(N) * DAY, rating=GOOD * 4.0 + 1, weight=GOOD * 1.0
        )
    },
)
TEXT = TextVectors(reviews=VECTORS)
SPLIT = split(GRAPH, TrainConfig(), seed=0)
MODEL, FIGURES = fit_tone(GRAPH, TEXT, SPLIT, seed=0)


def tone(seen=None):
    return user_tone(tones_of(MODEL, GRAPH, TEXT, events(GRAPH).seen(seen or Seen())))


def test_those_who_praise_have_the_higher_tone():
    """Every planted praiser is above every planted grumbler."""
    found = tone()
    assert np.nanmin(found[:15]) > np.nanmax(found[15:])


def test_a_user_without_words_has_no_tone():
    """Stars alone are no text: unknown."""
    assert np.isnan(tone()[3])


def test_a_tone_is_the_mean_over_the_reviews_before_the_moment():
    """As of day 60 each user has written twice, user 4 once in words."""
    each = MODEL.predict(VECTORS[:60]).reshape(2, USERS)
    written = np.isfinite(each).sum(axis=0)
    expected = np.nansum(each, axis=0) / np.where(written > 0, written, np.nan)
    assert tone(Seen(until=60 * DAY)) == pytest.approx(expected, nan_ok=True)


def test_only_reviews_of_the_training_part_teach():
    """What was written later is what the probe is judged on."""
    trained = (SPLIT.part["REVIEWED"] == 0) & (USER != 3) & (np.arange(N) != 4)
    assert FIGURES["trained_on"] == trained.sum()
    assert FIGURES["auc"] > 0.95


def test_without_text_there_is_a_reason():
    """No vectors at all; or too few bad reviews to know what bad is."""
    assert fit_tone(GRAPH, None, SPLIT, 0) == (None, "the source has no review text")
    praise = acts(USER, np.arange(N) % 5, np.arange(N) * DAY, weight=np.ones(N))
    kind = {**vars(GRAPH), "behaviour": {"REVIEWED": praise}}
    model, reason = fit_tone(type(GRAPH)(**kind), TEXT, SPLIT, 0)
    assert model is None
    assert "too few" in reason


def tones(rows, n_users=2):
    """Reviews of (user, item, tone), all dated, by user and time."""
    user, item, tone = (np.array(c) for c in zip(*rows, strict=True))
    return Tones(user, item, np.ones(len(user), np.bool_), tone.astype(float), n_users)


def test_the_trend_is_newer_less_older():
    """(.9 + .7 + .8) / 3 − (.2 + .4) / 2 = .5; three reviews are too few."""
    found = tones([(0, 0, t) for t in (0.2, 0.4, 0.9, 0.7, 0.8)] + [(1, 0, 0.5)] * 3)
    assert tone_trend(found) == pytest.approx([0.5, np.nan], nan_ok=True)


def test_likes_and_dislikes_are_clear_categories():
    """A: (.9 + .9 + .5) / 3 = .77 liked; B: (.8 + .8 + .8 + .5) / 4 = .73 liked less; C one review
    alone; D: (.1 + .1 + .5) / 3 = .23 disliked; E: (.5 + .6 + .5) / 3 neither."""
    share = sp.csr_array(np.eye(5))
    rows = [(0, 0, 0.9), (0, 0, 0.9), (0, 1, 0.8), (0, 1, 0.8), (0, 1, 0.8), (0, 2, 0.99)]
    rows += [(0, 3, 0.1), (0, 3, 0.1), (0, 4, 0.5), (0, 4, 0.6)]
    likes, dislikes = likes_and_dislikes(tones(rows), share, pa.array(list("ABCDE")))
    assert (likes.tolist(), dislikes.tolist()) == (["A, B", None], ["D", None])


def test_without_text_there_are_no_tones():
    """Nobody's sentiment, trend or likes."""
    none = tones_of(MODEL, GRAPH, None, events(GRAPH))
    assert np.isnan(user_tone(none)).all()
    assert np.isnan(tone_trend(none)).all()


PRAISE, BLAME = "It is a great and lovely thing.", "It is a terrible thing that I hate."
LOB, TADEL = "Die Saite ist gut und hält lange.", "Die Saite riss schon nach einer Woche."


def worded(words):
    """The graph with these texts of good and bad reviews."""
    texts = pa.array(np.where(GOOD, *words))
    told = GRAPH.behaviour["REVIEWED"].append_column("text", texts)
    return type(GRAPH)(**{**vars(GRAPH), "behaviour": {"REVIEWED": told}})


def judged(words):
    graph = worded(words)
    return {row["model"]: row for row in judge_tone(MODEL, graph, TEXT, SPLIT, seed=0)}


def test_vader_is_judged_beside_the_probe():
    """On the same later reviews: where the words say it all it is always right, where they lie it
    never is, and the probe, which sees vectors, is what it was."""
    later = (SPLIT.part["REVIEWED"] != 0) & VECTORS.any(axis=1)
    honest, lying = judged((PRAISE, BLAME)), judged((BLAME, PRAISE))
    assert (honest["VADER"]["auc"], lying["VADER"]["auc"]) == (1, 0)
    for rows in (honest, lying):
        assert rows["profile"]["auc"] == pytest.approx(FIGURES["auc"])
        assert {r["reviews"] for r in rows.values()} == {later.sum()}
        assert rows["VADER"]["unfavourable"] == (later & ~GOOD).sum()


def test_vader_is_not_asked_about_other_languages():
    """Nor is anything judged where there are no words."""
    assert judged((LOB, TADEL)) == {}
    assert judge_tone(MODEL, GRAPH, TEXT, SPLIT, seed=0) == []


def test_words_in_english_help_vectors_that_say_little():
    """They count in the model, its figure, and every review's tone."""
    graph, noise = (
        worded((PRAISE, BLAME)),
        TextVectors(reviews=RNG.normal(0, 1, (N, 8)).astype("f4")),
    )
    model, figures = fit_tone(graph, noise, SPLIT, seed=0)
    assert model.lexicon > 0
    assert figures["auc"] > 0.99
    tone = tones_of(model, graph, noise, events(graph)).tone
    good = GOOD[np.lexsort((np.arange(N), USER))]
    assert tone[good].min() > tone[~good].max()


def test_texts_that_foretell_no_stars_teach_nothing():
    """Vectors of pure noise beside words in German: no tone, and the reason names the figure."""
    noise = TextVectors(reviews=RNG.normal(0, 1, (N, 8)).astype("f4"))
    model, reason = fit_tone(worded((LOB, TADEL)), noise, SPLIT, seed=0)
    assert model is None
    assert "texts do not foretell the stars: AUC 0." in reason
