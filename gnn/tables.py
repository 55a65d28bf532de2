"""What the model is given and what it gives back, as Arrow tables. No store, no loader.

Input is a `GraphTables`: node tables whose row number is the node's integer id, and edge tables
with int64 `src` and `dst` rows. Output is a `Candidate`: profile and interest tables keyed by the
external ids again, with the model, the metrics and the settings that made them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gnn.attribute_model import AttributeModel
    from gnn.catalogue import Catalogue
    from gnn.fitted import Fitted
    from gnn.portrait import Standing
    from gnn.train import Trained


@dataclass(frozen=True)
class GraphTables:
    """One graph as arrays.

    users: userId (string), createdAt …
    items: itemId, title, description, brand, price
    categories: categoryId, name, level. Source categories only; empty where there are none.
    behaviour: by edge type (RATED, REVIEWED, PURCHASED, …): src user row, dst item row, at (int64
        epoch s, nullable), weight (float64), eventId (what evidence is named by; only profiles need
        it), and where the type has them rating, text, title, quantity, price, cancelledQuantity.
    social: FOLLOWS, FRIEND_OF: src, dst user rows.
    item_category: src item row, dst category row, weight.
    category_parent: src narrower, dst broader category row.
    """

    users: pa.Table
    items: pa.Table
    categories: pa.Table
    behaviour: dict[str, pa.Table]
    social: dict[str, pa.Table]
    item_category: pa.Table
    category_parent: pa.Table
    negative: tuple[str, ...] = ("RETURNED",)
    """Behaviour types that speak against an item; never a positive, never a target."""
    positive_weight: float = 0.6
    """An opinion (a type with a `rating`) counts as positive from this weight on."""


@dataclass(frozen=True)
class TextVectors:
    """Text as `gnn.text` encodes it. A row of zeros is a missing text."""

    items: NDArray[np.float32] | None = None
    """[I, t] title and description. Never reviews: the model pools those itself, as of a moment."""
    reviews: NDArray[np.float32] | None = None
    """[R, t] aligned with the rows of `behaviour["REVIEWED"]`."""


@dataclass(frozen=True)
class Candidate:
    """A trained release before it is written anywhere. Columns as `kg.schema` / `kg.profile`."""

    users: pa.Table
    items: pa.Table
    edges: dict[str, pa.Table]
    """"INTERESTED_IN.Category", "INTERESTED_IN.Item", "SIMILAR_TO" with string src, dst."""
    categories: pa.Table | None
    """Derived categories, where the source has none."""
    item_category: pa.Table | None
    metrics: dict[str, Any]
    """The tables of `kg train` as JSON-able lists of rows, with the calibration and the gates'
    figures."""
    as_of: int | None
    horizon_days: int | None
    config: dict[str, Any]
    weights: dict[str, Any] = field(default_factory=dict)
    """The checkpoint's tensors by name (torch), with what `gnn.checkpoint` needs to score again."""
    trained: Trained | None = None
    """The model that served the tables, for `gnn.checkpoint`."""
    fitted: Fitted | None = None
    """The calibrations that turned its vectors into claims."""
    standing: Standing | None = None
    """What it says of all users together, and ..."""
    catalogue: Catalogue | None = None
    """... its items, for profiling single users anew."""
    attribute: AttributeModel | None = None
    """What guesses an attribute of users who declare none, where that was asked for."""
