"""Values of hyperparameters: which objects are lists of values, and when two values are equal."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from .descriptions import configuration


def as_list(values: Any, name: str) -> list[Any]:
    """Make a list of the values that a search tries; NumPy scalars become Python scalars.

    Parameters
    ----------
    values : sequence, array or Series
        The values, on one axis.
    name : str
        The name of the parameter, for error messages.

    Returns
    -------
    found : list
        The values, in the same order.

    Raises
    ------
    TypeError
        If `values` is a string, a set, a mapping, an array with several axes, or not a sequence.
    ValueError
        If `values` is empty.
    """
    if hasattr(values, "to_numpy"):  # pandas
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise TypeError(
                f"{name}: an array of values must have one axis, but this array has {values.ndim}; "
                "if each value is an array, pass a list of arrays"
            )
        values = values.tolist()
    elif isinstance(values, str | bytes):
        raise TypeError(f"{name}: {values!r} is one string; pass a list, [{values!r}]")
    elif isinstance(values, Set):
        raise TypeError(f"{name}: a set has no order; pass a list")
    elif not isinstance(values, Sequence):
        what = type(values).__name__ if isinstance(values, Mapping | Iterable) else repr(values)
        raise TypeError(
            f"{name}: {what} is not a list of values; pass a list, even for a single value"
        )
    found = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not found:
        raise ValueError(f"{name}: the list of values is empty")
    return found


def unique(values: Iterable[Any]) -> list[Any]:
    """Remove repeated values; keep the first of equal values, and the order."""
    first: dict[Hashable, Any] = {}
    for value in values:
        first.setdefault(identity(value), value)
    return list(first.values())


def identity(value: Any) -> Hashable:
    """Make a key that is equal for two values if and only if they are the same value.

    True, 1 and 1.0 are three different values. All NaN are one value. A list differs from a
    tuple. A NumPy scalar equals the Python scalar of the same value. Objects with a configuration,
    such as regularizers, optimizers and estimators, are the same if their configurations are the
    same. Other objects are compared by their own equality, or by identity if they define none.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype == object else value.tobytes()
        return ("array", str(value.dtype), value.shape, identity(content))
    if isinstance(value, list | tuple):
        return (type(value), tuple(identity(item) for item in value))
    if isinstance(value, Mapping):
        return (type(value), tuple((identity(k), identity(v)) for k, v in value.items()))
    if isinstance(value, float):
        return (float, repr(value))
    if isinstance(value, functools.partial):
        return (type(value), identity([value.func, value.args, value.keywords]))
    if (config := configuration(value)) is not None:
        return (type(value), identity(config))
    try:
        hash(value)
    except TypeError:
        return (type(value), id(value))
    return (type(value), value)


def candidate_identity(params: Mapping[str, Any]) -> Hashable:
    """Make a key that is equal for two candidates if and only if all their parameters are."""
    return frozenset((name, identity(value)) for name, value in params.items())
