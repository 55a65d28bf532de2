"""Texts → the same with mail addresses, telephone, card and identity numbers, handles and secret
links masked.

What is looked for is the table `KINDS`. Numbers that carry check digits are masked where these are
right; telephone numbers by the shapes people write them in, so that prices, dates and ISBNs stay.
Digits are ASCII: numbers spelled out, in other scripts or torn apart ("j o e at mail dot com") are
not found, nor are names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from loaders import checksums
from loaders.checksums import Bools


@dataclass(frozen=True)
class Kind:
    """Something personal. `pattern` captures in group 1 what must stay before it, if anything."""

    name: str
    pattern: str
    holds: Callable[[pl.Series], Bools] | None = None
    """[N] whether numbers, bare of separators, are of this kind; None: the shape is enough."""

    @property
    def mask(self) -> str:
        return f"[{self.name}]"

    @property
    def regex(self) -> str:
        r"""With \b between ASCII letters or digits and all else: a number may follow any script."""
        return self.pattern.replace(r"\b", r"(?-u:\b)")


def _phone(bare: pl.Series) -> Bools:
    """[N] as many digits as ITU-T E.164 allows a number, and more than a postcode has."""
    found: Bools = bare.str.len_bytes().is_between(9, 16).to_numpy()
    return found


_SECRETS = (
    r"(?:access_?token|token|secret|passw(?:or)?d|pwd|api_?key|apikey|auth|session(?:_?id)?|sid|sig"
    r"|signature|key|jwt|code|email|e-?mail|phone)"
)
_SEP = r"[ .\-/]"
_DNI = r"\b(?:[0-9]{8}|[XYZ][ -]?[0-9]{7})[ -]?[A-Z]\b"
_CPF = r"\b[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}\b"
_SSN = (
    r"\b(?:00[1-9]|0[1-9][0-9]|[1-57-8][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])"
    r"[- ](?:0[1-9]|[1-9][0-9])[- ](?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})\b"
)
_PHONE = "|".join((
    rf"(?:\+|\b00)[1-9][0-9]{{0,2}}(?:{_SEP}?\(?[0-9]{{1,5}}\)?){{2,5}}",  # +49 (0)30 1234567
    rf"(?:\b1{_SEP})?(?:\([2-9][0-9]{{2}}\) ?|\b[2-9][0-9]{{2}}{_SEP})"      # (555) 234-5678
    rf"[2-9][0-9]{{2}}{_SEP}[0-9]{{4}}",
    r"\b1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}",                             # 138 0013 8000
    r"\b0[1-9](?:[ .-][0-9]{2}){4}",                                        # 06 12 34 56 78
    r"(?:\b|\()0[1-9][0-9]{1,3}\)?[ /-][0-9]{3,4}[ -]?[0-9]{3,5}",            # 020 7946 0958
))  # fmt: skip

KINDS: tuple[Kind, ...] = (
    Kind("url", rf"(?i)\b[a-z][a-z0-9+.\-]*://(?:[^\s/@:]+:[^\s/@]*@\S*"
         rf"|[^\s?#]*[?#]\S*?\b[a-z0-9_\-]*{_SECRETS}=\S+)"),
    Kind("token", r"\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*"),
    Kind("email", r"[\p{L}\p{N}._%+\-]+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+"),
    Kind("iban", r"\b[A-Za-z]{2}[0-9]{2}(?: ?[0-9A-Za-z]{4}){2,7}(?: ?[0-9A-Za-z]{1,3})?\b",
         checksums.iban),
    Kind("id", r"\b[1-9][0-9]{16}[0-9Xx]\b", checksums.chinese_id),
    Kind("card", r"\b[2-6](?:[ \-]?[0-9]){13,18}\b", checksums.card),
    Kind("id", _CPF, checksums.cpf),
    Kind("id", _DNI, checksums.dni),
    Kind("id", _SSN),
    Kind("phone", rf"(?:{_PHONE})\b", _phone),
    Kind("handle", r"(^|[^\p{L}\p{N}_@/.])@[\p{L}_][\p{L}\p{N}_]+(?:\.[\p{L}\p{N}_]+)*"),
)  # fmt: skip
"""In the order they are looked for."""

_ANYTHING = r"@|://|eyJ|[0-9](?:[ .()/\-]{0,2}[0-9]){6}"
"""What every kind has in it: most texts have none of it, and are done."""


def masked(texts: pl.Series) -> tuple[pl.Series, Counter[str]]:
    """[N] texts, and in how many of them each kind was masked ("any": at least one)."""
    if texts.dtype == pl.List(pl.String):
        return _masked_lists(texts)
    found: Counter[str] = Counter()
    at = texts.str.contains(_ANYTHING).fill_null(False).arg_true()
    if not len(at):
        return texts, found
    before = after = texts.gather(at)
    for kind in KINDS:
        new = _replaced(after, kind)
        changed = int((new != after).sum())
        if changed:
            found[kind.name] += changed
            after = new
    rows = (before != after).arg_true()
    if not len(rows):
        return texts, found
    found["any"] = len(rows)
    return texts.clone().scatter(at.gather(rows), after.gather(rows)), found


def _replaced(texts: pl.Series, kind: Kind) -> pl.Series:
    if kind.holds is None:
        group = "${1}" if kind.pattern.startswith("(^") else ""
        return texts.str.replace_all(kind.regex, group + kind.mask)
    numbers = texts.str.extract_all(kind.regex).explode().drop_nulls().unique()
    if not len(numbers):
        return texts
    true = numbers.filter(pl.Series(kind.holds(checksums.bare(numbers))))
    if not len(true):
        return texts
    longest_first = true.to_frame("n").sort(pl.col("n").str.len_bytes(), descending=True)["n"]
    return texts.to_frame("t").select(
        pl.col("t").str.replace_many(longest_first.to_list(), [kind.mask], leftmost=True)
    )["t"].alias(texts.name)  # fmt: skip


def _masked_lists(lists: pl.Series) -> tuple[pl.Series, Counter[str]]:
    column = lists.to_arrow().cast(pa.large_list(pa.large_string()))
    flat, found = masked(pl.Series("flat", column.flatten(), pl.String))
    lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    ends = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    again = pa.LargeListArray.from_arrays(ends, flat.to_arrow(), mask=column.is_null())
    return pl.Series(lists.name, again, lists.dtype), found
