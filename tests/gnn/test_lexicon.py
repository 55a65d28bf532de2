"""VADER's tone of English texts, and which texts are English."""

import pyarrow as pa
import pytest

from gnn.lexicon import in_english, vader

ENGLISH = [
    "This is the best guitar I have had, and it was not even expensive.",
    "The strings broke after a week and they would not take them back.",
    "Great gift!",
]
GERMAN = [
    "Das Gerät kam schnell an und die Qualität ist hervorragend, der Preis leider hoch.",
    "Nach zwei Wochen war die Saite gerissen und niemand wollte sie zurücknehmen.",
]
DUTCH = [
    "De gitaar kwam snel aan, klinkt mooi en de prijs valt mee voor wat je krijgt.",
    "Na twee weken brak de snaar en niemand wilde hem terugnemen, erg jammer.",
]


def test_of_an_english_source_all_but_texts_in_other_languages():
    """Short ones too; no text is in no language."""
    texts = pa.array([*ENGLISH, GERMAN[0], "很好用，很喜欢", None, "", *ENGLISH[:2]])
    assert in_english(texts).tolist() == [True] * 3 + [False] * 4 + [True] * 2


@pytest.mark.parametrize("others", [GERMAN, DUTCH], ids=["German", "Dutch"])
def test_of_another_source_none(others):
    """Not even those with English words in them."""
    assert not in_english(pa.array([*others, "Super, the best"])).any()


def test_an_empty_source_is_in_no_language():
    assert in_english(pa.array([], pa.string())).tolist() == []


def test_praise_is_above_and_blame_below():
    """VADER's own example, and its rule for negation."""
    good, bad, neither = vader(
        pa.array(["VADER is smart, handsome, and funny.", "It is not good.", "It is a chair."])
    )
    assert good == pytest.approx(0.8316)
    assert bad < 0 == neither
