"""What a score cannot exceed, as far as its name tells, and what of it is but rounding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..cv_results.search_results import SearchResults

_ROUNDING = 1e-12  # of the scores' size: sums over folds in another order differ by less
# scikit-learn's scorers by their whole names: the first that matches
_BOUNDS = (
    (r"neg_.+", (-inf, 0.0)),
    (r"r2|explained_variance|d2_.+|adjusted_mutual_info.*", (-inf, 1.0)),
    (r"matthews_corrcoef|adjusted_rand.*", (-1.0, 1.0)),
    (r"mutual_info.*|positive_likelihood_ratio", (0.0, inf)),
    (
        r"accuracy|balanced_accuracy|top_k_accuracy|average_precision|roc_auc(_.+)?|rand_score"
        r"|(f1|precision|recall|jaccard)(_(macro|micro|samples|weighted))?"
        r"|(homogeneity|completeness|v_measure|normalized_mutual_info|fowlkes_mallows)(_score)?",
        (0.0, 1.0),
    ),
)


def bounds_of(results: SearchResults, metric: str) -> tuple[float, float]:
    """Get the least and the greatest value that a score can have; infinite where not known.

    Known are the scores that scikit-learn has a name for, however they were given: by that name,
    as a scorer made of the function, or as the estimator's own score. Where a fold has a score
    beyond the bounds, it is another score of the same name.
    """
    low, high = _bounds_of_name(_name_of(results, metric))
    scores = results.scores(metric)
    finite = scores[np.isfinite(scores)]
    if len(finite) and (finite.min() < low or finite.max() > high):
        return -inf, inf
    return low, high


def without_rounding(difference: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Make 0 of the differences that are nothing but rounding, in view of what was subtracted."""
    with np.errstate(invalid="ignore"):  # of scores that are infinite or missing
        return np.where(np.abs(difference) <= _ROUNDING * np.abs(size), 0.0, difference)


def _bounds_of_name(name: str | None) -> tuple[float, float]:
    if name is not None:
        for pattern, bounds in _BOUNDS:
            if re.fullmatch(pattern, name):
                return bounds
    return -inf, inf


def _name_of(results: SearchResults, metric: str) -> str | None:
    """Find scikit-learn's name for what a metric of a search measures."""
    scoring = getattr(results.search, "scoring", None)
    if isinstance(scoring, Mapping):
        scoring = scoring.get(metric)
    elif metric != "score" or results.search is None:
        return metric
    if isinstance(scoring, str):
        return scoring
    if scoring is not None:
        return _name_of_scorer(scoring)
    if is_classifier(results.estimator):
        return "accuracy"
    return "r2" if is_regressor(results.estimator) else None


def _name_of_scorer(scorer: Any) -> str | None:
    """Name the function that ``make_scorer`` made a scorer of."""
    function = getattr(scorer, "_score_func", None)
    if function is None or not getattr(function, "__module__", "").startswith("sklearn.metrics"):
        return None
    name = function.__name__
    if getattr(scorer, "_sign", 1) < 0:
        return f"neg_{name}"
    return name if name.startswith(("d2_", "rand_", "mutual_")) else name.removesuffix("_score")
