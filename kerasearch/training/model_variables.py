"""The variables of a model under names that are the same in every process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

# by name, the shape, and the dtype as a file has it
Specs: TypeAlias = dict[str, "tuple[tuple[int, ...], str | int]"]


def variables_by_name(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable that training changes: weights, seed generators, optimizer, metrics."""
    optimizer = getattr(model, "optimizer", None)
    groups = {
        "weight": model.variables,
        "optimizer": getattr(optimizer, "variables", []),
        "metric": model.metrics_variables,
    }
    return {f"{kind}.{i}": v for kind, group in groups.items() for i, v in enumerate(group)}


def is_metric(name: str) -> bool:
    """Tell whether a name from `variables_by_name` is that of a metric's variable."""
    return name.startswith("metric.")


def specs(arrays: Mapping[str, np.ndarray | keras.Variable]) -> Specs:
    """Shapes and dtypes of variables, or of their arrays as a file has them."""
    return {name: _spec(array.dtype, array.shape) for name, array in arrays.items()}


def specs_listed(listed: Mapping[str, tuple[str, Sequence[int]]]) -> Specs:
    """The same of arrays that a stored fit lists by dtype and shape."""
    return {name: _spec(dtype, shape) for name, (dtype, shape) in listed.items()}


def specs_without_metrics(arrays: Mapping[str, np.ndarray | keras.Variable]) -> Specs:
    """The same without the variables of metrics, which some make at the first update only."""
    return specs({name: array for name, array in arrays.items() if not is_metric(name)})


def with_dtype_of(variable: keras.Variable, array: np.ndarray) -> np.ndarray:
    """Give an array of a dtype that NumPy's files lack, such as bfloat16, its dtype again."""
    return array.view(np.dtype(variable.dtype)) if array.dtype.kind == "V" else array


def _spec(dtype: Any, shape: Sequence[int]) -> tuple[tuple[int, ...], str | int]:
    dtype = np.dtype(dtype)
    return tuple(shape), dtype.itemsize if dtype.kind == "V" else dtype.str
