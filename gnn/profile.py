"""A graph → a candidate release: the model, calibrated interests with their evidence, attributes,
segments and similar users, and how good each of them is beside plain baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.catalogue import catalogue_of
from gnn.categories import categories_of
from gnn.clusters import extend_clusters, with_clusters
from gnn.columns import attributes
from gnn.config import TrainConfig
from gnn.encoded import Encoded
from gnn.faithful import judge_evidence
from gnn.fitted import Fitted, Model, Scorer, final_window, fit_profiles
from gnn.goods import with_price_places
from gnn.graph import Events, events
from gnn.model import Encoder
from gnn.portrait import Standing, category_interests, item_interests, look_at, stand
from gnn.profile_tables import Claim, derived_tables, item_table, similar_table, user_table
from gnn.resume import Saves
from gnn.score import Scorer as ModelScorer
from gnn.search import Progress, silent
from gnn.segments import NO_GROUP, Names
from gnn.similar import effective_rank, mean_cosine, nearest_users
from gnn.tables import Candidate, GraphTables, TextVectors
from gnn.track import Tracker
from gnn.train import refit, train
from gnn.warm import check_width
from gnn.windows import last_moment


def make_candidate(
    graph: GraphTables,
    text: TextVectors | None,
    config: TrainConfig,
    *,
    version: str,
    seed: int,
    now: int,
    sensitive: frozenset[str] = frozenset(),
    previous: pa.Table | None = None,
    progress: Progress | None = None,
    saves: Saves | None = None,
    tracker: Tracker | None = None,
    warm: Encoder | None = None,
) -> Candidate:
    """Train, calibrate on the validation period, judge on the test period, train again on
    everything up to the last event (or `now`, epoch s), and profile every user as of then.

    `sensitive` categories, and all under them, are never scored or written. `previous` (userId and
    segment) is the last release, whose segments' names are kept where their users are. With
    `saves`, a training that was killed goes on where it was; with `warm`, the training on
    everything begins from an earlier model's weights. Raises GraphError where there is too
    little to learn from, or where events have no `eventId`, ResumeError where `saves` hold another
    training.
    """
    if warm is not None:
        check_width(warm, config.dim)
    trained = train(graph, text, config, seed=seed, progress=progress, saves=saves, tracker=tracker)
    split = trained.split
    assert split is not None
    as_of = moment_of(events(graph), now)
    known = [] if previous is None else pc.unique(previous["segment"].drop_null()).to_pylist()
    fitted = fit_profiles(
        trained, graph, text, split, sensitive=sensitive, seed=seed, now=as_of,
        segments_before=len([s for s in known if s != NO_GROUP]) or None,
        grouping=config.segments, progress=progress,
    )  # fmt: skip
    served = trained
    if config.refit:
        until = as_of if split.kind == "temporal" else None
        served = refit(
            trained, graph, text,
            until=until, progress=progress, saves=saves, tracker=tracker, warm=warm,
        )  # fmt: skip
    profiles = profile_graph(
        served,
        fitted,
        graph,
        text,
        version=version,
        as_of=as_of,
        seed=seed,
        sensitive=sensitive,
        previous=previous,
        progress=progress,
    )
    assert isinstance(profiles.scorer, ModelScorer)
    metrics = {**trained.metrics, **profiles.metrics}
    return Candidate(
        users=profiles.users,
        items=profiles.items,
        edges=profiles.edges,
        categories=profiles.categories,
        item_category=profiles.item_category,
        metrics={**metrics, "health": {**profiles.health, **quality_figures(metrics)}},
        as_of=as_of,
        horizon_days=fitted.horizon_days,
        config=config.model_dump(mode="json"),
        weights=served.weights,
        trained=served,
        fitted=fitted,
        standing=profiles.standing,
        catalogue=catalogue_of(profiles.graph, profiles.scorer),
    )


def moment_of(flat: Events, now: int) -> int | None:
    """The first second after the last event, and never after `now`. None without times."""
    last = last_moment(flat)
    return None if last is None else min(last, now)


@dataclass(frozen=True)
class Profiles:
    """Everything of a `Candidate` but the model."""

    users: pa.Table
    items: pa.Table
    edges: dict[str, pa.Table]
    categories: pa.Table | None
    item_category: pa.Table | None
    metrics: dict[str, Any]
    health: dict[str, Any]
    graph: GraphTables
    """With the derived categories as its own"""
    scorer: Scorer
    standing: Standing


def profile_graph(
    model: Model,
    fitted: Fitted,
    graph: GraphTables,
    text: TextVectors | None,
    *,
    version: str,
    as_of: int | None,
    seed: int,
    sensitive: frozenset[str] = frozenset(),
    previous: pa.Table | None = None,
    progress: Progress | None = None,
) -> Profiles:
    """Profiles of every user, by a model and calibrations that were fitted before."""
    tell = progress or silent
    tell("profiles", 0, 5)
    window = final_window(events(graph), as_of, fitted.horizon_days)
    scorer, source = model.scorer(graph, text, window.seen), graph
    encoded = scorer.encoded
    clusters = fitted.clusters
    if clusters:
        clusters = extend_clusters(clusters, window.before, encoded.item)
        graph = with_clusters(graph, clusters)
    share = categories_of(graph, sensitive).share
    graph = with_price_places(graph, share, window.at)
    claim = Claim(version, as_of, fitted.horizon_days)
    look = look_at(graph, text, window, scorer, fitted, claim, sensitive=sensitive)
    before = None if previous is None else segments_before(previous, graph.users["userId"])
    standing, segments = stand(look, fitted, seed=seed, segments_before=before)
    everyone = np.arange(graph.users.num_rows)
    tell("profiles", 1, 5)
    edges = {"INTERESTED_IN.Category": category_interests(look, fitted, standing, everyone)}
    tell("profiles", 2, 5)
    edges["INTERESTED_IN.Item"] = item_interests(look, fitted, standing, everyone)
    tell("profiles", 3, 5)
    users, items = graph.users["userId"], graph.items["itemId"]
    edges["SIMILAR_TO"] = similar_table(nearest_users(encoded.user), users, version)
    tell("profiles", 4, 5)
    columns, reasons = attributes(look, fitted, standing)
    figures = {"segments": segments.table}
    rng = np.random.default_rng(seed)
    figures["faithfulness"] = judge_evidence(model, look, fitted, standing, source, text, rng)
    tell("profiles", 5, 5)
    unavailable = {**fitted.metrics["unavailable"], **reasons}
    derived, member_of = derived_tables(clusters, items) if clusters else (None, None)
    return Profiles(
        user_table(users, encoded.user, columns, claim),
        item_table(items, encoded, version),
        edges,
        derived,
        member_of,
        metrics={**fitted.metrics, **figures, "unavailable": unavailable},
        health={
            **vector_figures(encoded),
            "repeat_error": repeat_error(encoded, model.scorer(graph, text, window.seen).encoded),
        },
        graph=graph,
        scorer=scorer,
        standing=standing,
    )


def segments_before(previous: pa.Table, users: pa.ChunkedArray) -> Names:
    """[U] each user's segment in a former release, None for those it did not have."""
    place = pc.index_in(users.cast(pa.string()), previous["userId"].cast(pa.string()))
    found = previous["segment"].cast(pa.string()).take(place)
    return np.asarray(found.to_numpy(zero_copy_only=False), object)


def vector_figures(encoded: Encoded) -> dict[str, Any]:
    """What the health gates ask of the vectors."""
    return {
        "finite": all(
            bool(np.isfinite(a).all()) for a in (encoded.user, encoded.item, encoded.bias)
        ),
        "effective_rank": effective_rank(encoded.user),
        "mean_cosine": mean_cosine(encoded.user),
    }


def repeat_error(once: Encoded, again: Encoded) -> float:
    """The largest difference between two looks at one graph: nothing may hang on chance."""
    return max(
        float(np.abs(a - b).max(initial=0))
        for a, b in ((once.user, again.user), (once.item, again.item), (once.bias, again.bias))
    )


def quality_figures(metrics: dict[str, Any]) -> dict[str, float | None]:
    """What the health gates ask of the judgements: None for what could not be judged."""
    ndcg = {
        row["model"]: row["ndcg@20"] for row in metrics.get("quality", []) if row["users"] == "all"
    }
    error = {
        row["model"]: row.get("se") for row in metrics.get("quality", []) if row["users"] == "all"
    }
    chances = {row["model"]: row for row in metrics["interests"]}
    return {
        "ndcg20_model": ndcg.get("fused"),
        "ndcg20_popularity": ndcg.get("popularity"),
        "ndcg20_error": error.get("fused"),
        "place_seen": metrics.get("places", {}).get("seen"),
        "place_held_out": metrics.get("places", {}).get("held_out"),
        "place_error": metrics.get("places", {}).get("error"),
        "ece": chances["profile"]["ece"] if "profile" in chances else None,
        "ece_by_chance": chances["profile"]["ece_by_chance"] if "profile" in chances else None,
    }
