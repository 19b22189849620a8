"""The rows of a fit in the form that the functions of `jax_functions` accept."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import numpy as np

from . import data
from .jax_functions import order_spec

# Smaller arrays are padded to a power of two rows, larger ones to a multiple of its eighth part.
_SMALL_BYTES = 1 << 24


class Rows:
    """Arrays with JAX's dtypes, as single batches, or all rows on the device."""

    def __init__(self, arrays: data.Arrays) -> None:
        self._arrays = [
            np.asarray(a, jax.dtypes.canonicalize_dtype(a.dtype)) for a in data.leaves(arrays)
        ]
        self.n_rows = data.n_rows(arrays)
        self.room = room_for(arrays)

    def batch(self, order: np.ndarray | None, begin: int, end: int) -> list[np.ndarray]:
        """Get the rows at the positions `begin` to `end` of an order."""
        rows: Any = slice(begin, end) if order is None else order[begin:end]
        return [array[rows] for array in self._arrays]

    @functools.cached_property
    def on_device(self) -> list[jax.Array]:
        """All rows on the device, with padding."""
        return [jax.device_put(_padded(array, self.room)) for array in self._arrays]

    def full_batches(self, order: np.ndarray, batch_size: int) -> np.ndarray:
        """Get the order as one row of indices for each full batch, with padding."""
        n_full = len(order) // batch_size
        spec = order_spec(self.room, batch_size)
        return _padded(
            order[: n_full * batch_size].reshape(n_full, batch_size), spec.shape[0], spec.dtype
        )


def room_for(arrays: data.Arrays) -> int:
    """Get the number of rows after padding; it is equal for folds that differ by a few rows."""
    n_rows = data.n_rows(arrays)
    room = 1 << max(3, math.ceil(math.log2(n_rows)))
    n_bytes = sum(a.nbytes for a in data.leaves(arrays))
    if n_bytes > _SMALL_BYTES:
        eighth = room // 8
        room = -(-n_rows // eighth) * eighth
    return room


def _padded(array: np.ndarray, room: int, dtype: Any = None) -> np.ndarray:
    padded = np.zeros((room, *array.shape[1:]), dtype or array.dtype)
    padded[: len(array)] = array
    return padded
