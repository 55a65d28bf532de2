"""Every error of the model's side a caller may want to tell apart. The tree:

GnnError                    the command line prints it as one line and exits 1
└── EncoderError            a text encoder that cannot be found, trusted or used
    └── CacheError          the folder of text vectors cannot be written
"""

from __future__ import annotations


class GnnError(Exception):
    """Says what went wrong, where, and what to do next, in one line."""


class EncoderError(GnnError):
    pass


class CacheError(EncoderError):
    pass
