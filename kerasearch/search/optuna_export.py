"""Conversion of a finished search to an Optuna study, for Optuna's plots and dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._utils.checks import as_integer, as_real
from .._utils.plain_values import as_python
from .._utils.values import unique
from ..cv_results.reading import read
from ..cv_results.values import is_log_spread, labels, numeric
from .optuna_import import import_optuna, optuna_warnings_only
from .optuna_space import are_optunas, finished_trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study


def to_optuna_study(search: Any, metric: str | None = None) -> Study:
    """Convert a finished search to an Optuna study.

    Parameters
    ----------
    search : fitted search, or its ``cv_results_``
        A search of scikit-learn or of this package, or any other search with ``cv_results_``. The
        ``cv_results_`` may be a dict or a DataFrame.
    metric : str, default=None
        The metric. None is the metric that `refit` names, or else the first metric.

    Returns
    -------
    study : optuna.study.Study
        A study in memory with one trial for each candidate. A candidate without a finite score is a
        failed trial. The range of a numerical hyperparameter goes from its smallest to its largest
        value in the search. The range is logarithmic if the values are spread logarithmically.
        Values that are neither numbers nor text are converted to text. For a `BayesSearchCV` with
        ``metric=None``, it is the search's own study.

    Raises
    ------
    ImportError
        If Optuna is not installed; install it with ``pip install 'kerasearch[bayes]'``.
    TypeError
        If `search` is not a search.
    NotFittedError
        If the search is not fitted.
    ValueError
        If the search has no such metric.

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
    columns = {name: _column(results.params, name) for name in results.names}
    distributions = {name: _distribution(list(column.values())) for name, column in columns.items()}
    with optuna_warnings_only():
        study = optuna.create_study(direction="maximize")
    for i, (params, score) in enumerate(zip(results.params, scores, strict=True)):
        study.add_trial(
            finished_trial(
                {name: columns[name][i] for name in params},
                {name: distributions[name] for name in params},
                score,
                user_attrs={"candidate": i},
            )
        )
    return study


def _column(candidates: Sequence[Mapping[str, Any]], name: str) -> dict[int, Any]:
    """Get the values of a parameter in a form that Optuna accepts, by index of the candidate."""
    having = [i for i, params in enumerate(candidates) if name in params]
    values = [as_python(candidates[i][name]) for i in having]
    reals, integers = [*map(as_real, values)], [*map(as_integer, values)]
    if None not in reals:
        values = list(integers if None not in integers else reals)
    elif not are_optunas(unique(values)):
        values = labels(values, detail=1)
    return dict(zip(having, values, strict=True))


def _distribution(values: list[Any]) -> BaseDistribution:
    """Make an Optuna distribution that contains all values of a parameter."""
    kinds = import_optuna().distributions
    numbers = numeric(values)
    if numbers is None:
        return kinds.CategoricalDistribution(unique(values))
    low, high = min(values), max(values)
    is_whole = all(isinstance(value, int) for value in values)
    kind = kinds.IntDistribution if is_whole else kinds.FloatDistribution
    return kind(low, high, log=is_log_spread(numbers))
