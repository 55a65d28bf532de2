"""Every error a caller may want to tell apart. The tree:

KgError                     the command line prints it as one line and exits 1
├── ConfigError             a setting, mapping or option that cannot work
├── InputError              a source file that cannot be read as what it claims to be
│   └── StrictReject        --strict: the first row that would have been rejected
├── StoreError              the store answered, and the answer was no
│   ├── StoreUnavailable    no answer: no server, wrong port, file locked
│   ├── WriteRefused        a write through a read-only door
│   ├── QueryError          the query text or its parameters are wrong
│   ├── QueryTimeout        stopped at its time limit
│   └── CountMismatch       what was written is not what was sent
├── Forbidden               a command that is not for this person (KG_ROLES)
├── GroupTooSmall           a group in which one person could be told (KG_MIN_GROUP)
├── BudgetSpent             a figure that would cost more privacy than is left (KG_PRIVACY_BUDGET)
├── NotFound                no such user, query, release or data set
├── ReleaseError            a candidate or release folder that cannot be used
│   └── GateFailed          a health gate said no
└── MissingExtra            an optional dependency is not installed
"""

from __future__ import annotations


class KgError(Exception):
    """Says what went wrong, where, and what to do next, in one line."""


class ConfigError(KgError):
    pass


class InputError(KgError):
    pass


class StrictReject(InputError):
    pass


class StoreError(KgError):
    pass


class StoreUnavailable(StoreError):
    pass


class WriteRefused(StoreError):
    pass


class QueryError(StoreError):
    pass


class QueryTimeout(StoreError):
    pass


class CountMismatch(StoreError):
    pass


class Forbidden(KgError):
    pass


class GroupTooSmall(KgError):
    pass


class BudgetSpent(KgError):
    pass


class NotFound(KgError):
    pass


class ReleaseError(KgError):
    pass


class GateFailed(ReleaseError):
    pass


class MissingExtra(KgError):
    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra {extra!r}: pip install '.[{extra}]' in this project's folder"
        )
        self.extra = extra
