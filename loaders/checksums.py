"""Card and identity numbers as text → whether their check digits are right, in columns.

A number with the right shape is one in ten or a hundred by chance; one with the right check digits
is almost surely what it looks like.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
_CN = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"


def bare(numbers: pl.Series) -> pl.Series:
    """Without the spaces, dots, dashes and slashes that group it; letters in upper case."""
    return numbers.str.replace_all(r"[^0-9A-Za-z]", "").str.to_uppercase()


def _shaped(bare: pl.Series, pattern: str) -> Bools:
    found: Bools = bare.str.contains(pattern).to_numpy()
    return found


def _characters(bare: pl.Series, width: int) -> NDArray[np.int64]:
    """[N, width] ASCII codes, filled up with zeros ("0") on the left."""
    if not len(bare):
        return np.empty((0, width), np.int64)
    text = bare.str.zfill(width).str.slice(0, width)
    return np.array(text.to_numpy(), f"S{width}").view(np.uint8).reshape(-1, width).astype(np.int64)


def card(bare: pl.Series) -> Bools:
    """[N] 14 to 19 digits of a card issuer's range whose Luhn sum (ISO/IEC 7812) is right."""
    shaped = _shaped(bare, r"^(?:3[0-9]|4[0-9]|5[0-9]|6[0-9]|2[2-7])[0-9]{12,17}$")
    digits = _characters(bare, 19) - 48
    doubled = digits[:, 1::2] * 2
    total = digits[:, ::2].sum(1) + (doubled - 9 * (doubled > 9)).sum(1)
    right: Bools = shaped & (total % 10 == 0)
    return right


def iban(bare: pl.Series) -> Bools:
    """[N] ISO 13616: the characters, country and check digits last, are 1 modulo 97."""
    shaped = _shaped(bare, r"^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$")
    turned = _characters(bare.str.slice(4) + bare.str.slice(0, 4), 34)
    value = np.where(turned >= 65, turned - 55, turned - 48)
    rest = np.zeros(len(bare), np.int64)
    for k in range(34):
        rest = (rest * np.where(value[:, k] > 9, 100, 10) + value[:, k]) % 97
    right: Bools = shaped & (rest == 1)
    return right


def chinese_id(bare: pl.Series) -> Bools:
    """[N] GB 11643: 17 digits with a date of birth, and a check character modulo 11."""
    born = r"(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    codes = _characters(bare, 18)
    check = np.frombuffer(b"10X98765432", np.uint8)[((codes[:, :17] - 48) * _CN).sum(1) % 11]
    shaped = _shaped(bare, r"^[1-9][0-9]{5}" + born + r"[0-9]{3}[0-9X]$")
    right: Bools = shaped & (check == codes[:, 17])
    return right


def cpf(bare: pl.Series) -> Bools:
    """[N] Brazilian CPF: 9 digits and two check digits modulo 11."""
    digits = _characters(bare, 11) - 48
    right: Bools = _shaped(bare, r"^[0-9]{11}$") & (digits != digits[:, :1]).any(1)
    for n in (9, 10):
        rest = (digits[:, :n] * np.arange(n + 1, 1, -1)).sum(1) * 10 % 11 % 10
        right &= rest == digits[:, n]
    return right


def dni(bare: pl.Series) -> Bools:
    """[N] Spanish DNI (8 digits and a letter) or NIE (X, Y or Z, 7 digits and a letter)."""
    shaped = _shaped(bare, r"^[0-9XYZ][0-9]{7}[A-Z]$")
    number = bare.str.replace("^X", "0").str.replace("^Y", "1").str.replace("^Z", "2")
    codes = _characters(number, 9)
    value = (codes[:, :8] - 48) @ (10 ** np.arange(7, -1, -1))
    letter = np.frombuffer(_DNI.encode(), np.uint8)[value % 23]
    right: Bools = shaped & (letter == codes[:, 8])
    return right
