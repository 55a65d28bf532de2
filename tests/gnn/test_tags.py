"""Words that tell users' choices apart, on a shop worked out by hand."""

import pyarrow as pa

from gnn.graph import events
from gnn.tags import choices, fit_lexicon, tags, words_of
from loaders.personal import KINDS
from tests.gnn.planted import acts, tables

TITLES = [
    "Steel guitar strings",
    "Guitar tuner",
    "Drum sticks",
    "Drums kit",
    "Guitar",
    "Piano",
    "Harp",
    "Flute",
]
# five users; three take guitars, three drums; user 4 buys a guitar twice and sends two back
ROWS = [(0, 0), (0, 1), (1, 1), (1, 4), (2, 2), (2, 3), (3, 2), (3, 3), (4, 2), (4, 3), (2, 4)]
ROWS += [(user, item) for user in range(5) for item in (5, 6, 7)]


def shop(texts=None, bad=()):
    user, item = zip(*ROWS, strict=True)
    behaviour = {"VIEWED": acts(user, item, range(len(user)))}
    if texts:
        who, what, said, weight = zip(*texts, strict=True)
        behaviour["REVIEWED"] = acts(
            who, what, range(100, 100 + len(who)), text=pa.array(said, pa.string()),
            weight=list(weight), rating=[5.0 * w for w in weight],
        )  # fmt: skip
    if bad:
        who, what = zip(*bad, strict=True)
        behaviour["RETURNED"] = acts(who, what, range(50, 50 + len(who)))
    return tables(5, 8, behaviour, titles=TITLES)


def said(graph):
    seen = events(graph)
    lexicon = fit_lexicon(graph, seen)
    found = choices(graph, seen, lexicon)
    return (
        tags(found, found.good, lexicon, 5).tolist(),
        tags(found, found.bad, lexicon, 5).tolist(),
        lexicon.words.to_pylist(),
    )


def test_the_words_of_what_a_user_takes():
    """Guitars for users 0 and 1, drums for the others: words of two choices or more; "drum" and
    "drums" are one word, "steel" is known by one user's choices, and nobody has two pianos."""
    good, _, words = said(shop())
    assert good == ["guitar", "guitar", "drum", "drum", "drum"]
    assert "steel" not in words


def test_reviews_add_their_words():
    """User 0 calls two of three things bright, as two others do once."""
    texts = [(0, 0, "so Bright!", 1.0), (0, 1, "bright, not that bright", 1.0)]
    texts += [(1, 4, "bright", 1.0), (2, 2, "bright", 1.0)]
    good, _, _ = said(shop(texts))
    assert good[0] == "bright, guitar"
    assert good[1] == "guitar"


def test_what_is_sent_back_or_run_down_is_told_apart():
    """User 4 sends two drums back; user 3 gives two of one star; two of three stars are neither."""
    low = [(3, 2, "", 0.0), (3, 3, "", 0.25), (2, 2, "", 0.5), (2, 3, "", 0.5)]
    _, bad, _ = said(shop(low, bad=[(4, 2), (4, 3)]))
    assert bad == [None, None, None, "drum", "drum"]


def test_a_word_that_others_say_more_is_not_said():
    """Three users call two of five choices nice, a fourth two of twenty: mean share .325."""
    rows = [(user, item) for user in range(3) for item in range(5)]
    rows += [(3, item) for item in range(20)]
    user, item = zip(*rows, strict=True)
    nice = [f"{'nice' if i < 2 else 'plain'} thing {u}" for u, i in rows]
    reviews = acts(user, item, range(len(rows)), text=nice, weight=[1.0] * len(rows))
    graph = tables(4, 20, {"REVIEWED": reviews})
    lexicon = fit_lexicon(graph, events(graph))
    found = choices(graph, events(graph), lexicon)
    assert tags(found, found.good, lexicon, 4).tolist() == ["nice", "nice", "nice", None]


def test_languages_without_spaces_have_words_too():
    """Every two signs in a row; short words and numbers are none."""
    assert words_of("吉他很好 A 12 pick-up x2") == ["吉他", "他很", "很好", "pick"]


def test_masks_are_no_words():
    """What the loader took out is not what somebody wrote; other words in brackets are."""
    masked = [kind.mask for kind in KINDS]
    assert words_of(f"call {' '.join(masked)} [great]") == ["call", "great"]


def test_chinese_reviews_have_tags():
    """Three users praise 吉他 (guitar), user 0 twice."""
    texts = [(0, 0, "吉他好", 1.0), (0, 1, "这吉他", 1.0), (1, 1, "吉他", 1.0), (2, 2, "吉他", 1.0)]
    good, _, _ = said(shop(texts))
    assert "吉他" in good[0]


def test_without_words_there_is_no_lexicon():
    """No titles and no reviews."""
    graph = tables(1, 1, {"VIEWED": acts([0], [0], [1])})
    assert fit_lexicon(graph, events(graph)) is None


def test_a_word_that_few_use_is_never_said():
    """It may be a name: two users of it are not enough."""
    texts = [(0, 0, "melanie here", 1.0), (0, 1, "melanie again", 1.0), (1, 1, "melanie", 1.0)]
    good, _, words = said(shop(texts))
    assert "melanie" not in words
    assert not any("melanie" in g for g in good if g)
