"""Any finished search as an Optuna study, for Optuna's plots and dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._utils.checks import as_integer, as_real
from .._utils.json_values import as_python
from .._utils.values import identity, unique
from ..cv_results.reading import read
from .optuna_import import import_optuna, optuna_warnings_only
from .optuna_space import finished_trial, nan_free

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study


def to_optuna_study(search: Any, metric: str | None = None) -> Study:
    """Make an Optuna study of a finished search.

    Parameters
    ----------
    search : fitted search, or its ``cv_results_``
        scikit-learn's, ours, or any other with ``cv_results_``; that may be a DataFrame too.
    metric : str, default=None
        Which of several metrics; None takes the one that `refit` names, or else the first.

    Returns
    -------
    study : optuna.study.Study
        In memory, with one trial a candidate; candidates without a finite score failed. A number
        ranges over what was tried, on a logarithmic scale from a factor of 100; values that are
        neither numbers nor text go by how they are written. A `BayesSearchCV` gives its own study.

    Raises
    ------
    ImportError
        Without Optuna: ``pip install 'kerasearch[bayes]'``.
    TypeError
        If it is no search.
    NotFittedError
        If the search was not fitted.
    ValueError
        If it has no such metric.

    Examples
    --------
    >>> from kerasearch import to_optuna_study
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> grid = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}).fit(*load_iris(return_X_y=True))
    >>> to_optuna_study(grid).best_params
    {'C': 10.0}
    """
    optuna = import_optuna()
    if metric is None and hasattr(search, "study_"):
        return search.study_
    results = read(search)
    scores = results.mean(metric)
    columns = {
        name: [params[name] for params in results.params if name in params]
        for name in results.names
    }
    distributions = {name: _distribution(values) for name, values in columns.items()}
    with optuna_warnings_only():
        study = optuna.create_study(direction="maximize")
    for i, (params, score) in enumerate(zip(results.params, scores, strict=True)):
        study.add_trial(
            finished_trial(
                {name: _value(value, distributions[name]) for name, value in params.items()},
                {name: distributions[name] for name in params},
                score,
                user_attrs={"candidate": i},
            )
        )
    return study


def _distribution(values: list[Any]) -> BaseDistribution:
    """Find one of Optuna's distributions that has all the values of a parameter."""
    kinds = import_optuna().distributions
    if None not in map(as_real, values):
        low, high = min(values), max(values)
        log = bool(low > 0 and high / low >= 100)
        if None not in map(as_integer, values):
            return kinds.IntDistribution(int(low), int(high), log=log)
        return kinds.FloatDistribution(float(low), float(high), log=log)
    distinct = unique(values)
    as_they_are = all(isinstance(v, str | bool | None) for v in distinct) and nan_free(distinct)
    if as_they_are and len({identity(v) for v in distinct}) == len(distinct):
        return kinds.CategoricalDistribution(distinct)
    return kinds.CategoricalDistribution(list(dict.fromkeys(repr(v) for v in distinct)))


def _value(value: Any, distribution: BaseDistribution) -> Any:
    """Write a value as the distribution of its parameter has it."""
    value = as_python(value)
    kinds = import_optuna().distributions
    if isinstance(distribution, kinds.FloatDistribution):
        return float(value)
    if isinstance(distribution, kinds.CategoricalDistribution):
        return value if value in distribution.choices else repr(value)
    return value
