"""Checks of a search's settings, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.sparse import issparse
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


def check_data(X: Any, y: Any, scoring: Any) -> None:
    """Raise for data that no fold can be taken of, or that no score can compare.

    Raises
    ------
    TypeError
        For arrays in a dict or a list.
    ValueError
        For a `y` of three axes or more, and one of scikit-learn's own scores.
    """
    _check_rows(X, y)
    if isinstance(scoring, str) and getattr(y, "ndim", 1) > 2:
        raise ValueError(
            f"scoring={scoring!r} is a score of scikit-learn's, and those refuse a y of "
            f"{y.ndim} axes: leave scoring out, so that the estimator's own score is taken, or "
            "pass a function of estimator, X and y"
        )


def _check_rows(X: Any, y: Any) -> None:
    if issparse(X):  # of which one kind is a dict
        return
    arrays = list(X.values()) if isinstance(X, Mapping) else X
    if not isinstance(arrays, list | tuple) or y is None or len(arrays) == len(y):
        return
    if isinstance(X, Mapping) or all(hasattr(part, "shape") for part in arrays):
        raise TypeError(
            f"X is a {type(X).__name__} of {len(arrays)} arrays, and a search takes rows of X for "
            "its folds: put the arrays side by side, by kerasearch.stack_inputs(name=array, ...)"
        )


def check_timeout(timeout: Any) -> None:
    """Raise `ValueError` unless a time budget is None or a positive number of seconds."""
    if timeout is not None:
        check_number("timeout", timeout, "None or a positive number of seconds", above=0)


def warn_of_small_space(n: float, wanted: str, what_happens: str) -> None:
    """Say that a space has fewer candidates than are wanted."""
    warn(f"the space has {n} candidate(s), fewer than {wanted}: {what_happens}")
