"""The arrays of a fit in Keras' form, and the order of their rows in each epoch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import keras
import numpy as np

# ``model.fit`` uses a function of this module to convert `class_weight` to sample weights. The
# function has no public name. Checked with Keras 3.10 to 3.15.
from keras.src.trainers.data_adapters import data_adapter_utils

from .loaded_rows import is_loaded
from .sparse_rows import compressed, is_sparse

# a NumPy array (or a tensor of text, sparse rows, or rows to be loaded), or a nested tuple or dict
# of them
Arrays: TypeAlias = Any


def order_of_epoch(
    seed: int, epoch: int, n_rows: int, shuffle: bool = True, rows_per_epoch: int | None = None
) -> np.ndarray:
    """Get the indices of the rows of one epoch in order, which depends only on (seed, epoch).

    With `rows_per_epoch`, several epochs share a pass over all rows, as in Keras. The last epoch of
    a pass has the remaining rows.
    """
    begin, end = 0, n_rows
    if rows_per_epoch is not None:
        epoch, part = divmod(epoch, -(-n_rows // rows_per_epoch))
        begin, end = part * rows_per_epoch, (part + 1) * rows_per_epoch
    if not shuffle:
        return np.arange(n_rows)[begin:end]
    return np.random.default_rng([seed, epoch]).permutation(n_rows)[begin:end]


def as_keras_takes_them(
    x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict[int, float] | None = None
) -> tuple[Arrays, ...]:
    """Cast, check and pack arrays as ``model.fit`` does, to (x,), (x, y) or (x, y, weights).

    Floats are cast to Keras' ``floatx``. Integers, booleans and the number of axes do not change.
    """
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError("class_weight and sample_weight cannot be given together")
        if keras.tree.is_nested(y):
            raise ValueError("class_weight needs a model with a single output")
        sample_weight = data_adapter_utils.class_weight_to_sample_weights(
            np.asarray(y), class_weight
        )
    if (
        sample_weight is not None
        and keras.tree.is_nested(y)
        and not keras.tree.is_nested(sample_weight)
    ):
        weights = sample_weight  # all outputs use the same weights
        sample_weight = keras.tree.map_structure(lambda _: weights, y)
    packed: Arrays = (x,) if y is None else (x, y)
    if sample_weight is not None:
        packed = (x, y, sample_weight)
    packed = keras.tree.lists_to_tuples(keras.tree.map_structure(_cast, packed))
    lengths = {int(array.shape[0]) for array in keras.tree.flatten(packed) if array is not None}
    if len(lengths) != 1:
        raise ValueError(f"x, y and sample_weight have different numbers of rows: {lengths}")
    return packed


def leaves(arrays: Arrays) -> list[np.ndarray]:
    """Get a flat list of the arrays."""
    return [array for array in keras.tree.flatten(arrays) if array is not None]


def pack_as(arrays: Arrays, flat: Iterable[Any]) -> Arrays:
    """Put a flat list, as from `leaves`, into the structure of `arrays`."""
    values = iter(flat)
    filled = [None if array is None else next(values) for array in keras.tree.flatten(arrays)]
    return keras.tree.pack_sequence_as(arrays, filled)


def as_keras_yields(arrays: Arrays, flat: Iterable[Any]) -> Arrays:
    """Pack the tensors of a batch into the structure that ``model.fit`` passes to a step."""
    packed = pack_as(arrays, flat)
    return packed[0] if len(packed) == 1 and not isinstance(packed[0], tuple) else packed


def n_rows(arrays: Arrays) -> int:
    """Get the number of rows of packed arrays."""
    return int(leaves(arrays)[0].shape[0])


def rows_of(arrays: Arrays, indices: np.ndarray) -> Arrays:
    """Select the rows at `indices` of every array."""
    return pack_as(arrays, [_take(array, indices) for array in leaves(arrays)])


def head(arrays: Arrays) -> Arrays:
    """Get a small batch with the structure, dtypes and shapes of the arrays."""
    return rows_of(arrays, np.arange(min(2, n_rows(arrays))))


def specs(arrays: Arrays) -> str:
    """Describe structure, dtypes and shapes without the number of rows, to find a program."""
    described = [
        f"{np.dtype(a.dtype) if isinstance(a, np.ndarray) else a.dtype.name}{tuple(a.shape[1:])}"
        for a in leaves(arrays)
    ]
    return repr(pack_as(arrays, described))


def _cast(array: Any) -> Any:
    if array is None or is_loaded(array):
        return array
    if is_sparse(array):
        return compressed(array)
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.dtype != keras.config.floatx():
        return array.astype(keras.config.floatx())
    if array.dtype.kind == "U" or (
        array.dtype == object and all(isinstance(value, str) for value in array.flat)
    ):
        return keras.ops.convert_to_tensor(array.astype(object), "string")  # as Keras does
    return array


def _take(array: Any, indices: np.ndarray) -> Any:
    if isinstance(array, np.ndarray) or is_sparse(array) or is_loaded(array):
        return array[indices]
    return keras.ops.take(array, indices, 0)
