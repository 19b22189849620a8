"""Values of parameters in the types of JSON: for tables and files, and to notice a change."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .descriptions import describe
from .plain_values import as_python, equal


def as_json(value: Any) -> Any:
    """Convert a value to the types of JSON; an object of another type becomes its name.

    Memory addresses differ from run to run. An object without a name is therefore written as its
    class with its arguments.
    """
    value = as_python(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if hasattr(value, "shape"):  # data, such as an array or a data frame
        return type(value).__name__
    return getattr(value, "__qualname__", None) or describe(value)


# a store records `epochs` separately, and the result of a fit does not depend on the other two
_LEFT_OUT = ("store", "verbose", "epochs")


def parameters_as_json(estimator: Any) -> dict[str, Any]:
    """Get the parameters that differ from their defaults, as the tables of a store show them.

    `epochs` is left out, because a store records it separately. `store` and `verbose` are left
    out, because the result of a fit does not depend on them.
    """
    defaults = inspect.signature(type(estimator).__init__).parameters
    return {
        name: as_json(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _LEFT_OUT and not (name in defaults and equal(defaults[name].default, value))
    }


def defaults_as_json(estimator: Any) -> dict[str, Any]:
    """Get the parameters that have their default values."""
    stated = parameters_as_json(estimator)
    return {
        name: as_json(value)
        for name, value in estimator.get_params().items()
        if name not in _LEFT_OUT and name not in stated
    }
