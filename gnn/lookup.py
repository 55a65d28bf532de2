"""Single entries of a sparse matrix, many at a time."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Lookup:
    """Sorted once, then asked by halving."""

    def __init__(self, matrix: sp.csr_array) -> None:
        stored = matrix.tocoo()
        self._wide = np.int64(matrix.shape[1])
        key = stored.coords[0] * self._wide + stored.coords[1]
        order = np.argsort(key, kind="stable")
        self._key, self._value = key[order], stored.data[order]

    def __call__(self, rows: Ints, columns: Ints) -> Floats:
        """[N] `matrix[rows[n], columns[n]]`"""
        if not len(self._key):
            return np.zeros(len(rows), np.float32)
        wanted = rows * self._wide + columns
        at = np.minimum(np.searchsorted(self._key, wanted), len(self._key) - 1)
        return np.where(self._key[at] == wanted, self._value[at], 0).astype(np.float32)
