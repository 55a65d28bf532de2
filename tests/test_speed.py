"""The benchmark of training runs, and its fast sum is the plain one's."""

from __future__ import annotations

import pytest
import torch

from benchmarks.speed import aggregation, begun, main, synthetic
from gnn.config import TrainConfig

CPU = torch.device("cpu")


def test_a_graph_of_any_size() -> None:
    """Each event has a user and an item that exist, users in order."""
    graph = synthetic(5_000)
    events = graph.behaviour["VIEWED"]
    assert events.num_rows == 5_000
    user = events["src"].to_numpy()
    assert (user[:-1] <= user[1:]).all()
    assert user.max() < graph.users.num_rows
    assert events["dst"].to_numpy().max() < graph.items.num_rows


def test_the_sum_is_checked_against_gather_and_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that is wrong is not timed."""
    fit = begun(synthetic(2_000), TrainConfig(dim=8), CPU)
    assert all(figure > 0 for figure in aggregation(fit, 8))
    right = fit.model.sum.forward
    monkeypatch.setattr(fit.model.sum, "forward", lambda *given: 2 * right(*given))
    with pytest.raises(AssertionError):
        aggregation(fit, 8)


def test_the_table_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row a size."""
    arguments = ["speed", "parts", "--events", "2000", "3000", "--set", "dim=8"]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| events", "| ---", "| 2,000", "| 3,000"]
