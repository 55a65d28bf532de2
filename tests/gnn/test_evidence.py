"""Claims → the edges that carry them, exactly."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.encoded import Encoded, Hop
from gnn.errors import GraphError
from gnn.evidence import evidence_of, names_of, sources_of
from tests.gnn.planted import acts, tables

EAST, NORTH, WEST = [1, 0], [0, 1], [-1, 0]
ITEMS = np.array([EAST, NORTH, WEST], np.float32)
NO_ITEM = np.zeros(3, np.bool_)


def graph(user, item, **more):
    return tables(2, 3, {"REVIEWED": acts(user, item)}, **more)


def encoded(*hops):
    return Encoded(np.zeros((2, 2), np.float32), ITEMS, np.zeros(3, np.float32), hops)


def hop(kind, user, other, edge, coefficient, message=ITEMS):
    whole = (np.asarray(a, np.int64) for a in (user, other, edge))
    return Hop(kind, *whole, np.asarray(coefficient, np.float32), np.asarray(message, np.float32))


def look(sources, user=0, direction=EAST):
    claims = np.array([user]), np.array([0])
    return evidence_of(sources, *claims, np.array([direction], np.float32))


# user 0: event 0 east (.5), event 1 north (.3), event 2 east (.2); user 1: event 3 north
PLAIN = graph([0, 0, 0, 1], [0, 1, 0, 1])
EVENTS = hop("REVIEWED", [1, 0, 0, 0], [1, 0, 1, 0], [3, 0, 1, 2], [1, 0.5, 0.3, 0.2])
SOURCES = sources_of(encoded(EVENTS), PLAIN, NO_ITEM)


def test_the_strongest_edge_comes_first():
    """Of two events that point east the one with the larger coefficient is named first."""
    assert names_of(look(SOURCES), SOURCES).to_pylist() == [["REVIEWED:e0", "REVIEWED:e2"]]


def test_parts_are_exact():
    """Each part is coefficient x message · direction, and together they are the score."""
    assert look(SOURCES).part.tolist() == pytest.approx([0.5, 0.2])


def test_an_edge_that_says_nothing_is_not_cited():
    """The northern event has no part in an eastern claim."""
    assert look(SOURCES).count.tolist() == [2]


def test_edges_against_a_claim_do_not_enter_its_share():
    """A western event lowers the score; of the positive part the one eastern event carries all."""
    sources = sources_of(
        encoded(hop("REVIEWED", [0, 0], [0, 2], [0, 1], [0.5, 0.4])), graph([0, 0], [0, 2]), NO_ITEM
    )
    found = look(sources)
    assert (found.share.tolist(), found.count.tolist()) == ([1.0], [1])


def test_the_share_is_what_the_cited_five_carry():
    """Ten equal events: five are cited and carry half."""
    ten = sources_of(
        encoded(hop("REVIEWED", [0] * 10, [0] * 10, range(10), [0.1] * 10)),
        graph([0] * 10, [0] * 10),
        NO_ITEM,
    )
    found = look(ten)
    assert (found.share.tolist(), found.count.tolist()) == (pytest.approx([0.5]), [10])


def test_faint_edges_are_neither_counted_nor_cited():
    """An event with a twentieth of the strongest one's part does not speak for the claim."""
    faint = sources_of(
        encoded(hop("REVIEWED", [0, 0], [0, 0], [0, 1], [1, 0.05])), graph([0, 0], [0, 0]), NO_ITEM
    )
    found = look(faint)
    assert (found.count.tolist(), np.diff(found.indptr).tolist()) == ([1], [1])


def test_a_review_is_one_source():
    """Its event and its text are added up under one name."""
    text = hop("text", [0], [0], [2], [0.6], [EAST])
    both = sources_of(encoded(EVENTS, text), PLAIN, NO_ITEM)
    found = look(both)
    assert names_of(found, both).to_pylist() == [["REVIEWED:e2", "REVIEWED:e0"]]
    assert found.part.tolist() == pytest.approx([0.8, 0.5])


def test_a_friend_is_named_by_their_id():
    """FOLLOWS:<userId>"""
    social = {"FOLLOWS": pa.table({"src": [0], "dst": [1]})}
    friend = hop("FOLLOWS", [0], [1], [0], [0.9], [NORTH, EAST])
    sources = sources_of(encoded(EVENTS, friend), graph([0] * 4, [0] * 4, social=social), NO_ITEM)
    assert names_of(look(sources), sources).to_pylist()[0][0] == "FOLLOWS:u1"


def test_a_private_item_is_never_cited_but_keeps_its_part():
    """The named event carries only what it carries."""
    private = np.array([True, False, False])
    three = graph([0, 0], [0, 1])
    sources = sources_of(
        encoded(hop("REVIEWED", [0, 0], [0, 1], [0, 1], [0.6, 0.2])), three, private
    )
    found = look(sources, direction=[1, 1])
    assert names_of(found, sources).to_pylist() == [["REVIEWED:e1"]]
    assert found.share.tolist() == pytest.approx([0.25])


def test_a_user_without_edges_has_no_evidence():
    """Nothing is cited, and the share is 0, not NaN."""
    sources = sources_of(encoded(hop("REVIEWED", [0], [0], [0], [1])), graph([0], [0]), NO_ITEM)
    found = look(sources, user=1)
    assert (found.count.tolist(), found.share.tolist()) == ([0], [0.0])
    assert names_of(found, sources).to_pylist() == [[]]


def test_blocks_do_not_change_the_answer(monkeypatch):
    """One claim at a time gives what all at once give."""
    user, target = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 1])
    directions = np.array([EAST, NORTH], np.float32)
    whole = evidence_of(SOURCES, user, target, directions)
    monkeypatch.setattr("gnn.evidence.CELLS_A_BLOCK", 2)
    pieces = evidence_of(SOURCES, user, target, directions)
    assert names_of(pieces, SOURCES) == names_of(whole, SOURCES)
    assert (pieces.part == whole.part).all()


def test_events_must_have_ids():
    """Without `eventId` evidence could not be named: a clear error."""
    nameless = tables(2, 3, {"REVIEWED": acts([0], [0]).drop_columns(["eventId"])})
    with pytest.raises(GraphError, match="REVIEWED: no column 'eventId'"):
        sources_of(encoded(), nameless, NO_ITEM)
