"""Users who are taken out of a training, and what is asked of them after it."""

import numpy as np

from benchmarks.published import CHOOSING
from benchmarks.unseen import drawn, rows_of, stranger_scorer, without
from gnn.config import TrainConfig
from gnn.evaluate import task
from gnn.graph import events
from tests.gnn.planted import acts, tables

USERS = 5200
SMALL = TrainConfig(dim=4, epochs=2, rank=4)


def shop(shift=0):
    """Everyone takes up three of twelve items, of one kind."""
    user = np.repeat(np.arange(USERS), 3)
    item = (user % 2) * 6 + (user + np.tile([0, 2, 4], USERS) + shift) % 6
    return tables(USERS, 12, {"VIEWED": acts(user, item)})


def whole():
    return task(events(shop()), events(shop(1)), "new items")


def test_nobody_who_is_hidden_chooses_a_setting():
    """And as many are hidden as are asked for."""
    choosing, hidden = drawn(whole(), 0.02)
    assert len(choosing) == CHOOSING
    assert len(hidden) == 104
    assert not np.isin(hidden.users, choosing.users).any()


def test_hidden_users_leave_no_edge():
    """The others' stay."""
    rest = without(shop(), np.array([1, 7])).behaviour["VIEWED"]["src"].to_numpy()
    assert np.array_equal(np.unique(rest), np.setdiff1d(np.arange(USERS), [1, 7]))


def test_hidden_users_are_scored_from_their_own_edges():
    """By a filter and popularity that do not hold them."""
    choosing, hidden = drawn(whole(), 0.02)
    scorer = stranger_scorer(shop(), choosing, hidden.users, SMALL, 0)
    assert scorer.moment.users_of_item.sum() == 3 * (USERS - len(hidden))
    assert scorer.linear.first_hop.nnz == 3 * (USERS - len(hidden))
    assert scorer.vectors.user[hidden.users[0]].any()
    assert scorer.inputs.indptr.diff()[hidden.users].tolist() == [3] * len(hidden)


def test_the_table_sets_unseen_beside_seen():
    """And their ratio, for each score."""
    found = {
        "seen": {"encoder": (0.2, 0.1)},
        "unseen": {"encoder": (0.19, 0.1)},
    }
    assert list(rows_of(found, 7)) == [
        ("7 seen", "encoder", "0.2000", "0.1000"),
        ("7 unseen", "encoder", "0.1900", "0.1000"),
        ("unseen / seen", "encoder", "0.950", "1.000"),
    ]
