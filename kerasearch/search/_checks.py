"""Is this a space, and does it fit the estimator?"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def branches(space: Any) -> list[Mapping[str, Any]]:
    """List the dicts of a space, which is one dict or a list of them.

    Raises
    ------
    TypeError, ValueError
        If it is no space; the message names the parameter.
    """
    listed = [space] if isinstance(space, Mapping) else space
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        raise TypeError(
            "space must be a dict of parameter names to lists or distributions, or a list of "
            f"such dicts; got {space!r}"
        )
    for branch in listed:
        if not isinstance(branch, Mapping):
            raise TypeError(f"space must be a list of dicts; it has {branch!r}")
        for name, values in branch.items():
            _check_values(name, values)
    return list(listed)


def is_distribution(values: Any) -> bool:
    """Tell a distribution, ours or scipy's, from a list of values."""
    return hasattr(values, "rvs")


def check_names(estimator: Any, space: Space) -> None:
    """Set one candidate of each branch on a copy of the estimator, which knows its names.

    Raises
    ------
    ValueError
        If the estimator does not take a parameter or its value.
    """
    for branch in branches(space):
        (candidate,) = ParameterSampler(dict(branch), 1, random_state=0)
        known = estimator.get_params(deep=True)
        try:
            clone(estimator).set_params(**clone(candidate, safe=False))
        except ValueError as error:
            unknown = [name for name in candidate if name not in known]
            hint = "".join(did_you_mean(name, known) for name in unknown[:1])
            text = str(error)
            raise ValueError(text if "did you mean" in text.lower() else text + hint) from None


def n_combinations(space: Space) -> float:
    """Count the candidates of a space; infinite where a distribution is continuous."""
    return sum(math.prod(map(_size, branch.values())) for branch in branches(space))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the nearest known names, as the end of a message."""
    names = list(known)
    last = {full.rpartition("__")[2]: full for full in reversed(names)}
    near = difflib.get_close_matches(name, names, n=3) or [
        last[short] for short in difflib.get_close_matches(name.rpartition("__")[2], last, n=3)
    ]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def check_whole(name: str, value: Any, at_least: int) -> None:
    """Raise unless a setting is a whole number of at least so much."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}; got {value!r}")


def check_timeout(timeout: Any) -> None:
    """Raise unless a time budget is None or a positive number of seconds."""
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError(f"timeout must be None or a positive number of seconds; got {timeout!r}")


def _check_values(name: Any, values: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the names of a space must be strings; got {name!r}")
    if is_distribution(values):
        return
    if isinstance(values, np.ndarray) and values.ndim == 1 or isinstance(values, list | tuple):
        if len(values) == 0:
            raise ValueError(f"space[{name!r}] is empty: it must have a value or more")
        return
    raise TypeError(
        f"space[{name!r}] must be a list of values or a distribution; got {values!r}"
        + (f". For that one value write [{values!r}]" if not isinstance(values, dict) else "")
    )


def _size(values: Any) -> float:
    if is_distribution(values) and hasattr(values, "dist"):  # scipy
        return _scipy_size(values)
    return len(values) if hasattr(values, "__len__") else math.inf


def _scipy_size(frozen: Any) -> float:
    if not hasattr(frozen.dist, "pmf"):
        return math.inf
    low, high = frozen.support()
    return float(high - low + 1)
