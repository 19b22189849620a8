"""Values of hyperparameters: what counts as a list of them, and when two are the same."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from .descriptions import configuration


def as_list(values: Any, name: str) -> list[Any]:
    """Make a list of what scikit-learn takes for one, NumPy's scalars turned into Python's.

    Parameters
    ----------
    values : sequence, array or Series
        One-dimensional.
    name : str
        The parameter, for error messages.

    Raises
    ------
    TypeError
        If it is a string, a set, a mapping or no sequence.
    ValueError
        If it is empty.
    """
    if hasattr(values, "to_numpy"):  # pandas
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise TypeError(
                f"{name}: an array of values must have one axis, this one has {values.ndim}; "
                "for values that are arrays, give a list of them"
            )
        values = values.tolist()
    elif isinstance(values, str | bytes):
        raise TypeError(f"{name}: {values!r} is one string; give a list, [{values!r}]")
    elif isinstance(values, Set):
        raise TypeError(f"{name}: a set has no order; give a list")
    elif not isinstance(values, Sequence):
        what = type(values).__name__ if isinstance(values, Mapping | Iterable) else repr(values)
        raise TypeError(f"{name}: {what} is not a list of values; give a list, even of one value")
    found = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not found:
        raise ValueError(f"{name}: the list of values is empty")
    return found


def unique(values: Iterable[Any]) -> list[Any]:
    """Keep the first of the values that are the same, in order."""
    first: dict[Hashable, Any] = {}
    for value in values:
        first.setdefault(identity(value), value)
    return list(first.values())


def identity(value: Any) -> Hashable:
    """What two values share if and only if they are the same value of a hyperparameter.

    True, 1 and 1.0 are three values; NaN is one; a list and a tuple differ. NumPy's scalars are
    what they are in Python. Objects that can be made again from a configuration, as regularizers,
    optimizers and estimators can, are the same if that is; other objects without equality of their
    own are compared by identity.
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
    """What two candidates share if and only if each parameter is the same for both."""
    return frozenset((name, identity(value)) for name, value in params.items())
