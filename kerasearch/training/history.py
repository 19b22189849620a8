"""Logs of an epoch and histories of a fit: Python floats, and arrays for vector metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

Logs: TypeAlias = dict[str, "float | np.ndarray"]
History: TypeAlias = dict[str, "list[float | np.ndarray]"]


def join_histories(
    before: Mapping[str, list[float | np.ndarray]], after: Mapping[str, list[float | np.ndarray]]
) -> History:
    """One history of two stretches of a fit."""
    return {n: [*before.get(n, []), *after.get(n, [])] for n in {**before, **after}}


def as_history(recorded: Mapping[str, list[Any]]) -> History:
    """A history without tensors and NumPy scalars, which callbacks may have put there."""
    return {name: [as_float(value) for value in values] for name, values in recorded.items()}


def as_logs(logs: Mapping[str, Any]) -> Logs:
    """The logs of a step as Keras hands them to callbacks: sorted, and dicts in them flattened."""
    flat: Logs = {}
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            flat.update(as_logs(value))
        else:
            flat[name] = as_float(value)
    return flat


def as_float(value: Any) -> float | np.ndarray:
    """A Python float; an array for what is none, such as a metric that is a vector."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.asarray(value)


def n_epochs(history: Mapping[str, list[Any]]) -> int:
    """How many epochs a history is of."""
    return max(map(len, history.values()), default=0)
