"""Grids and distributions for scikit-learn's searches, by short names and with conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.user_warnings import warn
from .._utils.values import as_list, candidate_identity, unique
from .branches import Branch, Space, cartesian, one_or_list
from .conditions import When, expand_conditions
from .distributions import Choice
from .names import resolve
from .scipy_distributions import is_distribution

_MOST_COMPARED = 100_000  # candidates of overlapping branches


def param_grid(estimator: Any, /, **values: Any) -> Space:
    """Make a ``param_grid`` for `GridSearchCV`, names found however deep they are.

    Parameters
    ----------
    estimator : estimator
        What will be searched: a Keras estimator, a pipeline or ensemble with one, or any other
        estimator of scikit-learn's.
    **values : list
        What to try, by parameter: a list, tuple, range, array or Series. A name is short
        (``learning_rate``), routed (``optimizer__learning_rate``) or full
        (``kerasclassifier__optimizer__learning_rate``). An entry may be made by `when`.

    Returns
    -------
    dict or list of dict
        Lists of values by full names; a list of such dicts where `when` was used.

    Warns
    -----
    UserWarning
        Where a value, or a candidate of two branches, is there twice: it is searched once.

    Raises
    ------
    TypeError
        If values are not a list: a string, a distribution, a set, a number.
    ValueError
        If a list is empty, or a name is unknown, could mean several parameters or one that is
        there already. Unknown names are told the nearest ones.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from kerasearch import param_grid, when
    >>> network = make_pipeline(StandardScaler(), SGDClassifier())
    >>> param_grid(network, alpha=[1e-4, 1e-3])
    {'sgdclassifier__alpha': [0.0001, 0.001]}
    >>> param_grid(network, penalty=["l2", when("elasticnet", l1_ratio=[0.1, 0.5])])
    [{'sgdclassifier__penalty': ['l2']}, \
{'sgdclassifier__penalty': ['elasticnet'], 'sgdclassifier__l1_ratio': [0.1, 0.5]}]
    """
    branches = _resolved(estimator, values, _grid_values, each_value_apart=False)
    return one_or_list(_distinct_candidates(branches))


def param_distributions(estimator: Any, /, **specs: Any) -> Space:
    """Make ``param_distributions`` for `RandomizedSearchCV`, names found however deep they are.

    Parameters
    ----------
    estimator : estimator
        As in `param_grid`.
    **specs : distribution or list
        What to draw from, by parameter: `uniform`, `log_uniform`, `integers`, `log_integers`,
        `choice`, `layer_sizes`, a frozen distribution of scipy's, or a list whose values are
        equally likely. A list may have entries made by `when`.

    Returns
    -------
    dict or list of dict
        By full names; a list of dicts where `when` was used: one for each of the values beside
        it, as `RandomizedSearchCV` draws each dict of a list equally often.

    Warns
    -----
    UserWarning
        Where a value of a list is there twice: it is kept once.

    Raises
    ------
    TypeError, ValueError
        As in `param_grid`; also for two numbers in a tuple, which could be meant as a range, and
        for a distribution of scipy's that has no values, as ``loguniform(1, 0.1)``.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from kerasearch import param_distributions, log_uniform
    >>> param_distributions(SGDClassifier(), alpha=log_uniform(1e-5, 1), penalty=["l2", "l1"])
    {'alpha': uniform(1e-05, 1.0, log=True), 'penalty': ['l2', 'l1']}
    """
    return one_or_list(_resolved(estimator, specs, _checked_spec, each_value_apart=True))


def _resolved(
    estimator: Any,
    specs: Mapping[str, Any],
    checked: Callable[[str, Any], Any],
    each_value_apart: bool,
) -> list[Branch]:
    """Expand conditions, check what was given for each parameter, and find the full names."""
    if not specs:
        raise TypeError("give a parameter and its values, such as learning_rate=[0.01, 0.001]")
    branches = [
        {name: checked(name, spec) for name, spec in branch.items()}
        for branch in expand_conditions(specs, each_value_apart)
    ]
    return [resolve(estimator, branch) for branch in branches]


def _grid_values(name: str, values: Any) -> list[Any]:
    if is_distribution(values):
        raise TypeError(
            f"{name}: {values!r} is a distribution, and a grid takes lists; make a list of it, or "
            "use param_distributions() with RandomizedSearchCV"
        )
    return _distinct(name, values)


def _checked_spec(name: str, spec: Any) -> Any:
    if not is_distribution(spec):
        if isinstance(spec, tuple) and len(spec) == 2 and None not in map(as_real, spec):
            low, high = spec
            raise TypeError(
                f"{name}={spec!r} could be two values or a range; write [{low!r}, {high!r}] or "
                f"uniform({low!r}, {high!r})"
            )
        return _distinct(name, spec)
    if isinstance(spec, Choice) and any(isinstance(value, When) for value in spec):
        raise TypeError(f"{name}: when() is an entry of a list, not of choice()")
    if hasattr(spec, "_parse_args"):  # scipy's family, without parameters
        raise TypeError(f"{name}: give {spec.name} its bounds, such as {spec.name}(...)")
    if hasattr(spec, "support") and any(np.isnan(end) for end in map(float, spec.support())):
        arguments = ", ".join(map(repr, [*spec.args, *spec.kwds.values()]))
        raise ValueError(
            f"{name}: {spec.dist.name}({arguments}) of scipy's has no values; its bounds may be "
            "reversed, or not positive where the scale is logarithmic"
        )
    return spec


def _distinct(name: str, values: Any) -> list[Any]:
    listed = as_list(values, name)
    distinct = unique(listed)
    if len(distinct) < len(listed):
        warn(f"{name}: values given twice are searched once, {distinct!r}")
    return distinct


def _distinct_candidates(branches: list[Branch]) -> list[Branch]:
    """Take out of later branches what an earlier one has."""
    n = sum(math.prod(map(len, branch.values())) for branch in branches)
    if len(branches) == 1 or n > _MOST_COMPARED:
        return branches
    seen: set[Hashable] = set()
    kept: list[Branch] = []
    for branch in branches:
        candidates = {candidate_identity(c): c for c in cartesian(branch)}
        new = [candidate for key, candidate in candidates.items() if key not in seen]
        if len(new) == len(candidates):
            kept.append(branch)
        else:
            kept += [{name: [candidate[name]] for name in branch} for candidate in new]
            n_twice = len(candidates) - len(new)
            warn(f"{n_twice} of the candidates are in two branches and are searched once")
        seen |= candidates.keys()
    return kept
