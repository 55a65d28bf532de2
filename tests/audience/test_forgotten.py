"""Files of audiences and arms lose a user who is erased."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kg.cli import main
from kg.store import open_store
from tests.audience import crowd


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_erased_user_is_in_no_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit says where they are; the others stay, with their arms."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_RELEASES", str(tmp_path / "releases"))
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        crowd.load(store)
    audience, arms = f"audience.{kind}", f"arms.{kind}"
    assert main(["audience", "where", "churnRisk >= 0", "-o", audience]) == 0
    assert main(["ab", "assign", arms, "--experiment", "x"]) == 0
    read = pl.read_csv if kind == "csv" else pl.read_parquet
    before = read(arms)
    assert main(["forget", "u04", "--yes"]) == 0
    assert "u04" not in read(audience)["userId"].to_list()
    assert len(read(audience)) == 58
    after = read(arms)
    assert after.equals(before.filter(pl.col("userId") != "u04"))
    assert main(["ab", "assign", arms, "--experiment", "x"]) == 0
    assert read(arms).equals(after)
