"""Checks of a search's settings, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone

from .._utils.checks import check_number
from .._utils.user_warnings import warn
from ..space.branches import as_distributions
from ..space.names import nearest_names


def check_space(estimator: Any, space: object) -> None:
    """Raise unless a space has parameters in each of its dicts, which the estimator takes.

    Raises
    ------
    TypeError
        If it is no space.
    ValueError
        If a dict is empty, or the estimator does not take a parameter or its value.
    """
    for branch in as_distributions(space):
        if not branch:
            raise ValueError("space has an empty dict: there is nothing to search")
        check_candidate(estimator, {name: values.rvs(0) for name, values in branch.items()})


def check_candidate(estimator: Any, candidate: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless a copy of the estimator takes these parameters."""
    try:
        clone(estimator).set_params(**clone(dict(candidate), safe=False))
    except ValueError as error:
        known = estimator.get_params(deep=True)
        unknown = [name for name in candidate if name not in known]
        text = str(error).removesuffix(".")
        if unknown and "did you mean" not in text.lower():
            text += nearest_names(unknown[0], known)
        raise ValueError(text) from None


def check_timeout(timeout: Any) -> None:
    """Raise `ValueError` unless a time budget is None or a positive number of seconds."""
    if timeout is not None:
        check_number("timeout", timeout, "None or a positive number of seconds", above=0)


def warn_of_small_space(n: float, wanted: str, what_happens: str) -> None:
    """Say that a space has fewer candidates than are wanted."""
    warn(f"the space has {n} candidate(s), fewer than {wanted}: {what_happens}")
