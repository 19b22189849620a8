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
    """Check that a space has no empty dict, and that the estimator accepts its parameters.

    Raises
    ------
    TypeError
        If `space` is not a search space.
    ValueError
        If a dict is empty, or if the estimator does not accept a parameter or its value.
    """
    for branch in as_distributions(space):
        if not branch:
            raise ValueError("space has an empty dict; add a parameter to it, or remove the dict")
        check_candidate(estimator, {name: values.rvs(0) for name, values in branch.items()})


def check_candidate(estimator: Any, candidate: Mapping[str, Any]) -> None:
    """Raise `ValueError` if a copy of the estimator does not accept these parameters."""
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
    """Check that the data can be split into folds, and that the score accepts the target.

    Raises
    ------
    TypeError
        If `X` is a dict or a list of arrays.
    ValueError
        If `y` has three axes or more, and `scoring` is the name of a scikit-learn score.
    """
    _check_rows(X, y)
    if isinstance(scoring, str) and getattr(y, "ndim", 1) > 2:
        raise ValueError(
            f"scoring={scoring!r} is a score of scikit-learn, which does not accept a y with "
            f"{y.ndim} axes; omit scoring to use the estimator's score method, or pass a function "
            "of estimator, X and y"
        )


def _check_rows(X: Any, y: Any) -> None:
    if issparse(X):  # one of the sparse classes is a subclass of dict
        return
    arrays = list(X.values()) if isinstance(X, Mapping) else X
    if not isinstance(arrays, list | tuple) or y is None or len(arrays) == len(y):
        return
    if isinstance(X, Mapping) or all(hasattr(part, "shape") for part in arrays):
        raise TypeError(
            f"X is a {type(X).__name__} of {len(arrays)} arrays, but a search needs the rows of X "
            "for its folds; combine the arrays with kerasearch.stack_inputs(name=array, ...)"
        )


def check_timeout(timeout: Any) -> None:
    """Raise `ValueError` if a time budget is neither None nor a positive number of seconds."""
    if timeout is not None:
        check_number("timeout", timeout, "None or a positive number of seconds", above=0)


def warn_of_small_space(n: float, wanted: str, what_happens: str) -> None:
    """Warn that a space has fewer candidates than the search needs."""
    warn(f"the space has {n} candidate(s), fewer than {wanted}; {what_happens}")
