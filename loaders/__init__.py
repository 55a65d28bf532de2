"""Files of shops and review sites → typed Arrow tables named after the graph's schema."""

from loaders.interface import FileReport, LoadReport, Progress, Staged
from loaders.sources import SOURCES
from loaders.staging import stage

__all__ = ["SOURCES", "FileReport", "LoadReport", "Progress", "Staged", "stage"]
