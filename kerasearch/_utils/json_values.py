"""Values of parameters as JSON has them: for tables and files, and to notice a change."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_json(value: Any) -> Any:
    """Numbers, text, booleans and lists of them as they are, anything else by its name.

    Addresses differ from run to run, so an object without a name of its own goes by its class.
    """
    value = as_python(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    return getattr(value, "__qualname__", type(value).__name__)


def as_python(value: Any) -> Any:
    """Turn a NumPy scalar into Python's: Keras refuses ``np.float64(0.01)`` as a learning rate."""
    return value.item() if isinstance(value, np.generic) else value


def parameters_as_json(estimator: Any) -> dict[str, Any]:
    """The parameters that are not at their defaults: what a store's tables say of a fit.

    Not among them are `epochs`, which a store counts by itself, and what no fit depends on.
    """
    defaults = inspect.signature(type(estimator).__init__).parameters
    return {
        name: as_json(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in ("store", "verbose", "epochs")
        and not (name in defaults and equal(defaults[name].default, value))
    }


def equal(a: Any, b: Any) -> bool:
    """Compare two values of a parameter, arrays as a whole."""
    try:
        return bool(np.all(a == b))
    except (TypeError, ValueError):
        return False
