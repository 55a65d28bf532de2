"""Users whose edges changed → their profiles anew, by a release's model, calibrations and items.
Nobody else is touched, and the work grows with these users alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnn.attribute_model import AttributeModel
from gnn.catalogue import (
    Catalogue,
    as_published,
    items_alone,
    no_filter,
    on_catalogue,
    places_of,
    scorer_on,
    with_newcomers,
)
from gnn.categories import Categories, categories_of
from gnn.columns import attributes
from gnn.encode import Snapshot
from gnn.fitted import Fitted, final_window
from gnn.graph import Ints, events
from gnn.inputs import ItemRows, inputs, item_rows
from gnn.linear import LinearFilter
from gnn.portrait import Standing, category_interests, item_interests, look_at, usual_item
from gnn.profile_tables import Claim, similar_table, user_table
from gnn.similar import nearest_users
from gnn.tables import GraphTables, TextVectors
from gnn.train import Trained

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """What a release keeps so that single users can be profiled anew."""

    trained: Trained
    fitted: Fitted
    standing: Standing
    catalogue: Catalogue
    attribute: AttributeModel | None = None
    """Guesses an attribute, where the release does"""

    @property
    def retrieval_filter(self) -> LinearFilter:
        """What stands beside the encoder in one inner product"""
        linear = self.catalogue.linear if self.trained.beside else None
        return linear or no_filter(len(self.catalogue))

    # what stands still while users change is made once, and not for each of them

    @cached_property
    def item_rows(self) -> ItemRows:
        """Of the catalogue's items"""
        return item_rows(items_alone(self.catalogue), self.trained.model.known)

    @cached_property
    def moment(self) -> Snapshot:
        """Of the catalogue's items"""
        return as_published(self.catalogue, self.trained.model)

    @cached_property
    def usual_item(self) -> Floats:
        """[d]"""
        return usual_item(self.catalogue.vector, self.catalogue.bias)

    def categories(self, sensitive: frozenset[str]) -> Categories:
        """Of the catalogue's items"""
        if sensitive not in self._categories:
            self._categories[sensitive] = categories_of(items_alone(self.catalogue), sensitive)
        return self._categories[sensitive]

    @cached_property
    def _categories(self) -> dict[frozenset[str], Categories]:
        return {}


@dataclass(frozen=True)
class Renewed:
    """Of the N users asked for, in their order."""

    users: pa.Table
    """userId and profile properties, without those of the social graph"""
    edges: dict[str, pa.Table]
    """INTERESTED_IN.Category and INTERESTED_IN.Item"""
    vectors: Floats
    """[N, d]"""


def is_new(kept: Kept, items: pa.ChunkedArray) -> NDArray[np.bool_]:
    """[I] items that came after the release: only their text is read."""
    return places_of(kept.catalogue, items) < 0


def profile_users(
    kept: Kept,
    graph: GraphTables,
    text: TextVectors | None,
    rows: Ints,
    *,
    version: str,
    as_of: int | None,
    sensitive: frozenset[str] = frozenset(),
) -> Renewed:
    """`graph` holds the users of `rows` and those they listen to, with all events of both, all ties
    of the users of `rows`, and the items these events touch.

    An item that came after the release counts by its text and categories. Raises GraphError and
    ModelError as `gnn.inputs`."""
    trained, fitted, standing = kept.trained, kept.fitted, kept.standing
    place = places_of(kept.catalogue, graph.items["itemId"])
    came = np.flatnonzero(place < 0)
    place[came] = len(kept.catalogue) + np.arange(len(came))
    catalogue = with_newcomers(kept.catalogue, trained.model, graph, text, came)
    new = len(came)
    if new:
        least = np.full(new, standing.share.min(initial=1), np.float32)
        standing = replace(standing, share=np.concatenate([standing.share, least]))
    graph = on_catalogue(catalogue, graph, place)
    reviews = None if text is None else TextVectors(reviews=text.reviews)
    window = final_window(events(graph), as_of, fitted.horizon_days)
    known = inputs(
        graph,
        reviews,
        window.seen,
        trained.model.known,
        trained.model.type_weight.device,
        None if new else kept.item_rows,
    )
    scorer = scorer_on(catalogue, trained, known, None if new else kept.moment)
    claim = Claim(version, as_of, fitted.horizon_days)
    look = look_at(
        graph, reviews, window, scorer, fitted, claim, sensitive=sensitive, usual=standing.usual,
        categories=None if new else kept.categories(sensitive),
    )  # fmt: skip
    columns, _ = attributes(look, fitted, standing)
    vectors = scorer.encoded.user
    everyone = user_table(graph.users["userId"], vectors, columns, claim)
    return Renewed(
        users=everyone.take(pa.array(rows)),
        edges={
            "INTERESTED_IN.Category": category_interests(look, fitted, standing, rows),
            "INTERESTED_IN.Item": item_interests(
                look, fitted, standing, rows, None if new else kept.usual_item
            ),
        },
        vectors=vectors[rows],
    )


def similar_users(users: pa.ChunkedArray, vectors: Floats, rows: Ints, *, version: str) -> pa.Table:
    """SIMILAR_TO of some users, among all [U] of them."""
    return similar_table(nearest_users(vectors, rows=rows), users, version)
