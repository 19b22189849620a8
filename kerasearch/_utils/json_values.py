"""Values of parameters as JSON has them: for tables and files, and to notice a change."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .descriptions import describe
from .plain_values import as_python, equal


def as_json(value: Any) -> Any:
    """Numbers, text, booleans and lists of them as they are, anything else by its name.

    Addresses differ from run to run, so an object without a name of its own goes by its class and
    what it was made with.
    """
    value = as_python(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if hasattr(value, "shape"):  # data
        return type(value).__name__
    return getattr(value, "__qualname__", None) or describe(value)


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
