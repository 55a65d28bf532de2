"""Every source by name: where its code is, and one sentence about it."""

from __future__ import annotations

from pathlib import Path

MAPPINGS = Path(__file__).parent / "mappings"

SOURCES: dict[str, str] = {
    "amazon": "loaders.amazon:plan_files",
    "yelp": "loaders.yelp:plan_files",
    "tabular": "loaders.tabular:plan_files",
    "synthetic": "loaders.synthetic:stage_synthetic",
    "movielens": "loaders.tabular:plan_files",
    "ciao": "loaders.tabular:plan_files",
    "online_retail": "loaders.tabular:plan_files",
    "lastfm_hetrec": "loaders.tabular:plan_files",
    "yelp_hin": "loaders.tabular:plan_files",
    "lightgcn": "loaders.tabular:plan_files",
}
"""Source → import string. A source of `loaders.tabular` other than `tabular` itself has its mapping
in `loaders/mappings/<name>.toml`."""

GENERATED = ("synthetic",)
"""Sources that read no files."""
