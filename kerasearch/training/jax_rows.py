"""The rows of a fit as the functions of `jax_functions` take them."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import numpy as np

from . import data
from .jax_functions import order_spec

# Of rows that take less, up to twice as many have room; of others, an eighth more
_SMALL_BYTES = 1 << 24


class Rows:
    """Arrays with the dtypes that JAX gives them, by the batch, or all of them on the device."""

    def __init__(self, arrays: data.Arrays) -> None:
        self._arrays = [
            np.asarray(a, jax.dtypes.canonicalize_dtype(a.dtype)) for a in data.leaves(arrays)
        ]
        self.n_rows = data.n_rows(arrays)
        self.room = room_for(arrays)

    def batch(self, order: np.ndarray | None, begin: int, end: int) -> list[np.ndarray]:
        """The rows from the place `begin` to the place `end` of an order."""
        rows: Any = slice(begin, end) if order is None else order[begin:end]
        return [array[rows] for array in self._arrays]

    @functools.cached_property
    def on_device(self) -> list[jax.Array]:
        """All rows, with what there is room for."""
        return [jax.device_put(_padded(array, self.room)) for array in self._arrays]

    def full_batches(self, order: np.ndarray, batch_size: int) -> np.ndarray:
        """An order as a row of indices for each full batch, with what there is room for."""
        n_full = len(order) // batch_size
        spec = order_spec(self.room, batch_size)
        return _padded(
            order[: n_full * batch_size].reshape(n_full, batch_size), spec.shape[0], spec.dtype
        )


def room_for(arrays: data.Arrays) -> int:
    """For how many rows a loop has room: the same for folds, which differ by a few rows."""
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
