"""Every error of the model's side a caller may want to tell apart. The tree:

GnnError                    the command line prints it as one line and exits 1
├── GraphError              tables that are no graph, or too small a one to learn from
├── ModelError              a saved model that cannot be used
├── ResumeError             what was kept of a training that was cut off is not of this one
└── EncoderError            a text encoder that cannot be found, trusted or used
    └── CacheError          the folder of text vectors cannot be written
"""

from __future__ import annotations


class GnnError(Exception):
    """Says what went wrong, where, and what to do next, in one line."""


class GraphError(GnnError):
    pass


class ModelError(GnnError):
    pass


class ResumeError(GnnError):
    pass


class EncoderError(GnnError):
    pass


class CacheError(EncoderError):
    pass
