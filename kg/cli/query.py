"""`kg query`: a name and `k=v` pairs, or Cypher text, in; rows out."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.audit import allowed, audited
from kg.cli.options import Json, Store, open_chosen, store_url
from kg.cli.output import note, print_json, print_line, print_table
from kg.cli.rows import Format, write_rows

if TYPE_CHECKING:
    from kg.queries import NamedQuery
    from kg.store import GraphStore


def query(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A named query; without: list them.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Argument(metavar="[k=v]...", help="Its parameters.")
    ] = None,
    describe: Annotated[
        str | None, typer.Option("--describe", metavar="NAME", help="Document a named query.")
    ] = None,
    cypher: Annotated[
        str | None,
        typer.Option("--cypher", metavar="TEXT", help="Read-only Cypher of your own; - is stdin."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the store's plan; nothing is run.")
    ] = False,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", metavar="DIR", help="Your own .cypher files (or KG_QUERIES)."),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="parquet needs --output.")
    ] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.01, help="Seconds until it is stopped.")
    ] = 30.0,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Rows at most; says when it cut.")
    ] = 10_000,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Run named queries, or Cypher of your own (read-only).

    \b
    kg query                                         what can be asked
    kg query --describe top_interests                parameters, columns, text
    kg query top_interests userId=A1 k=5             run it
    kg query best_users --format csv -o best.csv     into a file
    kg query --explain best_users                    how the store would run it
    kg query --cypher 'MATCH (u:User) RETURN count(*) AS users'
    kg query --cypher '… WHERE u.country = $c AND u.frequency > $n RETURN u.userId' c=DE n:=5
    """
    from kg.config import settings
    from kg.privacy.groups import large_enough
    from kg.queries import find_query, load_queries
    from kg.unknown import unknown

    if cypher is not None and name is not None and "=" in name:  # there is no NAME before it
        given = [name, *(given or [])]
        name = None
    chosen = Format.json if json_ else format_
    if sum(x is not None for x in (name, describe, cypher)) > 1:
        raise typer.BadParameter("give one of NAME, --describe and --cypher")
    if chosen is Format.parquet and output is None:
        raise typer.BadParameter("parquet needs --output FILE", param_hint="--format")
    known = load_queries(queries or settings().queries)
    if describe is not None:
        _describe(find_query(known, describe), as_json=chosen is Format.json)
        return
    if explain:
        _explain(None if name is None else find_query(known, name), given or [], cypher,
                 store_url(store), as_json=chosen is Format.json)  # fmt: skip
        return
    if name is None and cypher is None:
        _list(known, as_json=chosen is Format.json)
        return
    url = store_url(store)
    if cypher is not None:
        allowed("query --cypher")
        text = sys.stdin.read() if cypher == "-" else cypher
        types = None
        with audited("query --cypher", url) as act, open_chosen(url) as graph:
            values = _with_stored_ids(graph, _values(given or []))
            result = graph.query(text, values, timeout_s=timeout, max_rows=limit)
            act.rows = {"rows": len(result.rows)}
            act.files += [output] if output else []
    else:
        named = find_query(known, str(name))
        arguments = _pairs(named, given or [])
        types = [c.type for c in named.columns]
        # a file outlives the look: an erasure must find it
        written = audited(f"query {named.name}", url) if output else nullcontext()
        with written as act, open_chosen(url) as graph:
            arguments = _with_stored_ids(graph, arguments)
            result = named.run(graph, arguments, timeout_s=timeout, max_rows=limit)
            nothing = None if result.rows else unknown(graph, arguments)
            if act is not None and output is not None:
                act.rows = {"rows": len(result.rows)}
                act.files.append(output)
        if nothing is not None:
            note(nothing)
        result, hidden = large_enough(result, settings().min_group)
        if hidden:
            note(f"{hidden} rows about fewer than {settings().min_group} users are not shown")
    write_rows(result, types, chosen, output)
    if result.truncated:
        note(f"cut at {limit} rows: there are more; --limit N asks for them")


def _explain(
    named: NamedQuery | None, given: list[str], cypher: str | None, url: str, *, as_json: bool
) -> None:
    if named is None and cypher is None:
        raise typer.BadParameter("say which query: a NAME, or --cypher TEXT")
    if named is None:
        allowed("query --cypher")
    with open_chosen(url) as graph:
        if named is not None:
            plan = named.explain(graph, _pairs(named, given))
        else:
            plan = graph.explain(sys.stdin.read() if cypher == "-" else str(cypher))
    if as_json:
        print_json([vars(step) for step in plan])
        return
    rows = [["  " * s.depth + s.operator, s.rows, s.details] for s in plan]
    print_table(["step", "rows", "details"], rows)


def _pairs(query: NamedQuery, given: list[str]) -> dict[str, Any]:
    """`["k=5", "ids=a", "ids=b"]` → `{"k": "5", "ids": ["a", "b"]}`."""
    lists = {p.name for p in query.parameters if p.type == "strings"}
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not name=value; {query.signature}")
        if name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise typer.BadParameter(f"{name} is given twice; {query.signature}")
        else:
            found[name] = value
    return found


def _values(given: list[str]) -> dict[str, Any]:
    """Of Cypher of one's own, which declares no types: `id=7` is the text 7, `k:=7` the number."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.rstrip(":"):
            raise typer.BadParameter(f"{text!r} is neither name=text nor name:=JSON")
        try:
            found[name.removesuffix(":")] = json.loads(value) if name.endswith(":") else value
        except ValueError as e:
            raise typer.BadParameter(f"{text!r}: {value!r} is no JSON") from e
    return found


def _with_stored_ids(graph: GraphStore, arguments: dict[str, Any]) -> dict[str, Any]:
    """Users' ids as the store has them: it may hold pseudonyms."""
    from kg.privacy.state import stored_ids

    found = dict(arguments)
    for name in ("userId", "userIds"):
        if name in found:
            given = found[name]
            ids = stored_ids(graph, given if isinstance(given, list) else [given])
            found[name] = ids if isinstance(given, list) else ids[0]
    return found


def _list(queries: dict[str, NamedQuery], *, as_json: bool) -> None:
    if as_json:
        print_json([_documented(q) for q in queries.values()])
    else:
        print_table(["query", "answers"], [[q.signature, q.sentence] for q in queries.values()])


def _describe(query: NamedQuery, *, as_json: bool) -> None:
    if as_json:
        print_json(_documented(query) | {"text": query.text, "embedded": query.embedded})
        return
    print_line(query.signature)
    print_line(query.sentence)
    print_line("returns " + ", ".join(f"{c.name}: {c.type}" for c in query.columns))
    print_line(f"from {query.where}" + (", with an embedded twin" if query.embedded else ""))
    print_line()
    print_line(query.text)


def _documented(query: NamedQuery) -> dict[str, Any]:
    return {
        "name": query.name,
        "sentence": query.sentence,
        "parameters": [
            {"name": p.name, "type": p.type, "required": p.required, "default": p.default}
            for p in query.parameters
        ],
        "columns": [{"name": c.name, "type": c.type} for c in query.columns],
    }
