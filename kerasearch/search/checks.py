"""Checks of settings before anything is trained: spaces, names, numbers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

from sklearn.base import clone

from .._utils.names import did_you_mean, last_part
from ..space.distributions import Distribution
from ..space.scipy_distributions import as_distribution

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def branches(space: Any) -> list[dict[str, Distribution]]:
    """List the dicts of a space, which is one dict or a list of them, with distributions alone.

    Raises
    ------
    TypeError, ValueError
        If it is no space; the message names the parameter.
    """
    listed = [space] if isinstance(space, Mapping) else space
    if not isinstance(listed, list | tuple) or not listed:
        raise TypeError(
            "space must be a dict of parameter names to lists or distributions, or a list of "
            f"such dicts; got {space!r}"
        )
    made = []
    for branch in listed:
        if not isinstance(branch, Mapping):
            raise TypeError(f"space must be a list of dicts; it has {branch!r}")
        if not branch:
            raise ValueError("space has an empty dict: there is nothing to search")
        made.append({name: _distribution(name, values) for name, values in branch.items()})
    return made


def check_names(estimator: Any, space: Any) -> None:
    """Set one candidate of each branch on a copy of the estimator, which knows its names.

    Raises
    ------
    ValueError
        If the estimator does not take a parameter or its value.
    """
    for branch in branches(space):
        check_candidate(estimator, {name: values.rvs(0) for name, values in branch.items()})


def check_candidate(estimator: Any, candidate: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless a copy of the estimator takes these parameters."""
    try:
        clone(estimator).set_params(**clone(dict(candidate), safe=False))
    except ValueError as error:
        known = estimator.get_params(deep=True)
        unknown = [name for name in candidate if name not in known]
        hint = _hint(unknown[0], known) if unknown else ""
        text = str(error).removesuffix(".")
        raise ValueError(text if "did you mean" in text.lower() else text + hint) from None


def _hint(unknown: str, known: Iterable[str]) -> str:
    """Name the full names that end in a short one, or else the nearest."""
    full = [name for name in known if last_part(name) == last_part(unknown)]
    if full:
        return f"; did you mean {' or '.join(full[:3])}?"
    return did_you_mean(last_part(unknown), map(last_part, known))


def n_combinations(space: Any) -> float:
    """Count the candidates of a space; infinite where a distribution is continuous."""
    return sum(
        math.prod(values.n_values for values in branch.values()) for branch in branches(space)
    )


def check_whole(name: str, value: Any, at_least: int) -> None:
    """Raise unless a setting is a whole number of at least so much."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}; got {value!r}")


def check_seconds(name: str, value: Any, what: str = "a positive number of seconds") -> None:
    """Raise unless a setting is a positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{name} must be {what}; got {value!r}")


def check_timeout(timeout: Any) -> None:
    """Raise unless a time budget is None or a positive number of seconds."""
    if timeout is not None:
        check_seconds("timeout", timeout, "None or a positive number of seconds")


def warn_of_small_space(n: float, wanted: str, what_happens: str) -> None:
    """Say, to who calls ``fit``, that a space has fewer candidates than are wanted."""
    warnings.warn(
        f"the space has {n} candidate(s), fewer than {wanted}: {what_happens}",
        UserWarning,
        stacklevel=4,
    )


def _distribution(name: Any, values: Any) -> Distribution:
    if not isinstance(name, str):
        raise TypeError(f"the names of a space must be strings; got {name!r}")
    try:
        return as_distribution(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"space[{name!r}]: {error}") from None
