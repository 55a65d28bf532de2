"""The crowd of the audiences, on a store of each kind."""

from tests.audience.conftest import crowd_url, desk

__all__ = ["crowd_url", "desk"]
