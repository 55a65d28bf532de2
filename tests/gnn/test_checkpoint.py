"""A trained model ↔ a folder."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gnn.checkpoint import FORMAT, ITEMS, SETTINGS, WEIGHTS, load_trained, save_trained
from gnn.errors import ModelError
from gnn.train import train
from tests.gnn.boards import QUICK, always_ranked, rich

GRAPH, TEXT = rich()
EVERYONE = np.arange(GRAPH.users.num_rows)
with always_ranked():
    TRAINED = train(GRAPH, TEXT, QUICK, seed=0)


@pytest.fixture
def folder(tmp_path):
    save_trained(TRAINED, tmp_path)
    return tmp_path


def test_a_model_scores_the_same_after_loading(folder):
    """Bit for bit, the fused score too."""
    loaded = load_trained(folder).scorer(GRAPH, TEXT)
    kept = TRAINED.scorer(GRAPH, TEXT)
    assert np.array_equal(loaded.encoder(EVERYONE), kept.encoder(EVERYONE))
    assert np.array_equal(loaded.fused(EVERYONE), kept.fused(EVERYONE))


def test_settings_and_figures_come_back(folder):
    """With the cut-off."""
    loaded = load_trained(folder)
    assert TRAINED.ranker is not None
    for name in (
        "config",
        "fusion",
        "ranker",
        "half_life",
        "repeats",
        "epochs",
        "seed",
        "as_of",
        "metrics",
    ):
        assert getattr(loaded, name) == getattr(TRAINED, name)


def test_saving_twice_writes_the_same_bytes(folder, tmp_path_factory):
    """Nothing in the files depends on the clock."""
    again = tmp_path_factory.mktemp("again")
    save_trained(load_trained(folder), again)
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", [WEIGHTS, ITEMS, SETTINGS])
@pytest.mark.parametrize("size", [0, 0.5, 0.98])
def test_a_file_cut_short_is_a_model_error(folder, name, size):
    """As a full disk leaves it; the line names the folder and what to do."""
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(size * len(whole))])
    with pytest.raises(ModelError, match="train a new release") as error:
        load_trained(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("name", [WEIGHTS, ITEMS, SETTINGS])
def test_a_missing_file_is_a_model_error(folder, name):
    """The same line."""
    (folder / name).unlink()
    with pytest.raises(ModelError, match="no model can be read"):
        load_trained(folder)


def test_another_format_is_named(folder):
    """What it is, what is read, what to do."""
    state = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps({**state, "format": FORMAT + 1}))
    with pytest.raises(ModelError, match=f"format {FORMAT + 1}, .* reads up to {FORMAT}"):
        load_trained(folder)


EARLIER = {
    1: ("social_alone", "length_alone", "social_half", "length_half"),
    2: ("social_half", "length_half"),
}
"""Weights that a format did not have."""


@pytest.mark.parametrize("number", EARLIER)
def test_a_model_of_an_earlier_format_scores_as_it_did(folder, number):
    """With one event friends counted as with many, and vectors had length 1; in the first format
    without any, too."""
    settings = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps({**settings, "format": number}))
    weights = load_file(folder / WEIGHTS)
    save_file({k: w for k, w in weights.items() if k not in EARLIER[number]}, folder / WEIGHTS)
    model = load_trained(folder).model
    told, tied = torch.tensor([0, 1, 9]), torch.tensor([True, True, True])
    alone = 1 if number == 1 else weights["length_alone"]
    assert model.length(told, tied).tolist() == [alone, 1, 1]
    many = weights["social_weight"][1]
    none = many if number == 1 else weights["social_alone"][1]
    friends = replace(TRAINED.scorer(GRAPH, TEXT).inputs.friends[0], row=1)
    assert model.friend_weight(friends, told).tolist() == [none, many, many]


def test_weights_of_another_model_are_refused(folder, tmp_path_factory):
    """Shapes must fit the settings."""
    other = tmp_path_factory.mktemp("other")
    save_trained(train(GRAPH, None, QUICK, seed=0), other)
    (folder / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    with pytest.raises(ModelError):
        load_trained(folder)


def test_a_setting_that_is_none_is_refused(folder):
    """A hand-edited file does not pass in silence."""
    state = json.loads((folder / SETTINGS).read_text())
    state["config"]["dimension"] = 8
    (folder / SETTINGS).write_text(json.dumps(state))
    with pytest.raises(ModelError, match="dimension"):
        load_trained(folder)
