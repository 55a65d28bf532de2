"""What a release keeps for profiling single users ↔ files beside its model, without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from gnn.attributes import Fifths
from gnn.catalogue import Catalogue
from gnn.errors import ModelError
from gnn.facts import Facts
from gnn.features import Usual
from gnn.graph import rows_of
from gnn.grouping import Places
from gnn.inputs import strings
from gnn.linear import LinearFilter
from gnn.portrait import Standing
from gnn.segments import Groups
from gnn.tags import Lexicon

FILE, ARRAYS, ITEMS, INTERACTIONS, WORDS = (
    "kept.json", "kept.npz", "kept_items.parquet", "kept_interactions.parquet",
    "kept_words.parquet",
)  # fmt: skip
TABLES = ("categories", "item_category", "category_parent")


def save_kept(standing: Standing, catalogue: Catalogue, folder: Path) -> None:
    """`kept_interactions.parquet` names users: erasing one erases their rows there."""
    arrays: dict[str, Any] = {
        "vector": catalogue.vector,
        "bias": catalogue.bias,
        "users_of_item": catalogue.users_of_item,
        "share": standing.share,
        "base": standing.usual.base,
        "centre": standing.usual.centre,
        "average": standing.average,
        "recency": standing.fifths.recency,
        "frequency": standing.fifths.frequency,
        "money": standing.fifths.money,
        "segment_mean": standing.groups.mean,
        "segment_centre": standing.groups.places.centre,
        "segment_reach": standing.groups.places.reach,
    }
    linear = catalogue.linear
    if linear is not None and catalogue.users is not None:
        arrays |= {"into_band": linear.into_band, "out_of_band": linear.out_of_band}
        pairs = linear.second_hop.tocoo()
        who = pa.DictionaryArray.from_arrays(pa.array(pairs.row, pa.int32()), catalogue.users)
        table = pa.table({"userId": who.cast(pa.string()), "item": pa.array(pairs.col, pa.int32())})
        pq.write_table(table, folder / INTERACTIONS, compression="zstd")
    np.savez(folder / ARRAYS, **{k: v for k, v in arrays.items() if v is not None})
    pq.write_table(catalogue.said.add_column(0, "itemId", catalogue.items), folder / ITEMS)
    if standing.lexicon is not None:
        words = {"word": standing.lexicon.words, "weight": standing.lexicon.weight}
        pq.write_table(pa.table(words), folder / WORDS)
    for name in TABLES:
        pq.write_table(getattr(catalogue, name), folder / f"kept_{name}.parquet")
    state = {
        "segments": standing.groups.names,
        "start": standing.usual.start,
        "facts": asdict(standing.facts),
    }
    (folder / FILE).write_text(json.dumps(state), encoding="utf-8")


def load_kept(folder: Path) -> tuple[Standing, Catalogue]:
    """Raises ModelError where the files are missing or not what `save_kept` wrote."""
    try:
        state = json.loads((folder / FILE).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            a = dict(stored)
        said = pq.read_table(folder / ITEMS)
        items = strings(said["itemId"])
        linear, users = _linear(folder, a, len(items))
        standing = Standing(
            usual=Usual(a["base"], a["centre"], state["start"]),
            average=a.get("average"),
            share=a["share"],
            fifths=Fifths(a["recency"], a["frequency"], a.get("money")),
            groups=Groups(
                a["segment_mean"],
                Places(a["segment_centre"], a.get("segment_reach")),
                tuple(state["segments"]),
            ),
            facts=Facts(**state["facts"]),
            lexicon=_lexicon(folder),
        )
        tables = {name: pq.read_table(folder / f"kept_{name}.parquet") for name in TABLES}
        catalogue = Catalogue(
            items=items,
            vector=a["vector"],
            bias=a["bias"],
            users_of_item=a["users_of_item"],
            said=said.drop_columns(["itemId"]),
            linear=linear,
            users=users,
            **tables,
        )
    except (OSError, ValueError, KeyError, TypeError, BadZipFile, pa.ArrowException) as e:
        raise ModelError(f"{folder / FILE}: {e}; train a new release") from e
    return standing, catalogue


def _lexicon(folder: Path) -> Lexicon | None:
    path = folder / WORDS
    if not path.is_file():
        return None
    table = pq.read_table(path)
    weight = np.asarray(table["weight"].to_numpy(), np.float32)
    return Lexicon(table["word"].combine_chunks(), weight)


def _linear(
    folder: Path, arrays: dict[str, Any], items: int
) -> tuple[LinearFilter | None, pa.Array | None]:
    path = folder / INTERACTIONS
    if not path.is_file():
        return None, None
    table = pq.read_table(path)
    who = table["userId"].combine_chunks().dictionary_encode()
    item = rows_of(table, "item", items, INTERACTIONS)
    user = np.asarray(who.indices.to_numpy(), np.int64)
    shape = (len(who.dictionary), items)
    r = sp.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape)
    return LinearFilter.of(r, arrays.get("into_band"), arrays.get("out_of_band")), who.dictionary
