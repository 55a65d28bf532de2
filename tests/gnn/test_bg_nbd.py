"""BG/NBD against the paper's published figure, by hand, and on planted customers."""

import numpy as np
import pytest

from gnn.bg_nbd import BgNbd, Visits, fit_bg_nbd, visits_of
from tests.gnn.planted import DAY

CDNOW = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Of Fader, Hardie and Lee (2005), table 2."""


def one(days, last, age):
    return Visits(np.array([days]), np.array([float(last)]), np.array([float(age)]))


def planted(n=3000, days=300, seed=0):
    """Who comes at a gamma rate and leaves with a beta chance after each visit: (user, day)."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 1 / 20, n)
    leaves = rng.beta(1.0, 4.0, n)
    at = rng.random(n) * 100
    here, rows = np.ones(n, bool), []
    while (here & (at < days)).any():
        now = np.flatnonzero(here & (at < days))
        rows.append(np.stack([now, at[now]]))
        here[now] = rng.random(len(now)) >= leaves[now]
        at[now] += rng.exponential(1 / rate[now])
    user, when = np.concatenate(rows, axis=1)
    return user.astype(int), (when * DAY).astype(np.int64)


def test_the_paper_s_customer():
    """Two repeat purchases, the last after 30.43 of 38.86 weeks: 1.226 more in 39 weeks."""
    assert CDNOW.expected(one(3, 30.43, 38.86), 39.0) == pytest.approx([1.226], abs=5e-4)


def test_a_user_of_one_visit_cannot_have_left():
    """The model lets nobody leave at the first."""
    assert CDNOW.alive(one(1, 0, 500)).tolist() == [1]


def test_a_long_silence_after_frequent_visits_is_leaving():
    """Twenty visits in 100 days, then 400 days of nothing."""
    assert CDNOW.alive(one(20, 100, 500))[0] < 0.01 < 0.9 < CDNOW.alive(one(20, 490, 500))[0]


def test_half_the_chance_lies_within_the_wait():
    """By definition of the median; and infinite where the user has as likely as not left."""
    v = one(3, 30, 35)
    assert CDNOW.back(v, CDNOW.wait(v)[0]) == pytest.approx([0.5])
    assert CDNOW.wait(one(20, 100, 500)).tolist() == [np.inf]


def test_visits_are_days():
    """Two on day 3 are one; as of day 10 the first is 7 days ago; user 1 never came."""
    v = visits_of(np.array([0, 0, 0]), np.array([3 * DAY, 3 * DAY + 9, 5 * DAY]), 2, 10 * DAY)
    assert (v.days.tolist(), v.last.tolist(), v.age.tolist()) == ([2, 0], [2, 0], [7, 0])


def test_planted_visits_are_foretold():
    """Fitted on 200 days, the visits of the next 100 come to within a tenth."""
    user, at = planted()
    cut = 200 * DAY
    v = visits_of(user[at < cut], at[at < cut], 3000, cut)
    model = fit_bg_nbd(v)
    said = model.expected(v, 100)[v.days > 0]
    later = np.bincount(user[at >= cut], minlength=3000)[v.days > 0]
    assert said.sum() == pytest.approx(later.sum(), rel=0.1)
    assert model.back(v, 100)[v.days > 0].mean() == pytest.approx((later > 0).mean(), abs=0.03)


def test_where_nobody_came_back_there_is_no_model():
    """A hundred users of one visit."""
    assert fit_bg_nbd(visits_of(np.arange(100), np.arange(100) * DAY, 100, 200 * DAY)) is None
