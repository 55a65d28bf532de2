"""Files about a person who is not in the graph: what a line may be, and what it says if it is
not."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.account import MOST, account, read_account
from kg.errors import InputError


def test_lines_of_each_kind() -> None:
    """Events with what such an edge has, ties, and a text alone, which is a review."""
    lines = [
        '{"type": "PURCHASED", "itemId": "i7", "at": "2025-11-02", "price": 12.5, "quantity": 2}',
        "",
        '{"type": "RATED", "itemId": "i9", "rating": 4, "at": 1762041600}',
        '{"type": "FRIEND_OF", "userId": "u12"}',
        '{"text": "Bright strings."}\r',
    ]
    found = account(lines, "f")
    assert [(e.event_id, e.line.type) for e in found] == [
        ("line 1", "PURCHASED"), ("line 3", "RATED"), ("line 4", "FRIEND_OF"),
        ("line 5", "REVIEWED"),
    ]  # fmt: skip
    assert found[0].line.at == found[1].line.at == 1_762_041_600
    assert (found[2].line.user_id, found[3].line.item_id) == ("u12", None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "f:2: not a JSON object"),
        ("[1]", "f:2: not a JSON object"),
        ("[" * 100_000, "f:2: not a JSON object"),
        ('{"type": "BOUGHT", "itemId": "i"}', "f:2: type 'BOUGHT' is not one of VIEWED"),
        ('{"type": "VIEWED"}', "f:2: VIEWED needs an itemId"),
        ('{"type": "REVIEWED", "text": " "}', "f:2: REVIEWED needs an itemId"),
        ('{"type": "FOLLOWS", "itemId": "i"}', "f:2: FOLLOWS has a userId and nothing else"),
        ('{"type": "FOLLOWS", "userId": "u", "at": 5}', "f:2: FOLLOWS has a userId and nothing"),
        ('{"type": "VIEWED", "itemId": "i", "userId": "u"}', "f:2: VIEWED is of an item"),
        ('{"type": "VIEWED", "itemId": "i", "price": 3}', "f:2: VIEWED has no price"),
        ('{"type": "VIEWED", "itemId": "i", "colour": 3}', "f:2: colour: Extra inputs"),
        ('{"type": "VIEWED", "itemId": 7}', "f:2: itemId: Input should be a valid string"),
        ('{"type": "VIEWED", "itemId": "i", "at": "soon"}', "f:2: at: not a time"),
        ('{"type": "RATED", "itemId": "i", "rating": NaN}', "f:2: rating: Input should be a fin"),
        ('{"type": "VIEWED", "itemId": "i", "weight": -1}', "f:2: weight: Input should be great"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        account(['{"text": "fine"}', line], "f")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none"):
        read_account(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b'{"text": "\xe9"}')
    with pytest.raises(InputError, match="byte 10 is not UTF-8"):
        read_account(tmp_path / "latin")
    (tmp_path / "empty").write_text("\n\n")
    with pytest.raises(InputError, match="there is nothing in this file"):
        read_account(tmp_path / "empty")


def test_nobody_has_that_many_lines() -> None:
    with pytest.raises(InputError, match=f"f:{MOST + 1}: more than {MOST} lines about one person"):
        account(['{"text": "a"}'] * (MOST + 1), "f")


@given(st.text())
def test_any_line_is_read_or_refused_by_us(line: str) -> None:
    with suppress(InputError):
        assert account([line], "f")
