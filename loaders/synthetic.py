"""Options → a staged synthetic shop, with the truth it was made from beside it.

Everything is drawn from one process (`synthetic_people`, `synthetic_process`), so what a model
should find is known: `truth/interests.parquet` and `truth/users.parquet`, read by `read_truth`.
Users are made in groups, so that memory does not grow with the number of events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kg.errors import NotFound
from kg.schema import BEHAVIOURS
from loaders import synthetic_catalogue, synthetic_people
from loaders.interface import FileReport, LoadReport, Progress, Staged
from loaders.synthetic_catalogue import DEPARTMENTS, TIERS, Catalogue, declared
from loaders.synthetic_events import Log, events_per_visit
from loaders.synthetic_options import DAY, LEAVES, ShopOptions, parse
from loaders.synthetic_people import COUNTRIES, NEVER, People
from loaders.synthetic_process import Calendar, chance, looks, with_departments
from loaders.synthetic_spend import expected_spend

SOURCE = "synthetic"
TRUTH = "truth"
HORIZON_DAYS = 30
GROUP_EVENTS = 1_000_000
USER_ATTRIBUTES = pa.schema([("country", pa.string())])


@dataclass(frozen=True)
class Truth:
    """What the synthetic shop was made from.

    interests: a row for each user and category (departments and leaves):
        userId, categoryId, level,
        probability: the user's interest in it at the end; the leaves of a user sum to 1,
        eventProbability: chance of at least one event (a look is one) with it in the 30 days after
            the end; a review still to come of an earlier purchase is not counted,
        purchaseProbability: chance of at least one purchase from it in those days.
      Both are 0 for users who have left; nobody leaves in those days.
    users: userId, churned, churnDay (days since the shop's first; null for those who stay), tier
        (budget, middle, premium), activity (visits a day while here), taste (0 to 11: users of one
        taste like the same things, and are friends where homophily is high), drift (share of the
        interest that has moved to other categories since the first day, 0 to 1),
        silenceProbability: chance of no event in the 30 days after the end (reviews of earlier
            purchases not counted),
        expectedSpend: money of purchases in those days, on average, before returns; 0 for users
            who have left.
    """

    interests: pa.Table
    users: pa.Table


def stage_synthetic(
    into: Path, *, now: int, options: Mapping[str, str], progress: Progress | None = None
) -> Staged:
    """Make a shop and stage it.

    Args:
        into: folder for a folder of Parquet files per table, and `truth/`.
        now: epoch s; nothing is later.
        options: see `loaders.synthetic_options.ShopOptions`.
        progress: told of users made.

    Raises ConfigError for an option that is unknown or cannot be.
    """
    chosen = parse(options)
    start, end = chosen.period(now)
    rng = [np.random.default_rng([chosen.seed, stream]) for stream in range(4)]
    shop = synthetic_catalogue.build(chosen.item_count, rng[0])
    people = synthetic_people.build(chosen, start, end, rng[1])
    calendar = Calendar.build(start, end + HORIZON_DAYS * DAY)
    people = _scaled(people, chosen, calendar, start, end)
    out = _Writer(into)
    try:
        out.write("User", _users(people))
        for name, table in synthetic_catalogue.tables(shop, rng[2]).items():
            out.write(name, table)
        for name, tie in (
            ("FRIEND_OF", synthetic_people.friends(people, chosen.homophily, end, rng[3])),
            ("FOLLOWS", synthetic_people.follows(people, chosen.homophily, end, rng[3])),
        ):
            src, dst, since = tie
            ids = people.ids
            out.write(name, declared(name, src=ids.take(src), dst=ids.take(dst), since=since))
        log = Log(shop, people, chosen, end)
        for group, users in enumerate(_groups(chosen)):
            draw = np.random.default_rng([chosen.seed, 4, group])
            seen = looks(people, users, shop, calendar, start, end, (start, end), draw)
            for name, table in log.tables(seen, draw).items():
                out.write(name, table)
            visits = _expected_visits(people, users, calendar, end)
            out.write(TRUTH + "/interests", _true_interests(people, users, shop, visits))
            spend = expected_spend(people, users, shop, visits)
            out.write(TRUTH + "/users", _true_users(people, users, start, visits, spend))
            if progress is not None:
                progress("making users", int(users[-1]) + 1, chosen.users)
    finally:
        out.close()
    return out.staged()


def read_truth(folder: Path) -> Truth:
    """The truth beside the tables staged in `folder`. Raises NotFound if there is none."""
    try:
        return Truth(
            *(pq.read_table(folder / TRUTH / f"{n}.parquet") for n in ("interests", "users"))
        )
    except FileNotFoundError as e:
        raise NotFound(
            f"no planted truth in {folder / TRUTH}: only the source {SOURCE!r} leaves one"
        ) from e


def _groups(options: ShopOptions) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """User rows, a million expected events or less together."""
    size = max(1, GROUP_EVENTS * options.users // max(options.event_count, GROUP_EVENTS))
    for first in range(0, options.users, size):
        yield np.arange(first, min(first + size, options.users))


def _scaled(
    people: People, options: ShopOptions, calendar: Calendar, start: int, end: int
) -> People:
    """Activities such that the expected rows of behaviour are those asked for."""
    here = calendar.until(np.minimum(people.leaves, end)) - calendar.until(
        np.maximum(people.joined, start)
    )
    visits = float((people.activity * np.maximum(here, 0)).sum())
    wanted = options.event_count / events_per_visit(people, options)
    return replace(people, activity=people.activity * (wanted / visits))


def _expected_visits(
    people: People, users: np.ndarray[Any, np.dtype[np.int64]], calendar: Calendar, end: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[U] visits in the 30 days after the end."""
    ahead = calendar.mass[-1] - calendar.until(np.array([end]))[0]
    return np.where(people.leaves[users] == NEVER, people.activity[users] * ahead, 0.0)


def _users(people: People) -> pa.Table:
    table = declared("User", userId=people.ids, createdAt=people.joined)
    return table.append_column("country", pa.array(COUNTRIES).take(people.country))


def _true_users(
    people: People,
    users: np.ndarray[Any, np.dtype[np.int64]],
    start: int,
    visits: np.ndarray[Any, np.dtype[np.float64]],
    spend: np.ndarray[Any, np.dtype[np.float64]],
) -> pa.Table:
    gone = people.leaves[users] != NEVER
    day = (people.leaves[users] - start) // DAY
    moved = abs(people.interest_end[users] - people.interest_start[users]).sum(1) / 2
    return pa.table(
        {
            "userId": people.ids.take(users),
            "churned": gone,
            "churnDay": pa.array(day, mask=~gone),
            "tier": pa.array(TIERS).take(people.tier[users]),
            "activity": people.activity[users],
            "taste": people.taste[users],
            "drift": moved.astype(np.float64),
            "silenceProbability": np.exp(-visits),  # a visit is a look at least
            "expectedSpend": spend,
        }
    )


def _true_interests(
    people: People,
    users: np.ndarray[Any, np.dtype[np.int64]],
    shop: Catalogue,
    visits: np.ndarray[Any, np.dtype[np.float64]],
) -> pa.Table:
    event, purchase = chance(people, users, shop, visits)
    categories = DEPARTMENTS + LEAVES
    level = (np.arange(categories) >= DEPARTMENTS).astype(np.int64)
    return pa.table(
        {
            "userId": people.ids.take(np.repeat(users, categories)),
            "categoryId": shop.category_ids.take(np.tile(np.arange(categories), len(users))),
            "level": np.tile(level, len(users)),
            "probability": with_departments(people.interest_end[users].astype(float)).ravel(),
            "eventProbability": event.ravel(),
            "purchaseProbability": purchase.ravel(),
        }
    )


class _Writer:
    """One Parquet file a table, written piece by piece."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, pq.ParquetWriter] = {}
        self._rows: defaultdict[str, int] = defaultdict(int)

    def write(self, name: str, table: pa.Table) -> None:
        if name not in self._files:
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[name] = pq.ParquetWriter(path, table.schema, compression="zstd")
        self._files[name].write_table(table)
        self._rows[name] += len(table)

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def staged(self) -> Staged:
        rows = {n: r for n, r in self._rows.items() if not n.startswith(TRUTH) and r}
        report = LoadReport(
            source=SOURCE,
            files=[
                FileReport(file=SOURCE, holds=_holds(n), rows=r, written=r, merged=0, rejected=0)
                for n, r in rows.items()
            ],
            tables=rows,
        )
        tables = {name: [self._path(name)] for name in rows}
        return Staged(self._folder, tables, {"User": USER_ATTRIBUTES}, report)

    def _path(self, name: str) -> Path:
        if name.startswith(TRUTH):
            return self._folder / f"{name}.parquet"
        return self._folder / name / "part-0.parquet"


def _holds(table: str) -> str:
    return f"{table} events" if table in BEHAVIOURS else table
