"""The table of commands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from kg.cli.ab import ab
from kg.cli.audience import audience
from kg.cli.audit import allowed, audit
from kg.cli.consent import consent
from kg.cli.demo import demo
from kg.cli.doctor import doctor
from kg.cli.evaluate import evaluate
from kg.cli.export import export
from kg.cli.export_user import export_user
from kg.cli.forget import forget
from kg.cli.keys import keys
from kg.cli.load import load
from kg.cli.profile import profile
from kg.cli.query import query
from kg.cli.recommend import recommend
from kg.cli.refresh import refresh
from kg.cli.releases import releases
from kg.cli.retain import retain
from kg.cli.train import publish, retrain, rollback, train
from kg.cli.tune import tune

app = typer.Typer(
    name="kg",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Shop data in; in the graph, for every user, a profile that says what the user is like, "
    "how sure we are and why.",
    epilog="Every command takes --store URL (ladybug://PATH, bolt://HOST:PORT, neo4j://HOST:PORT; "
    "default KG_STORE, else ladybug://kg.lbug) and --json.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kg-profiles {version('kg-profiles')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is not None:
        allowed(context.invoked_subcommand)


for command in (
    load, train, tune, evaluate, publish, retrain, refresh, rollback,
    query, profile, recommend, export, forget, retain, audit, doctor, demo,
):  # fmt: skip
    app.command()(command)
app.add_typer(releases, name="releases")
app.add_typer(keys, name="keys")
app.add_typer(consent, name="consent")
app.add_typer(audience, name="audience")
app.add_typer(ab, name="ab")
app.command("export-user")(export_user)
