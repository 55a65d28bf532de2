"""Rows that say the same thing twice → the one that counts: the later, or all that is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from loaders.spill import FILE, NO_FILE, OK, ROW

EXACT = "exact duplicate"
"""Rows that repeat another row in every cell that is read."""
SAME_KEY = "key duplicate"
"""Further rows with the key of another row, and something else in them."""
SEVERAL = "keys with several rows"
"""How many keys such rows share, exact duplicates among them."""


@dataclass
class Account:
    """What became of rows that are not rejected, by number of their file."""

    written: Counter[int] = field(default_factory=Counter)
    merged: Counter[int] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)


def last_rows(rows: pl.DataFrame, key: list[str], account: Account) -> pl.DataFrame:
    """One row a key, the last that was not rejected."""
    repeated = _repeated(rows, key)
    alone, several = rows.filter(~repeated & pl.col(OK)), rows.filter(repeated)
    _count_duplicates(several, key, account)
    good = several.filter(OK)
    winners = good.unique(key, keep="last", maintain_order=True)
    _count(alone, alone, account)
    _count(good, winners, account)
    return pl.concat([alone, winners])


def count_rows(rows: pl.DataFrame, key: list[str], name: str) -> pl.DataFrame:
    """(key, name): how many rows that were not rejected stand behind a key."""
    return rows.filter(OK).group_by(key).agg(pl.len().cast(pl.Float64).alias(name))


def known_nodes(rows: pl.DataFrame, key: str, account: Account) -> pl.DataFrame:
    """One row a key with the last known value of each property. Of the rows with a node's key
    the last is written and the others are merged into it."""
    _count_duplicates(rows.filter(_repeated(rows, [key])), [key], account)
    good = rows.filter(OK)
    own = good.filter(pl.col(FILE) != NO_FILE)
    _count(own, own.unique(key, keep="last"), account)
    return last_known(good.drop(ROW, FILE, OK), key)


def last_known(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """One row a key; each column has its last value that is not null."""
    named = rows.filter(pl.col(key).is_not_null())
    keys = named.select(key).unique(maintain_order=True)
    if len(keys) == len(named):
        return named
    for column in named.columns:
        if column != key:
            known = named.select(key, column).filter(pl.col(column).is_not_null())
            keys = keys.join(known.unique(key, keep="last"), on=key, how="left")
    return keys.select(rows.columns)


def _repeated(rows: pl.DataFrame, key: list[str]) -> pl.Series:
    """Rows whose key another row may have; a row without a key is known by its hash. Comparing
    hashes first leaves the costly look at keys to the few rows that need it."""
    whole = pl.all_horizontal(pl.col(key).is_not_null())
    hashed = pl.when(whole).then(pl.struct(key).hash()).otherwise(pl.col(ROW))
    return rows.select(hashed.is_duplicated().alias("repeated"))["repeated"]


def _count_duplicates(rows: pl.DataFrame, key: list[str], account: Account) -> None:
    own = rows.filter(pl.col(ROW).is_not_null())
    whole = own.filter(pl.all_horizontal(pl.col(key).is_not_null()))
    by_key = whole.group_by(key).len()["len"]
    account.findings[EXACT] += len(own) - own[ROW].n_unique()
    account.findings[SAME_KEY] += whole.select(*key, ROW).n_unique() - len(by_key)
    account.findings[SEVERAL] += int((by_key > 1).sum())


def _count(good: pl.DataFrame, winners: pl.DataFrame, account: Account) -> None:
    for file, rows in _by_file(good).items():
        account.merged[file] += rows
    for file, rows in _by_file(winners).items():
        account.written[file] += rows
        account.merged[file] -= rows


def _by_file(rows: pl.DataFrame) -> dict[int, int]:
    counted = rows.filter(pl.col(FILE) != NO_FILE).group_by(FILE).len()
    return dict(counted.iter_rows())
