"""A published split: some of the test's users choose, and the table says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import published
from gnn.graph import events
from tests.gnn.boards import QUICK, communities

CHOOSING = 40


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return judged(CHOOSING)


def judged(choosing: int) -> list[dict[str, Any]]:
    """Two kinds of users, a quarter of whose events are the test."""
    graph = communities(n_users=200, at=False)
    flat = events(graph)
    test = np.arange(len(flat)) % 4 == 0
    ((kind, whole),) = graph.behaviour.items()
    graph.behaviour[kind] = whole.take(np.sort(flat.edge[~test]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "CHOOSING", choosing)
        config = QUICK.model_copy(update={"batch": 64, "epochs": 4})
        return published.judged_published(graph, flat.where(test), config, 0, torch.device("cpu"))


def test_each_user_counts_once_in_the_whole(rows: list[dict[str, Any]]) -> None:
    """The others' figures are part of it, those who chose the rest."""
    n = {name: {r["n"] for r in rows if r["users"] == name} for name in ("others", "all")}
    assert n == {"others": {200 - CHOOSING}, "all": {200}}
    models = [r["model"] for r in rows if r["users"] == "all"]
    assert models == [r["model"] for r in rows if r["users"] == "others"]
    assert models[-4:] == ["encoder", "encoder + band, one product", "weighted sum", "fused"]


def test_what_was_learned_ranks_better_than_popularity(rows: list[dict[str, Any]]) -> None:
    """For those who chose nothing, too."""
    found = {(r["model"], r["users"]): r["recall@20"] for r in rows}
    for users in ("others", "all"):
        assert found["fused", users] > found["popularity", users] + 0.2


def test_where_all_choose_nobody_is_left() -> None:
    """A small test: its table is of all, and says nothing of others."""
    found = judged(1_000)
    assert {r["users"] for r in found} == {"all"}
    assert {r["n"] for r in found} == {200}
