"""Loaded before any test: how threads wait is settled before torch is."""

import gnn  # noqa: F401  # imported for what it does
