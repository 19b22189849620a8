"""Combination of arrays with different shapes to rows that scikit-learn can index."""

from __future__ import annotations

from typing import Any

import numpy as np

from .features import dense_part
from .text_columns import has_text


def stack_inputs(**inputs: Any) -> np.ndarray:
    """Combine the arrays for several Inputs of a model to one X for a search.

    scikit-learn splits the rows of X into folds, and cannot do so with a dict or list of arrays. A
    structured array has rows, and each field keeps its own shape and dtype.

    Parameters
    ----------
    **inputs : array-like of shape (n_samples, ...)
        The arrays, by the names of the model's Inputs. Numbers keep their dtype; text becomes
        objects.

    Returns
    -------
    X : ndarray of shape (n_samples,)
        A structured array: ``X["image"]`` is the array that was passed as ``image``.

    Raises
    ------
    TypeError
        If no array is passed.
    ValueError
        If the arrays have different numbers of rows; the message has these numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kerasearch import stack_inputs
    >>> X = stack_inputs(image=np.zeros((10, 64, 64, 3), "uint8"), table=np.ones((10, 5)))
    >>> X.shape, X["image"].shape, X[:3]["table"].shape
    ((10,), (10, 64, 64, 3), (3, 5))
    """
    if not inputs:
        raise TypeError("stack_inputs needs at least one array, by the name of an Input")
    arrays = {name: _array(name, values) for name, values in inputs.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"stack_inputs needs arrays with the same number of rows: {told}")
    dtype = np.dtype([(name, array.dtype, array.shape[1:]) for name, array in arrays.items()])
    rows = np.empty(next(iter(lengths.values())), dtype=dtype)
    for name, array in arrays.items():
        rows[name] = array
    return rows


def _array(name: str, values: Any) -> np.ndarray:
    array = dense_part(values)
    if not array.ndim:
        raise ValueError(f"stack_inputs needs arrays of rows; {name}={values!r} has no rows")
    # with a fixed-length dtype, every row would need the memory of the longest text
    return array.astype(object) if has_text(array) else array
