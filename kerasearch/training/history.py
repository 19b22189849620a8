"""Logs of an epoch and histories of a fit, with Python floats, and arrays for vector metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

Logs: TypeAlias = dict[str, "float | np.ndarray"]
History: TypeAlias = dict[str, "list[float | np.ndarray]"]


def join_histories(
    before: Mapping[str, list[float | np.ndarray]], after: Mapping[str, list[float | np.ndarray]]
) -> History:
    """Join the histories of two consecutive parts of a fit."""
    return {n: [*before.get(n, []), *after.get(n, [])] for n in {**before, **after}}


def as_history(recorded: Mapping[str, list[Any]]) -> History:
    """Convert tensors and NumPy scalars in a history, which callbacks may have added."""
    return {name: [as_float(value) for value in values] for name, values in recorded.items()}


def as_logs(logs: Mapping[str, Any]) -> Logs:
    """Convert the logs of a step as Keras does for callbacks: sorted, with nested dicts flat."""
    flat: Logs = {}
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            flat.update(as_logs(value))
        else:
            flat[name] = as_float(value)
    return flat


def as_float(value: Any) -> float | np.ndarray:
    """Convert a value to a Python float, or to an array if it is a vector."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.asarray(value)


def n_epochs(history: Mapping[str, list[Any]]) -> int:
    """Count the epochs of a history."""
    return max(map(len, history.values()), default=0)
