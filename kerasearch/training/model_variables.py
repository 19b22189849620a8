"""The variables of a model by names that are equal in every process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

# shape and dtype (as in NumPy's files) by name
Specs: TypeAlias = dict[str, "tuple[tuple[int, ...], str | int]"]


def variables_by_name(model: keras.Model) -> dict[str, keras.Variable]:
    """Get all variables that training changes: weights, seed generators, optimizer, metrics."""
    optimizer = getattr(model, "optimizer", None)
    groups = {
        "weight": model.variables,
        "optimizer": getattr(optimizer, "variables", []),
        "metric": model.metrics_variables,
    }
    return {f"{kind}.{i}": v for kind, group in groups.items() for i, v in enumerate(group)}


def is_metric(name: str) -> bool:
    """Tell whether a name from `variables_by_name` belongs to a variable of a metric."""
    return name.startswith("metric.")


def specs(arrays: Mapping[str, np.ndarray | keras.Variable]) -> Specs:
    """Get the shapes and dtypes of variables, or of their arrays in a file."""
    return {name: _spec(array.dtype, array.shape) for name, array in arrays.items()}


def specs_listed(listed: Mapping[str, tuple[str, Sequence[int]]]) -> Specs:
    """Get the same specs for arrays that a stored fit lists by dtype and shape."""
    return {name: _spec(dtype, shape) for name, (dtype, shape) in listed.items()}


def specs_without_metrics(arrays: Mapping[str, np.ndarray | keras.Variable]) -> Specs:
    """Get specs without metrics, because some metrics make variables at their first update."""
    return specs({name: array for name, array in arrays.items() if not is_metric(name)})


def with_dtype_of(variable: keras.Variable, array: np.ndarray) -> np.ndarray:
    """Restore the dtype of an array if NumPy's files do not support it, such as bfloat16."""
    return array.view(np.dtype(variable.dtype)) if array.dtype.kind == "V" else array


def _spec(dtype: Any, shape: Sequence[int]) -> tuple[tuple[int, ...], str | int]:
    dtype = np.dtype(dtype)
    return tuple(shape), dtype.itemsize if dtype.kind == "V" else dtype.str
