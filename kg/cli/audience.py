"""`kg audience`: a condition, or users to be like, in; the users they name out, as a file, or how
many they are, with noise."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, pairs, store_url
from kg.cli.output import note, number, print_json, print_line, print_table
from kg.cli.people import people_of

if TYPE_CHECKING:
    import pyarrow as pa

    from kg.audience.count import Range

audience = typer.Typer(
    no_args_is_help=True,
    help="Users for a campaign: by what their profiles say, or by likeness to others.",
)
SHOWN = 20
"""Users on the screen where no file is named."""
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="All of them, as .csv or .parquet."),
]
InterestedIn = Annotated[
    list[str] | None,
    typer.Option("--interested-in", metavar="CATEGORY", help="Id or name; again: each of them."),
]
MinScore = Annotated[
    float, typer.Option("--min-score", min=0, max=1, help="Of those interests, at least.")
]


@audience.command("where")
def where(
    condition: Annotated[
        str | None,
        typer.Argument(metavar="[CONDITION]", help="On profile properties; see below."),
    ] = None,
    interested_in: InterestedIn = None,
    min_score: MinScore = 0.0,
    output: Output = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Users for whom a condition holds, and who have an interest.

    A condition compares properties with = != < <= > >= in contains, `is null`; and, or, not, ().
    Texts stand in quotes. Fewer users than KG_MIN_GROUP (10 where it is not set) are not shown.

    \b
    kg audience where 'valueTier = "champion" and churnRisk > 0.6' -o leaving.csv
    kg audience where 'recencyDays < 30' --interested-in Guitars --min-score 0.1 -o new.parquet
    kg audience where 'segment in ("Guitars", "Pianos") and not priceBand = "low"'
    """
    from kg.audience.where import where as find
    from kg.config import settings

    if condition is None and not interested_in:
        raise typer.BadParameter("give a CONDITION, --interested-in or both")
    checked_suffix(output)
    url, here = store_url(store), settings()
    with audited("audience where", url) as act, open_chosen(url) as graph:
        found = find(
            graph,
            condition,
            interested_in=interested_in or (),
            min_score=min_score,
            smallest=here.smallest_audience,
            sensitive=here.sensitive,
        )
        act.rows = {"User": found.users.num_rows}
        _write(found.users, output, act.files)
    if not found.consistent:
        note("the store was written to meanwhile: run it again where that matters")
    if json_:
        _print_json(found.users, output, {"of": found.of})
        return
    _show(found.users, output)
    print_line(f"{found.users.num_rows} of {found.of} users{_in(output)}")


@audience.command("count")
def count(
    condition: Annotated[
        str | None,
        typer.Argument(metavar="[CONDITION]", help="As for where; without: everybody."),
    ] = None,
    epsilon: Annotated[
        float,
        typer.Option(
            "--epsilon",
            min=0.001,
            max=100,
            help="What the figures may tell of one person: 0.1 little, 1 usual, 10 almost all.",
        ),
    ] = 1.0,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="PROPERTY", help="segment, valueTier, priceBand, coldStart."),
    ] = None,
    sum_: Annotated[
        list[str] | None,
        typer.Option(
            "--sum",
            metavar="PROPERTY=LOW:HIGH",
            help="Its sum, each user's value cut to the range; again for each.",
        ),
    ] = None,
    interested_in: InterestedIn = None,
    min_score: MinScore = 0.0,
    store: Store = None,
    json_: Json = False,
) -> None:
    """How many users a condition holds for and what they add up to, with differential privacy.

    Noise hides whether any one user is counted. Each answer spends --epsilon, the audit file adds
    it up, and KG_PRIVACY_BUDGET, where it is set, is the most that all of them may spend. Groups
    that seem smaller than KG_MIN_GROUP (10 where it is not set) are left out. Needs the extra
    `private`.

    \b
    kg audience count --by segment --epsilon 0.5
    kg audience count 'churnRisk > 0.6' --by valueTier --sum monetary=0:2000
    """
    from math import isnan

    from kg.audience.count import tally
    from kg.audit import acts, spent
    from kg.config import settings
    from kg.privacy.noise import require

    if isnan(epsilon):
        raise typer.BadParameter("nan is no number", param_hint="--epsilon")
    ranges = {name: _range(text) for name, text in pairs(sum_ or [], "--sum").items()}
    url, here = store_url(store), settings()
    with audited("audience count", url) as act, open_chosen(url) as graph:
        require()
        exact = tally(
            graph,
            condition,
            interested_in=interested_in or (),
            min_score=min_score,
            sensitive=here.sensitive,
            by=by,
            sums=ranges,
        )
        act.epsilon, act.budget = epsilon, here.privacy_budget
    # the audit has what it costs: now there may be an answer
    told = exact.released(epsilon, here.smallest_audience)
    if not exact.consistent:
        note("the store was written to meanwhile: run it again where that matters")
    total = spent(acts(here.home))
    if json_:
        print_json({
            "groups": told.rows, "hidden": told.hidden,
            "within": {"users": told.users_within, **told.sums_within},
            "epsilon": epsilon, "spent": total, "budget": here.privacy_budget,
        })  # fmt: skip
        return
    print_table(
        [*([by] if by else []), "users", *told.sums],
        [list(row.values()) for row in told.rows],
    )
    print_line()
    off = {"users": told.users_within, **told.sums_within}
    print_line("19 times in 20 within " + ", ".join(f"{number(v)} {n}" for n, v in off.items()))
    if told.hidden:
        print_line(f"{told.hidden} groups seem smaller than {here.smallest_audience}: not shown")
    of = "" if here.privacy_budget is None else f" of {here.privacy_budget:g}"
    print_line(f"epsilon {epsilon:g} spent, {total:.4g}{of} in all")


def _range(text: str) -> Range:
    from kg.audience.count import Range

    low, _, high = text.partition(":")
    try:
        return Range(float(low), float(high))
    except ValueError as e:
        raise typer.BadParameter(f"{text!r} is not LOW:HIGH", param_hint="--sum") from e


@audience.command("lookalike")
def lookalike(
    seed: Annotated[
        Path,
        typer.Option(
            "--seed",
            metavar="FILE",
            help="The users to be like: an audience's file, or one id a line.",
        ),
    ],
    size: Annotated[int, typer.Option("-k", "--size", min=1, help="How many users.")] = 1000,
    output: Output = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Users most like some others in taste, and how well the ranking finds seeds it was not shown.

    The curve is of seeds held out, a fifth at a time: precision is the share of an audience that
    they make up (others in it may fit as well), lift how often as many as by chance.

    \b
    kg audience lookalike --seed buyers.txt -k 5000 -o like-buyers.csv
    """
    from kg.audience.lookalike import lookalikes
    from kg.config import settings
    from kg.privacy.state import stored_ids

    checked_suffix(output)
    url = store_url(store)
    with audited("audience lookalike", url) as act, open_chosen(url) as graph:
        ids = stored_ids(graph, people_of(seed))
        found = lookalikes(graph, ids, size, smallest=settings().smallest_audience)
        act.release, act.rows = found.release, {"User": found.users.num_rows}
        _write(found.users, output, act.files)
    if json_:
        facts = {"of": found.of, "seeds": found.seeds, "seedsLeftOut": found.left_out}
        curve = [asdict(point) for point in found.curve]
        _print_json(found.users, output, {**facts, "release": found.release, "curve": curve})
        return
    _show(found.users, output)
    if found.curve:
        print_line()
        print_table(
            ["size", "precision", "recall", "lift", "lift of the most active"],
            [list(asdict(point).values()) for point in found.curve],
        )
    print_line()
    left = f" ({found.left_out} have no vector, or object)" if found.left_out else ""
    print_line(
        f"{found.users.num_rows} of {found.of} users, like {found.seeds} seeds{left}, "
        f"by release {found.release}{_in(output)}"
    )


def checked_suffix(output: Path | None) -> None:
    from kg.table_files import SUFFIXES

    if output is not None and output.suffix not in SUFFIXES:
        raise typer.BadParameter(f"name a file that ends in {' or '.join(SUFFIXES)}")


def _write(users: pa.Table, output: Path | None, files: list[Path]) -> None:
    from kg.table_files import write_table

    if output is not None:
        files.append(output)
        write_table(users, output)


def _print_json(users: pa.Table, output: Path | None, facts: dict[str, object]) -> None:
    where = {"users": users.to_pylist()} if output is None else {"file": str(output)}
    print_json({"size": users.num_rows, **facts, **where})


def _show(users: pa.Table, output: Path | None) -> None:
    if output is not None:
        return
    from kg.profile import USER_PROFILE
    from kg.schema import NODE_BY_LABEL

    declared = (*USER_PROFILE, *NODE_BY_LABEL["User"].properties)
    times = {p.name for p in declared if p.unit == "epoch s"}
    first = users.slice(0, SHOWN)
    print_table(
        first.column_names,
        [list(row.values()) for row in first.to_pylist()],
        types=["time" if name in times else "" for name in first.column_names],
    )
    if users.num_rows > SHOWN:
        print_line(f"… and {users.num_rows - SHOWN} more: -o FILE writes all")


def _in(output: Path | None) -> str:
    return "" if output is None else f", in {output}"
