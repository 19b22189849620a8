"""Sparse rows, in SciPy's compressed row format.

A model with a sparse Input gets sparse rows in Keras' loop, because compiled programs need dense
arrays. Other models get dense rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from scipy import sparse

# the size of dense or loaded rows that are kept in memory at a time
BLOCK_BYTES = 2**23

REASON = "the rows are sparse, as the model's input is"


def is_sparse(array: Any) -> bool:
    """Tell whether an array is a sparse array of SciPy."""
    return bool(sparse.issparse(array))


def takes_sparse(model: keras.Model) -> bool:
    """Tell whether the model's input was declared sparse: ``keras.Input(..., sparse=True)``."""
    if keras.backend.backend() != "tensorflow" or not model.built:
        return False
    inputs = getattr(model, "inputs", None) or []
    return len(inputs) == 1 and bool(getattr(inputs[0], "sparse", False))


def compressed(array: Any) -> sparse.csr_array:
    """Convert a sparse array to a canonical csr_array with dtype ``floatx``.

    Integers keep their dtype. An array that already has this form is not copied.
    """
    dtype = keras.config.floatx() if array.dtype.kind == "f" else array.dtype.name
    is_csr = isinstance(array, sparse.csr_array)
    if is_csr and array.dtype.name == dtype and array.has_canonical_format:
        return array
    rows = sparse.csr_array(array, dtype=dtype, copy=True)
    rows.sum_duplicates()
    return rows


def dense(array: Any) -> Any:
    """Make a sparse array dense; return other objects unchanged."""
    return array.toarray() if is_sparse(array) else array


def dense_for(model: keras.Model, array: Any) -> Any:
    """Make a sparse array dense, unless the model has a sparse Input."""
    return array if takes_sparse(model) else dense(array)


def blocks(rows: sparse.csr_array, batch_size: int) -> Iterator[np.ndarray]:
    """Make rows dense in blocks, whose sizes are multiples of `batch_size`."""
    bytes_of_batch = batch_size * int(np.prod(rows.shape[1:])) * rows.dtype.itemsize
    n = batch_size * max(1, BLOCK_BYTES // max(bytes_of_batch, 1))
    for begin in range(0, rows.shape[0], n):
        yield rows[begin : begin + n].toarray()


def as_tensor(array: Any) -> Any:
    """Convert sparse rows to a tensor, which Keras' data sets need; other arrays do not change."""
    if not is_sparse(array):
        return array
    import tensorflow as tf

    places = array.tocoo()
    indices = np.stack([places.row, places.col], axis=1).astype(np.int64)
    return tf.SparseTensor(indices, places.data, places.shape)
