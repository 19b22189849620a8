"""Rows of which most values are zero, as scipy's compressed rows.

A model whose input is sparse gets them as they are, through Keras' own loop: a compiled program
gathers rows of dense arrays. Any other model gets dense rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from scipy import sparse

# what is made at once of rows that are not all at hand
BLOCK_BYTES = 2**23

REASON = "the rows are sparse, as the model's input is"


def is_sparse(array: Any) -> bool:
    """Tell whether an array is one of scipy's sparse ones."""
    return bool(sparse.issparse(array))


def takes_sparse(model: keras.Model) -> bool:
    """Tell whether the model's input was declared sparse: ``keras.Input(..., sparse=True)``."""
    if keras.backend.backend() != "tensorflow" or not model.built:
        return False
    inputs = getattr(model, "inputs", None) or []
    return len(inputs) == 1 and bool(getattr(inputs[0], "sparse", False))


def compressed(array: Any) -> sparse.csr_array:
    """Bring a sparse array into one form: compressed rows, sorted, each place once, in ``floatx``.

    Integers stay as they are, and so does what has that form already.
    """
    dtype = keras.config.floatx() if array.dtype.kind == "f" else array.dtype.name
    is_csr = isinstance(array, sparse.csr_array)
    if is_csr and array.dtype.name == dtype and array.has_canonical_format:
        return array
    rows = sparse.csr_array(array, dtype=dtype, copy=True)
    rows.sum_duplicates()
    return rows


def dense(array: Any) -> Any:
    """Make a sparse array dense; anything else is as it was."""
    return array.toarray() if is_sparse(array) else array


def dense_for(model: keras.Model, array: Any) -> Any:
    """Make a sparse array dense, unless the model takes such."""
    return array if takes_sparse(model) else dense(array)


def blocks(rows: sparse.csr_array, batch_size: int) -> Iterator[np.ndarray]:
    """Make rows dense, so many at once that batches of `batch_size` stay the same."""
    bytes_of_batch = batch_size * int(np.prod(rows.shape[1:])) * rows.dtype.itemsize
    n = batch_size * max(1, BLOCK_BYTES // max(bytes_of_batch, 1))
    for begin in range(0, rows.shape[0], n):
        yield rows[begin : begin + n].toarray()


def as_tensor(array: Any) -> Any:
    """Turn sparse rows into a tensor, which a data set of Keras' must have; others stay."""
    if not is_sparse(array):
        return array
    import tensorflow as tf

    places = array.tocoo()
    indices = np.stack([places.row, places.col], axis=1).astype(np.int64)
    return tf.SparseTensor(indices, places.data, places.shape)
