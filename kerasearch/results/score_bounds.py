"""The bounds of a score, from its name, and the removal of rounding errors from differences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..cv_results.search_results import SearchResults

# relative to the scores: sums over folds in another order differ by less than this
_ROUNDING = 1e-12
# patterns that match whole names of scikit-learn's scorers; the first match counts
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
    """Get the smallest and the largest possible value of a score; infinite if not known.

    The bounds are known for scores that have a name in scikit-learn. The score may be given by
    this name, as a scorer made from the function, or as the estimator's own score. If the score of
    a fold is outside the bounds, the name belongs to another score, and the bounds are infinite.
    """
    low, high = _bounds_of_name(_name_of(results, metric))
    scores = results.scores(metric)
    finite = scores[np.isfinite(scores)]
    if len(finite) and (finite.min() < low or finite.max() > high):
        return -inf, inf
    return low, high


def without_rounding(difference: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Set differences to 0 that are rounding errors relative to `size`."""
    with np.errstate(invalid="ignore"):  # scores may be infinite or missing
        return np.where(np.abs(difference) <= _ROUNDING * np.abs(size), 0.0, difference)


def _bounds_of_name(name: str | None) -> tuple[float, float]:
    if name is not None:
        for pattern, bounds in _BOUNDS:
            if re.fullmatch(pattern, name):
                return bounds
    return -inf, inf


def _name_of(results: SearchResults, metric: str) -> str | None:
    """Find the name of a metric in scikit-learn; None if it is not known."""
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
    """Find the scikit-learn name of the function inside a scorer of ``make_scorer``."""
    function = getattr(scorer, "_score_func", None)
    if function is None or not getattr(function, "__module__", "").startswith("sklearn.metrics"):
        return None
    name = function.__name__
    if getattr(scorer, "_sign", 1) < 0:
        return f"neg_{name}"
    return name if name.startswith(("d2_", "rand_", "mutual_")) else name.removesuffix("_score")
