"""Which texts belong together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gnn.text_pairs import TextPairs, text_pairs


def found(
    item_text: list[str | None], reviews: list[tuple[int, int, str | None]], **given: object
) -> TextPairs:
    user, item, text = zip(*reviews, strict=True)
    table = pa.table(
        {"src": list(user), "dst": list(item), "text": pa.chunked_array([list(text)], pa.string())}
    )
    may = np.asarray(given.get("may", np.ones(len(reviews), bool)))
    most = int(str(given.get("most", 100)))
    return text_pairs(pa.array(item_text, pa.string()), table, may, seed=0, most=most)


def told(pairs: TextPairs) -> set[tuple[int, str, str]]:
    return {
        (int(i), pairs.texts[a], pairs.texts[b])
        for i, (a, b) in zip(pairs.item, pairs.pairs, strict=True)
    }


def test_a_review_and_what_the_catalogue_says() -> None:
    pairs = found(["pan", None], [(0, 0, "hot"), (1, 0, "flat")])
    assert told(pairs) == {(0, "hot", "pan"), (0, "flat", "pan")}


def test_or_another_users_review_of_the_item() -> None:
    """Never one's own, and never of another item."""
    reviews = [(0, 0, "a"), (1, 0, "b"), (0, 1, "mine"), (0, 1, "mine again"), (2, 2, "alone")]
    pairs = found([None, None, None], reviews)
    assert told(pairs) == {(0, "a", "b"), (0, "b", "a")}


def test_only_of_what_may_be_learned_from() -> None:
    """Neither as the one nor as the other: a review of the test says who bought what."""
    reviews = [(0, 0, "a"), (1, 0, "b"), (2, 0, "future"), (3, 0, None), (4, 0, "  ")]
    pairs = found([None], reviews, may=[True, True, False, True, True])
    assert told(pairs) == {(0, "a", "b"), (0, "b", "a")}
    assert not {"future", "  "} & set(pairs.texts)


def test_at_most_so_many_at_random() -> None:
    reviews: list[tuple[int, int, str | None]] = [(u, u % 7, f"text {u}") for u in range(50)]
    pairs = found(["item"] * 7, reviews, most=10)
    assert len(pairs) == len(told(pairs)) == 10
    assert len(set(pairs.item.tolist())) > 3
    assert all(text.startswith("text") for _, text, _ in told(pairs))


def test_nothing_to_pair() -> None:
    pairs = found([None], [(0, 0, "alone")])
    assert (len(pairs), pairs.texts, pairs.pairs.shape) == (0, [], (0, 2))
