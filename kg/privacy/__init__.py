"""Personal data in the graph: pseudonyms, erasure with proof, access, retention, objections."""

from kg.privacy.erasure import Forgotten, forget

__all__ = ["Forgotten", "forget"]
