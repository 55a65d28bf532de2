"""What is personal in a text is masked; prices, dates, ISBNs and the rest stay."""

from __future__ import annotations

import polars as pl
import pytest

from loaders.personal import masked


def mask(text: str) -> str:
    return str(masked(pl.Series([text]))[0][0])


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("mail joe.b+x@ex-ample.co.uk!", "mail [email]!"),
        ("письмо: иван@почта.рф", "письмо: [email]"),
        ("call (555) 234-5678 now", "call [phone] now"),
        ("1-800-555-0199", "[phone]"),
        ("+49 (0)30 1234567", "[phone]"),
        ("00441632960961", "[phone]"),
        ("020 7946 0958", "[phone]"),
        ("06 12 34 56 78", "[phone]"),
        ("手机13800138000好", "手机[phone]好"),
        ("电话：010-12345678。", "电话：[phone]。"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("5500-0000-0000-0004", "[card]"),
        ("pay DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432", "pay [iban] or [iban]"),
        ("身份证11010519491231002X", "身份证[id]"),
        ("SSN 123-45-6789", "SSN [id]"),
        ("CPF 529.982.247-25", "CPF [id]"),
        ("DNI 12345678Z, NIE X1234567L", "DNI [id], NIE [id]"),
        ("https://x.y/a?token=abc123 ok", "[url] ok"),
        ("http://joe:pw@host/x", "[url]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_-", "[token]"),
        ("thanks @anna_b!", "thanks [handle]!"),
    ],
)
def test_what_is_personal_is_masked(text: str, after: str) -> None:
    assert mask(text) == after


@pytest.mark.parametrize(
    "text",
    [
        "$1,234.56, EUR 1.299,00 and 3000 4000 5000",
        "ISBN 978-0-306-40615-7, 0-306-40615-2 and 0201-53082-1",
        "UPC 012345678905, EAN 4006381333931",
        "on 2015-03-12 10:30:00 and 12.05.2015",
        "card 4111 1111 1111 1112",  # Luhn says no
        "GB82 WEST 1234 5698 7654 33",  # modulo 97 says no
        "110105194912310021",  # modulo 11 says no
        "900-12-3456 and 123-00-4567",  # never given out
        "12345678A",
        "serial 1234567890, ASIN B00012345",
        "https://x.y/a?page=2",
        "2 @ 5, a@b, 100%",
        "",
    ],
)
def test_what_is_not_stays(text: str) -> None:
    assert mask(text) == text


def test_rows_are_counted_by_what_was_found() -> None:
    """A row with two kinds counts once for each, and once in all."""
    texts = pl.Series(["a@b.co", None, "a@b.co or @joe", "nothing"])
    after, found = masked(texts)
    assert after.to_list() == ["[email]", None, "[email] or [handle]", "nothing"]
    assert found == {"any": 2, "email": 2, "handle": 1}


def test_the_column_given_is_not_changed() -> None:
    texts = pl.Series(["a@b.co"])
    masked(texts)
    assert texts.to_list() == ["a@b.co"]


def test_lists_of_texts_are_masked_within() -> None:
    lists = pl.Series([["a@b.co", "x"], None, [], ["y"]])
    assert masked(lists)[0].to_list() == [["[email]", "x"], None, [], ["y"]]


def test_what_was_masked_stays_masked() -> None:
    """A second look finds nothing."""
    once = masked(pl.Series(["a@b.co +49 30 1234567 4111111111111111 @joe"]))[0]
    assert masked(once)[1] == {}
