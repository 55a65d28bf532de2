"""How well a candidate's vectors foretell what users declare of themselves; and, where it is asked
for and beats plain methods, the likeliest value of those who declare none (`kg.guesses`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import ConfigError
from kg.guesses import vectors_of, with_guesses
from kg.profile import GUESS
from kg.store import GraphStore

if TYPE_CHECKING:
    from gnn.tables import Candidate, GraphTables


def declared_values(store: GraphStore, attribute: str) -> pa.Table:
    """userId and value (text) of an attribute that the source says of users. Raises ConfigError."""
    known = store.attributes().get("User", pa.schema([]))
    texts = [
        f.name for f in known if not (pa.types.is_list(f.type) or pa.types.is_floating(f.type))
    ]
    if attribute not in texts:
        there = f"there are {', '.join(texts)}" if texts else "no user here has any"
        raise ConfigError(f"no attribute {attribute!r} that could be foretold; {there}")
    users = store.export({"User": (attribute,)}, {}).nodes["User"]
    return pa.table({"userId": users["userId"], "value": users[attribute].cast(pa.string())})


def foretold(
    candidate: Candidate,
    graph: GraphTables,
    declared: pa.Table,
    attribute: str,
    seed: int,
    *,
    write: bool,
) -> Candidate:
    """The candidate with the figures on its card; with `write` also the guesses and what makes
    them, or the reason why there are none."""
    from gnn.attribute_model import fit_attribute
    from gnn.graph import events
    from gnn.predict import judge_attribute

    ids = graph.users["userId"]
    some = candidate.users.filter(pc.is_valid(candidate.users["embedding"]))
    given = vectors_of(some)
    vectors = np.zeros((len(ids), given.shape[1]), np.float32)
    vectors[pc.index_in(some["userId"], ids.combine_chunks()).to_numpy()] = given
    values = declared["value"].take(pc.index_in(ids, declared["userId"])).to_pylist()
    # nothing is known of the others: nobody could foretell them
    there = np.asarray(vectors.any(axis=1), np.bool_)
    values = [v if known else None for v, known in zip(values, there, strict=True)]
    found = judge_attribute(vectors, events(graph).matrix(), np.array(values, object), seed)
    if isinstance(found, str):
        figures: dict[str, Any] = {"foretold": [], "foretold_not": f"{attribute}: {found}"}
        return _with(candidate, figures, f"{attribute}: {found}" if write else None)
    figures = {"foretold": [{"attribute": attribute, **r} for r in found.table]}
    if not write:
        return _with(candidate, figures)
    guessing = fit_attribute(attribute, found, vectors, seed)
    row = {"attribute": attribute, **guessing.row, "written": 0}
    figures["foretold_written"] = [row]
    if guessing.not_worth is not None:
        return _with(candidate, figures, f"{attribute}: {guessing.not_worth}")
    told = declared.filter(pc.is_valid(declared["value"]))["userId"]
    users = with_guesses(candidate.users, guessing.model, told)
    row["written"] = len(users) - users[GUESS[0]].null_count
    return replace(_with(candidate, figures), users=users, attribute=guessing.model)


def in_words(metrics: dict[str, Any]) -> str | None:
    """What became of the attribute on a card, in a sentence; None where the rows say it all."""
    if "foretold_not" in metrics:
        return f"not foretold: {metrics['foretold_not']}"
    if "foretold_written" not in metrics:
        return None
    if (reason := metrics["unavailable"].get(GUESS[0])) is not None:
        return f"no guess is written: {reason}"
    (row,) = metrics["foretold_written"]
    return f"{row['attribute']} is guessed of {row['written']:,} users who declare none"


def _with(candidate: Candidate, figures: dict[str, Any], reason: str | None = None) -> Candidate:
    metrics = candidate.metrics | figures
    if reason is not None:
        metrics["unavailable"] = metrics["unavailable"] | dict.fromkeys(GUESS, reason)
    return replace(candidate, metrics=metrics)
