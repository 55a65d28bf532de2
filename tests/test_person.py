"""One user from all sides, and evidence in words."""

from __future__ import annotations

import pytest

from kg.errors import NotFound
from kg.evidence import SNIPPET, Evidence, event_evidence, in_words, resolve, snippet
from kg.person import person
from kg.store import GraphStore
from tests.small_shop import AS_OF, DAY, VERSION, ago


def test_profile_and_attributes_are_told_apart(shop_store: GraphStore) -> None:
    """What the source says and what the release says stand in two places."""
    found = person(shop_store, "ada")
    assert found.attributes == {"country": "UK", "createdAt": ago(400)}
    assert found.profile is not None
    assert found.profile["valueTier"] == "champion"
    assert "embedding" not in found.profile


def test_activity(shop_store: GraphStore) -> None:
    """Events are counted by kind, most first."""
    found = person(shop_store, "ada")
    assert [(a.kind, a.events, a.items) for a in found.activity] == [
        ("PURCHASED", 3, 2),
        ("REVIEWED", 1, 1),
    ]


def test_interests_have_their_evidence_in_words(shop_store: GraphStore) -> None:
    """Cited ids become kinds that are counted and a strongest one that is told."""
    guitars = person(shop_store, "ada").categories[0]
    assert guitars.says == (
        "1 review, 1 purchase, 1 followed user and 3 more; "
        "most: reviewed Guitar strings (5 stars, 2023-06-22) “These strings sing.”"
    )
    assert [e.id for e in guitars.evidence] == ["REVIEWED:r1", "PURCHASED:p3", "FOLLOWS:ben"]


def test_item_interests(shop_store: GraphStore) -> None:
    """Stored item interests come with their titles."""
    assert [(i.id, i.name) for i in person(shop_store, "ada").items] == [
        ("tele", "Telecaster"),
        ("strat", "Stratocaster"),
    ]


def test_similar_users(shop_store: GraphStore) -> None:
    """The nearest come first, with what they are into."""
    assert [(s.user_id, s.score, s.interest) for s in person(shop_store, "ada").similar] == [
        ("eve", 1.0, "guitars"),
        ("ben", 0.8, "guitars"),
    ]


def test_the_nearest_by_their_vectors(shop_store: GraphStore) -> None:
    """As many as are asked for, without the user, with tier and leading interest."""
    found = person(shop_store, "ada", similar=2)
    assert found.similar_by != "release"
    assert len(found.similar) == 2
    assert [s.score for s in found.similar] == sorted(
        (s.score for s in found.similar), reverse=True
    )
    nearest = found.similar[0]
    assert (nearest.user_id, nearest.score, nearest.interest) == (
        "eve",
        pytest.approx(1),
        "guitars",
    )


def test_nobody_is_near_a_user_without_a_vector(shop_store: GraphStore) -> None:
    """Rather than an error."""
    without = next(
        row[0]
        for row in shop_store.query(
            "MATCH (u:User) WHERE u.embedding IS NULL RETURN u.userId ORDER BY u.userId"
        ).rows
    )
    assert person(shop_store, without, similar=3).similar == []


def test_freshness(shop_store: GraphStore) -> None:
    """The claim's release, cut-off and reach are said."""
    fresh = person(shop_store, "ada").freshness
    assert (fresh.release, fresh.as_of, fresh.horizon_days) == (VERSION, AS_OF, 30)
    assert fresh.published_at == AS_OF + 2 * DAY


@pytest.mark.parametrize(
    ("user", "notes"),
    [
        ("ada", []),
        ("gus", ["Cold start: the profile stands on friends only: no event yet."]),
        ("hal", ["Cold start: the profile stands on nothing: no event, no friend, no text."]),
        ("ivy", ["No profile: the user came after the live release r2. Run `kg refresh`."]),
    ],
)  # fmt: skip
def test_notes(shop_store: GraphStore, user: str, notes: list[str]) -> None:
    """Cold start and a missing profile are said in a sentence."""
    assert person(shop_store, user).notes == notes


def test_no_profile(shop_store: GraphStore) -> None:
    """A user no release knows has no profile rather than an empty one."""
    assert person(shop_store, "ivy").profile is None


def test_unknown_user(shop_store: GraphStore) -> None:
    """An unknown id is answered with ids that contain it."""
    with pytest.raises(NotFound, match=r"no user 'AD' in .*; ids that contain it: ada"):
        person(shop_store, "AD")


def test_unknown_user_without_near_ones(shop_store: GraphStore) -> None:
    """Where no id is near, the error says how to see some."""
    with pytest.raises(NotFound, match="`kg query best_users` shows some ids"):
        person(shop_store, "zzz")


def test_evidence_that_is_gone(shop_store: GraphStore) -> None:
    """An event that is no longer in the graph is said to be gone."""
    found = resolve(shop_store, "ada", ["PURCHASED:gone"])
    assert found["PURCHASED:gone"].says == "bought something no longer in the graph"


def test_evidence_of_friends_with_odd_ids(shop_store: GraphStore) -> None:
    """An id may hold colons."""
    assert resolve(shop_store, "ada", ["FOLLOWS:a:b"])["FOLLOWS:a:b"].user_id == "a:b"


def test_one_star_is_one() -> None:
    """Two are stars."""
    row = {"kind": "RATED", "title": "Telecaster", "itemId": "tele", "at": None, "text": None}
    told = [event_evidence("RATED:r", "RATED", [{**row, "rating": n}]).says for n in (1.0, 2.0)]
    assert told == ["rated Telecaster (1 star)", "rated Telecaster (2 stars)"]


def test_evidence_of_others_is_not_shown(shop_store: GraphStore) -> None:
    """Evidence is looked up among the user's own events only."""
    found = resolve(shop_store, "ada", ["PURCHASED:p9"])
    assert found["PURCHASED:p9"].item_id is None


def test_words_without_single_edges() -> None:
    """A claim that no edge carries says so."""
    assert in_words(0, []) == "no single edge: the taste as a whole"


def test_words_count_in_plural() -> None:
    """Two of a kind are plural; nothing more is nothing said."""
    pieces = [Evidence(id=f"VIEWED:{n}", kind="VIEWED", says=f"viewed {n}") for n in "ab"]
    assert in_words(2, pieces) == "2 views; most: viewed a"


def test_snippets() -> None:
    """A quoted text is one line of bounded length that shows where it was cut."""
    text = snippet("a\nlong  text " + "x" * 200)
    assert text.startswith("a long text x")
    assert (len(text), text[-1]) == (SNIPPET, "…")
