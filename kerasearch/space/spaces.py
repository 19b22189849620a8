"""Grids and distributions for scikit-learn's searches, with short names and conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.text import counted
from .._utils.user_warnings import warn
from .._utils.values import as_list, candidate_identity, unique
from .branches import Branch, Space, cartesian, one_or_list
from .conditions import When, expand_conditions
from .distributions import Choice
from .names import resolve
from .scipy_distributions import is_distribution

_MOST_COMPARED = 100_000  # in a larger grid, candidates of two branches are not compared


def param_grid(estimator: Any, /, **values: Any) -> Space:
    """Make a ``param_grid`` for `GridSearchCV` from short parameter names.

    Parameters
    ----------
    estimator : estimator
        The estimator that will be searched: a Keras estimator, a pipeline or ensemble that contains
        one, or any other scikit-learn estimator.
    **values : sequence
        The values to try for each parameter: a list, tuple, range, array or Series. A parameter
        name may be short (``learning_rate``), routed (``optimizer__learning_rate``) or full
        (``kerasclassifier__optimizer__learning_rate``). An entry of a list or tuple may be made by
        `when`.

    Returns
    -------
    dict or list of dict
        Lists of values by full parameter names; a list of such dicts if `when` was used.

    Raises
    ------
    TypeError
        If the values of a parameter are not a list, but a string, a distribution, a set or a
        number; or if no parameter is given.
    ValueError
        If a list is empty; if a name is unknown or ambiguous; or if two names mean the same
        parameter. The message for an unknown name suggests similar names.

    Warns
    -----
    UserWarning
        If a value is repeated, or if two branches contain the same candidate. It is searched once.

    See Also
    --------
    param_distributions : Make a space for random searches.
    when : Search parameters only together with some values of another parameter.
    search_cost : Predict the number of fits of a search.

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
    """Make ``param_distributions`` for `RandomizedSearchCV` from short parameter names.

    Parameters
    ----------
    estimator : estimator
        The estimator that will be searched, as in `param_grid`.
    **specs : distribution or list
        The values of each parameter: `uniform`, `log_uniform`, `integers`, `log_integers`,
        `choice`, `layer_sizes`, a frozen SciPy distribution, or a list whose values are equally
        likely. An entry of a list may be made by `when`.

    Returns
    -------
    dict or list of dict
        Lists and distributions by full parameter names. If `when` was used, it is a list with one
        dict for each value of the conditional parameter, because `RandomizedSearchCV` draws each
        dict of a list equally often.

    Raises
    ------
    TypeError
        As in `param_grid`; also if a parameter is given as a tuple of two numbers, which could
        mean a range.
    ValueError
        As in `param_grid`; also for a SciPy distribution without values, such as
        ``loguniform(1, 0.1)``.

    Warns
    -----
    UserWarning
        If a value of a list is repeated. It is kept once.

    See Also
    --------
    param_grid : Make a grid from lists of values.
    common_space : A space with ranges to start with.
    sobol : Choose candidates more evenly than random draws do.

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
    """Expand conditions, check the values of each parameter, and find the full names."""
    if not specs:
        raise TypeError(
            "no parameter to search was given; pass a parameter and its values, such as "
            "learning_rate=[0.01, 0.001]"
        )
    branches = [
        {name: checked(name, spec) for name, spec in branch.items()}
        for branch in expand_conditions(specs, each_value_apart)
    ]
    return [resolve(estimator, branch) for branch in branches]


def _grid_values(name: str, values: Any) -> list[Any]:
    if is_distribution(values):
        raise TypeError(
            f"{name}: {values!r} is a distribution, but a grid accepts only lists; pass a list, or "
            "use param_distributions() with RandomizedSearchCV"
        )
    return _distinct(name, values)


def _checked_spec(name: str, spec: Any) -> Any:
    if not is_distribution(spec):
        if isinstance(spec, tuple) and len(spec) == 2 and None not in map(as_real, spec):
            low, high = spec
            raise TypeError(
                f"{name}={spec!r} is ambiguous: it could mean two values or a range; write "
                f"[{low!r}, {high!r}] or uniform({low!r}, {high!r})"
            )
        return _distinct(name, spec)
    if isinstance(spec, Choice) and any(isinstance(value, When) for value in spec):
        raise TypeError(f"{name}: when() can be an entry of a list, but not of choice()")
    if hasattr(spec, "_parse_args"):  # a family of SciPy distributions, without parameters
        raise TypeError(
            f"{name}: the SciPy distribution {spec.name} has no parameters yet; pass "
            f"{spec.name}(...)"
        )
    if hasattr(spec, "support") and any(np.isnan(end) for end in map(float, spec.support())):
        arguments = ", ".join(map(repr, [*spec.args, *spec.kwds.values()]))
        raise ValueError(
            f"{name}: the SciPy distribution {spec.dist.name}({arguments}) has no values; its "
            "bounds may be reversed, or not positive on a logarithmic scale"
        )
    return spec


def _distinct(name: str, values: Any) -> list[Any]:
    listed = as_list(values, name)
    distinct = unique(listed)
    if len(distinct) < len(listed):
        warn(f"{name}: repeated values are searched only once, {distinct!r}")
    return distinct


def _distinct_candidates(branches: list[Branch]) -> list[Branch]:
    """Remove candidates from a branch if an earlier branch already contains them."""
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
            warn(
                f"{counted(n_twice, 'candidate')} of one branch also occurred in another branch: "
                "each candidate is searched only once"
            )
        seen |= candidates.keys()
    return kept
