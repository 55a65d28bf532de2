"""A trained model ↔ a folder: weights as safetensors, ids as Parquet, settings as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gnn.attribute_model import load_attribute, save_attribute
from gnn.config import TrainConfig
from gnn.errors import ModelError
from gnn.fitted_files import load_fitted, save_fitted
from gnn.fusion import Fusion
from gnn.inputs import Vocabulary, strings
from gnn.kept_files import load_kept, save_kept
from gnn.model import Encoder
from gnn.ranker import Ranker
from gnn.refresh import Kept
from gnn.tables import Candidate
from gnn.train import Trained, device_of_choice

FORMAT = 4
"""1 read the friends of users without events as those of all others, 2 those of users with one
event as those of users with many; 3 had no ranker."""
AT_ONCE = -20.0
"""Log of a number of events at which one is as good as many."""
WEIGHTS, ITEMS, CATEGORIES, SETTINGS = (
    "encoder.safetensors", "items.parquet", "categories.parquet", "model.json",
)  # fmt: skip


def save_model(candidate: Candidate, folder: Path) -> None:
    """The model of a candidate and its calibrations. `folder` must exist."""
    assert candidate.trained is not None
    save_trained(candidate.trained, folder)
    if candidate.fitted is not None:
        save_fitted(candidate.fitted, folder, candidate.items["itemId"])
    if candidate.standing is not None and candidate.catalogue is not None:
        save_kept(candidate.standing, candidate.catalogue, folder)
    if candidate.attribute is not None:
        save_attribute(candidate.attribute, folder)


def load_kept_model(folder: Path) -> Kept:
    """All of it, to profile single users by. Raises ModelError."""
    standing, catalogue = load_kept(folder)
    items = pa.chunked_array([catalogue.items])
    fitted, attribute = load_fitted(folder, items), load_attribute(folder)
    return Kept(load_trained(folder), fitted, standing, catalogue, attribute)


def save_trained(trained: Trained, folder: Path) -> None:
    known = trained.model.known
    weights = {n: t.detach().cpu().contiguous() for n, t in trained.model.state_dict().items()}
    save_file(weights, str(folder / WEIGHTS))
    pq.write_table(pa.table({"itemId": known.items}), folder / ITEMS)
    pq.write_table(pa.table({"categoryId": known.categories}), folder / CATEGORIES)
    names = {k: v for k, v in asdict(known).items() if k not in ("items", "categories")}
    state: dict[str, Any] = {
        "format": FORMAT,
        "config": trained.config.model_dump(mode="json"),
        "fusion": trained.fusion.model_dump(),
        "ranker": None if trained.ranker is None else trained.ranker.model_dump(mode="json"),
        "beside": trained.beside,
        "known": names,
        "half_life": trained.half_life,
        "repeats": trained.repeats,
        "epochs": trained.epochs,
        "seed": trained.seed,
        "as_of": trained.as_of,
        "metrics": trained.metrics,
    }
    (folder / SETTINGS).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")


def load_trained(folder: Path) -> Trained:
    """Ready to score any graph. Raises ModelError where the files are missing, of another version
    or not what `save_trained` wrote."""
    try:
        state = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        if state["format"] not in range(1, FORMAT + 1):
            raise ModelError(
                f"{folder / SETTINGS}: format {state['format']}, this software reads up to "
                f"{FORMAT}; train a new release"
            )
        config = TrainConfig.model_validate(state["config"])
        known = _vocabulary(folder, state["known"])
        model = Encoder(known, config.dim, config.temperature, config.hops)
        model.load_state_dict(_weights(load_file(str(folder / WEIGHTS)), state["format"]))
        return Trained(
            model=model.to(device_of_choice()).eval(),
            fusion=Fusion.model_validate(state["fusion"]),
            ranker=Ranker.model_validate(ranker) if (ranker := state.get("ranker")) else None,
            beside=state.get("beside", 0.0),
            half_life=state["half_life"],
            repeats=state["repeats"],
            epochs=state["epochs"],
            config=config,
            seed=state["seed"],
            split=None,
            as_of=state["as_of"],
            metrics=state["metrics"],
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as e:
        raise ModelError(f"{folder}: no model can be read ({e}); train a new release") from e


def _weights(stored: dict[str, Tensor], of: int) -> dict[str, Tensor]:
    """As this software names them; an older model scores as it did."""
    social = stored["social_weight"]
    added: dict[str, Tensor] = {}
    if of < 2:
        added |= {"social_alone": social.clone(), "length_alone": torch.tensor(1.0)}
    if of < 3:
        at_once = {"social_half": torch.full_like(social, AT_ONCE)}
        added |= {**at_once, "length_half": torch.tensor(AT_ONCE)}
    return stored | added


def _vocabulary(folder: Path, names: dict[str, Any]) -> Vocabulary:
    items = strings(pq.read_table(folder / ITEMS)["itemId"])
    categories = strings(pq.read_table(folder / CATEGORIES)["categoryId"])
    return Vocabulary(
        items,
        categories,
        relations=tuple(names["relations"]),
        supports=tuple(names["supports"]),
        social=tuple(names["social"]),
        item_text=int(names["item_text"]),
        review_text=int(names["review_text"]),
    )
