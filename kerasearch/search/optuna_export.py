"""Any finished search as an Optuna study, for Optuna's plots and dashboard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from .._utils.values import identity, unique
from .optuna_space import nan_free, optuna


def to_optuna_study(search: Any, metric: str | None = None) -> Any:
    """Make an Optuna study of a finished search.

    Parameters
    ----------
    search : finished search, or its ``cv_results_``
        scikit-learn's, ours, or any other with ``cv_results_``.
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
    TypeError, ValueError
        If it is no finished search, or has no such metric.

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
    module = optuna()
    if metric is None and hasattr(search, "study_"):
        return search.study_
    results = getattr(search, "cv_results_", search)
    if not isinstance(results, Mapping) or "params" not in results:
        raise TypeError(f"search must be a finished search or its cv_results_; got {search!r}")
    scores = np.asarray(results[score_column(results, metric, getattr(search, "refit", None))])
    candidates: list[Mapping[str, Any]] = list(results["params"])
    names = list(dict.fromkeys(name for params in candidates for name in params))
    kinds = {n: _distribution([p[n] for p in candidates if n in p], module) for n in names}
    before = module.logging.get_verbosity()
    module.logging.set_verbosity(max(before, module.logging.WARNING))
    try:
        study = module.create_study(direction="maximize")
    finally:
        module.logging.set_verbosity(before)
    states = module.trial.TrialState
    for i, params in enumerate(candidates):
        finite = math.isfinite(scores[i])
        study.add_trial(
            module.trial.create_trial(
                params={name: _value(value, kinds[name]) for name, value in params.items()},
                distributions={name: kinds[name] for name in params},
                value=float(scores[i]) if finite else None,
                state=states.COMPLETE if finite else states.FAIL,
                user_attrs={"candidate": i},
            )
        )
    return study


def score_column(results: Mapping[str, Any], metric: str | None, refit: Any) -> str:
    """Name the column of the mean scores: of `metric`, of what `refit` names, or the first."""
    known = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    if metric is not None and metric not in known:
        raise ValueError(f"metric={metric!r} is not in the results; there are {', '.join(known)}")
    chosen = metric or (refit if isinstance(refit, str) and refit in known else known[0])
    return f"mean_test_{chosen}"


def _distribution(values: list[Any], module: Any) -> Any:
    kinds = module.distributions
    numbers = all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in values)
    if numbers and all(math.isfinite(v) for v in values):
        low, high = min(values), max(values)
        log = bool(low > 0 and high / low >= 100)
        if all(isinstance(value, Integral) for value in values):
            return kinds.IntDistribution(int(low), int(high), log=log)
        return kinds.FloatDistribution(float(low), float(high), log=log)
    distinct = unique(values)
    plain = all(isinstance(v, str | bool | None) for v in distinct) and nan_free(distinct)
    if plain and len({identity(v) for v in distinct}) == len(distinct):
        return kinds.CategoricalDistribution(distinct)
    return kinds.CategoricalDistribution(list(dict.fromkeys(repr(v) for v in distinct)))


def _value(value: Any, kind: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if type(kind).__name__ == "FloatDistribution":
        return float(value)
    if type(kind).__name__ == "CategoricalDistribution" and value not in kind.choices:
        return repr(value)
    return value
