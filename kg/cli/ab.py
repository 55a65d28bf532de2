"""`kg ab`: users in, their arms out as a file; that file and what came after in, lift out."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.audience import checked_suffix
from kg.cli.audit import audited
from kg.cli.options import Json, Store, open_chosen, pairs, store_url
from kg.cli.output import note, print_json, print_line, print_table
from kg.cli.people import people_of

if TYPE_CHECKING:
    import pyarrow as pa

    from kg.ab.report import Outcomes, Report
    from kg.store import GraphStore

ab = typer.Typer(no_args_is_help=True, help="Tests of two arms or more: who is in which, and lift.")


class Measure(StrEnum):
    users = "users"
    events = "events"
    money = "money"


@ab.command("assign")
def assign(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Who is in which arm, .csv or .parquet; kept and added to where it is there.",
        ),
    ],
    experiment: Annotated[str, typer.Option("--experiment", metavar="NAME", help="Its name.")],
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="NAME=SHARE",
            help="Again for each; shares add up to 1. Default: control=0.5 treatment=0.5.",
        ),
    ] = None,
    among: Annotated[
        Path | None,
        typer.Option(
            "--among",
            metavar="FILE",
            help="Only these: an audience's file, or one id a line. Default: everybody.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the hash, with the name.")] = 7,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Give users an arm by a salted hash, in equal parts of every value tier.

    Run again, nobody is moved: who came since gets an arm, who was erased or objects is left out.

    \b
    kg ab assign spring.csv --experiment spring
    kg ab assign mail.parquet --experiment mail --among leaving.csv --arm control=0.2 --arm mail=0.8
    """  # fmt: skip
    import pyarrow.compute as pc

    from kg.ab.assign import COLUMNS, check_arms, check_former
    from kg.ab.assign import assign as give
    from kg.config import settings
    from kg.privacy.state import stored_ids
    from kg.table_files import read_table, write_table

    checked_suffix(file)
    arms = _shares(arm or ["control=0.5", "treatment=0.5"])
    check_arms(arms)
    former = read_table(file, COLUMNS) if file.exists() else None
    if former is not None:
        check_former(former, experiment, arms, str(file))
    url = store_url(store)
    with audited("ab assign", url) as act, open_chosen(url) as graph:
        found = give(
            graph,
            experiment,
            arms,
            now=int(time.time()),
            seed=seed,
            former=former,
            only=None if among is None else stored_ids(graph, people_of(among)),
            smallest=settings().smallest_audience,
        )
        act.rows = {"User": found.rows.num_rows}
        act.files.append(file)
        write_table(found.rows, file)
    sizes = {name: pc.sum(pc.equal(found.rows["arm"], name)).as_py() or 0 for name in arms}
    if json_:
        facts = {"experiment": experiment, "arms": sizes, "new": found.new, "gone": found.gone}
        print_json({**facts, "file": str(file)})
        return
    tiers = found.rows.group_by(["valueTier", "arm"]).aggregate([("userId", "count")])
    count = {(r["valueTier"], r["arm"]): r["userId_count"] for r in tiers.to_pylist()}
    names = sorted({t for t, _ in count}, key=lambda t: (t is None, t))
    print_table(
        ["tier", *arms],
        [[t or "none", *(count.get((t, a), 0) for a in arms)] for t in names]
        + [["all", *sizes.values()]],
    )
    gone = f", {found.gone} left out" if found.gone else ""
    print_line(f"{found.new} users got an arm, {found.rows.num_rows} have one{gone}, in {file}")


def _shares(given: list[str]) -> dict[str, float]:
    shares = {}
    for name, text in pairs(given, "--arm").items():
        try:
            shares[name] = float(text)
        except ValueError as e:
            raise typer.BadParameter(f"{text!r} is no share", param_hint="--arm") from e
    return shares


@ab.command("report")
def report(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Of kg ab assign.", exists=True, dir_okay=False)
    ],
    outcome: Annotated[
        Path | None,
        typer.Option(
            "--outcome",
            metavar="FILE",
            help="userId and value, .csv or .parquet; who is "
            "not in it has 0. Default: events in the store.",
        ),
    ] = None,
    event: Annotated[
        str, typer.Option("--event", metavar="TYPE", help="Which events count.")
    ] = "PURCHASED",
    measure: Annotated[
        Measure, typer.Option("--measure", help="Users who did, events, or money, of them.")
    ] = Measure.users,
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            metavar="N",
            min=1,
            help="From each user's assignment; users whose "
            "days are not over are left out. Default: all there is since.",
        ),
    ] = None,
    control: Annotated[
        str | None, typer.Option("--control", metavar="ARM", help="Default: the one of that name.")
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of all intervals together.")
    ] = 0.95,
    lift: Annotated[
        float, typer.Option("--lift", min=0.0001, help="For how many users a lift would need.")
    ] = 0.05,
    store: Store = None,
    json_: Json = False,
) -> None:
    """What each arm did beside the control: lift with its interval, and whether to trust it.

    \b
    kg ab report spring.csv                                users who bought since
    kg ab report spring.csv --measure money --days 30
    kg ab report mail.parquet --outcome clicks.csv --json
    """  # fmt: skip
    from kg.ab.assign import COLUMNS
    from kg.ab.report import OUTCOME, in_store, outcomes, outcomes_of_file
    from kg.ab.report import report as judge
    from kg.config import settings
    from kg.errors import InputError
    from kg.table_files import read_table

    assigned = read_table(file, COLUMNS)
    if not assigned.num_rows:
        raise InputError(f"{file}: nobody is assigned")
    with open_chosen(store) as graph:
        there = in_store(graph, assigned)
        if outcome is None:
            found = outcomes(graph, there, event=event, measure=measure.value, days=days)
        else:
            given = _with_stored_ids(graph, read_table(outcome, OUTCOME))
            found = outcomes_of_file(there, given, str(outcome))
    told = judge(
        assigned,
        found,
        control=control,
        confidence=confidence,
        least_lift=lift,
        smallest=settings().smallest_audience,
        gone=assigned.num_rows - there.num_rows,
    )
    if json_:
        print_json(asdict(told))
    else:
        _show(told, found)


def _with_stored_ids(graph: GraphStore, given: pa.Table) -> pa.Table:
    """A file from elsewhere names users as their source does; the store may hold pseudonyms."""
    import pyarrow as pa

    from kg.privacy.state import stored_ids

    if given["userId"].null_count:
        return given
    ids = stored_ids(graph, given["userId"].to_pylist())
    return pa.table({"userId": pa.array(ids, pa.string()), "value": given["value"]})


def _show(told: Report, found: Outcomes) -> None:
    print_line(f"{told.experiment}: {told.outcome}")
    print_line()
    sure = f"{100 * told.confidence:.4g}%"
    print_table(
        ["arm", "assigned", "counted", "rate" if found.is_rate else "mean", "difference",
         f"{sure} interval", "lift", "lift interval", "p", "detectable", ""],
        [
            [a.arm, a.assigned, a.users, a.value]
            + ([None] * 5 if a.effect is None else
               [a.effect.difference, _interval(a.effect.low, a.effect.high), a.effect.relative,
                _interval(a.effect.relative_low, a.effect.relative_high), a.effect.p])
            + [a.detectable, a.says]
            for a in told.arms
        ],
    )  # fmt: skip
    print_line()
    if told.needed is not None:
        print_line(f"a lift of {told.least_lift:.1%} needs {told.needed} users an arm to show")
    if told.waiting:
        print_line(f"{told.waiting} users are left out: their days are not over")
    if told.gone:
        print_line(f"{told.gone} users are left out: erased since, or they object")
    if told.mismatch:
        note(
            f"sample ratio mismatch (p = {told.mismatch_p:.2g}): the arms' sizes are not the "
            "planned shares; find out why before you trust any figure here"
        )
    else:
        print_line(f"sizes are as planned (p = {told.mismatch_p:.2g})")


def _interval(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.4g} to {high:.4g}"
