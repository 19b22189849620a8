"""The corrected resampled t-test: which candidates differ significantly from the best one."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from .._utils.text import counted
from .._utils.user_warnings import warn
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import SearchResults
from ..cv_results.values import readable
from .score_bounds import bounds_of, without_rounding

_K_FOLDS = (KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold)
_REPEATED = (RepeatedKFold, RepeatedStratifiedKFold)
_ONE_OUT = (LeaveOneOut, LeaveOneGroupOut)
_SHUFFLED = (ShuffleSplit, StratifiedShuffleSplit, GroupShuffleSplit)
# fmt: off
_COLUMNS = (
    "candidate", "mean", "difference", "difference_low", "difference_high",
    "t", "p", "p_adjusted", "tied_with_best",
)
# fmt: on
# The folds are too few if the smallest significant difference is more than this many standard
# deviations of the difference over folds.
_HOPELESS = 5.0
_WORTH_IT = 3.0  # more folds are recommended if they reduce that number to this value


def compare(
    search: SearchLike,
    metric: str | None = None,
    test_fraction: float | None = None,
    *,
    alpha: float = 0.05,
) -> pd.DataFrame:
    r"""Test each candidate against the best candidate with the corrected resampled t-test.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        The search, as in :func:`summarize`.
    metric : str, default=None
        The metric to compare, if the search has several. None uses the metric that `refit` of the
        search names, or else the first metric.
    test_fraction : float, default=None
        The share of the data in the test set of each fold, between 0 and 1. It is 0.2 in 5-fold
        cross-validation. None takes the share from ``cv`` of the search. This is not possible if
        only ``cv_results_`` was passed, or if ``ShuffleSplit`` has a count for only one of its two
        sizes.
    alpha : float, default=0.05
        The significance level of all tests together.

    Returns
    -------
    table : DataFrame
        One row for each candidate, best first, indexed by ``candidate``. The columns are:

        - one column for each parameter, as in :func:`summarize`;
        - ``mean``: the mean test score;
        - ``difference``: the mean test score minus the mean test score of the best candidate;
        - ``difference_low``, ``difference_high``: the confidence interval of the difference at
          level ``1 - alpha``, from the same t-test;
        - ``t``, ``p``: the test statistic and its two-sided p-value;
        - ``p_adjusted``: the p-value adjusted for the number of tests (Holm 1979);
        - ``tied_with_best`` (bool): whether the candidate does not differ significantly from the
          best candidate at level ``alpha``. Choose among the candidates of
          ``table.query("tied_with_best")``.

        The interval and ``p`` are not adjusted for the number of tests. Therefore the interval of
        a candidate that is tied with the best may exclude 0. Candidates that failed in a fold are
        not tested. For successive halving and Hyperband, the table has only the candidates with
        the largest resource, because scores of different resources are not comparable.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If the test share is neither given nor known from the search; if the search has fewer than
        two folds; if it has no such metric; or if `alpha` or `test_fraction` is out of range.

    Warns
    -----
    UserWarning
        If candidates are tied with the best, and the folds are too few to compare so many
        candidates. This is the case if the smallest significant difference is more than five times
        the standard deviation of the difference over folds. The warning says how many folds would
        be enough.

    See Also
    --------
    summarize : The table of all candidates.
    one_standard_error : Refit the simplest candidate that is about as good as the best.

    Notes
    -----
    Let :math:`d_j` be the differences in :math:`J` folds, with the mean :math:`\bar d` and the
    sample variance :math:`s^2`. Let :math:`n_\text{test} / n_\text{train}` be the ratio of the
    sizes of test and training set. Then

    .. math:: t = \bar d \Big/ \sqrt{(1 / J + n_\text{test} / n_\text{train}) s^2}

    has approximately Student's t distribution with :math:`J - 1` degrees of freedom [1]_. The
    second term corrects for the overlap of the training sets. Without it, p-values would be far
    too small. The best candidate was selected by the same scores, so its lead is somewhat too
    large. Read ``tied_with_best`` as "the scores give no reason to prefer one over the other".

    References
    ----------
    .. [1] Nadeau & Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from kerasearch import compare
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, 3]}).fit(*load_iris(return_X_y=True))
    >>> columns = ["max_depth", "difference", "p_adjusted", "tied_with_best"]
    >>> compare(search)[columns].round(3)  # doctest: +NORMALIZE_WHITESPACE
               max_depth  difference  p_adjusted  tied_with_best
    candidate
    2                  3       0.000         NaN            True
    1                  2      -0.027       0.227            True
    0                  1      -0.293       0.000           False
    """
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r} must be a level between 0 and 1, such as 0.05")
    table, remark = compared(read(search), metric, test_fraction, alpha)
    if remark:
        warn(remark)
    return table


def compared(
    results: SearchResults,
    metric: str | None = None,
    test_fraction: float | None = None,
    alpha: float = 0.05,
) -> tuple[pd.DataFrame, str]:
    """Make the table of `compare`, and its warning if the folds are too few, or else ``""``."""
    metric = results.metric(metric)
    best, scores = results.best(metric), results.scores(metric)
    if (n_folds := scores.shape[1]) < 2:  # a table may have only the means of a metric
        raise ValueError(
            f"compare needs the scores of at least two folds; the search has {n_folds}"
        )
    ratio = _test_to_train(results, test_fraction)
    with np.errstate(invalid="ignore"):  # a score may be infinite; then it is not tested
        size = np.maximum(np.abs(scores), np.abs(scores[best]))
        differences = without_rounding(scores - scores[best], size)
    t, p, half = _corrected_t_test(differences, ratio, alpha)
    comparable = results.comparable_by(metric)
    tested = comparable & np.isfinite(results.mean(metric))
    tested[best] = False
    t[~tested] = p[~tested] = half[~tested] = np.nan
    adjusted = np.full(len(results), np.nan)
    adjusted[tested] = _holm(p[tested])
    tied = tested & (adjusted > alpha)
    difference = differences.mean(axis=1)
    low, high = bounds_of(results, metric)
    table = results.parameters(_COLUMNS).assign(
        mean=results.mean(metric),
        difference=difference,
        difference_low=np.maximum(difference - half, low - high),
        difference_high=np.minimum(difference + half, high - low),
        t=t,
        p=p,
        p_adjusted=adjusted,
        tied_with_best=tied | (np.arange(len(results)) == best),
    )
    remark = _undecided(results.n_folds, ratio, int(tested.sum()), alpha) if tied.any() else ""
    order = results.order(metric)
    return table.iloc[order[comparable[order]]], remark


def undecided(results: SearchResults, metric: str | None = None) -> bool:
    """Tell whether the folds are too few to compare the candidates with the best one.

    If the share of the test sets is unknown, K-fold cross-validation is assumed.
    """
    for test_fraction in (None, 1 / max(results.n_folds, 2)):
        try:
            return bool(compared(results, metric, test_fraction)[1])
        except ValueError:
            continue
    return False


def _corrected_t_test(
    differences: np.ndarray, ratio: float, alpha: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test whether differences of shape (n_candidates, n_folds) have the mean 0.

    Return t, the two-sided p, and half the width of the interval at level ``1 - alpha``.
    """
    n_folds = differences.shape[1]
    mean = differences.mean(axis=1)
    variance = differences.var(axis=1, ddof=1)
    # a constant difference varies by rounding errors alone; its variance is set to exactly 0
    scale = np.abs(differences).max(axis=1)
    variance[np.sqrt(variance) <= 1e-12 * scale] = 0
    error = np.sqrt((1 / n_folds + ratio) * variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / error
    t[(mean == 0) & (variance == 0)] = 0
    p = 2 * student.sf(np.abs(t), n_folds - 1)
    return t, p, error * student.isf(alpha / 2, n_folds - 1)


def _undecided(n_folds: int, ratio: float, n_tests: int, alpha: float) -> str:
    """Write the warning that the folds are too few for the number of candidates, or ``""``."""
    needed = _least_difference(n_folds, ratio, n_tests, alpha)
    if needed <= _HOPELESS:
        return ""
    text = (
        f"{counted(n_folds, 'fold')} cannot decide between {counted(n_tests + 1, 'candidate')}: "
        f"only a difference of {needed:.2g} times its standard deviation over folds would be "
        "significant, so a tie says little"
    )
    return f"{text}; {_advice(n_tests, alpha)}, or compare fewer candidates"


def _advice(n_tests: int, alpha: float) -> str:
    """Recommend the smallest usual number of folds that could decide."""
    for n_splits, n_repeats in ((5, 1), (10, 1), (5, 3), (10, 3), (10, 5), (10, 10)):
        n_folds = n_splits * n_repeats
        enough = _least_difference(n_folds, 1 / (n_splits - 1), n_tests, alpha)
        if enough <= _WORTH_IT:
            break
    what = f"{n_folds} folds" if n_repeats == 1 else f"{n_splits} folds repeated {n_repeats} times"
    return f"with {what} it would be {enough:.2g} times"


def _least_difference(n_folds: int, ratio: float, n_tests: int, alpha: float) -> float:
    """Get the smallest difference that is significant in the first step of Holm's procedure.

    The unit is the standard deviation of the difference over folds.
    """
    return float(student.isf(alpha / 2 / n_tests, n_folds - 1) * np.sqrt(1 / n_folds + ratio))


def _holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for the number of tests by Holm's step-down procedure."""
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def check_test_fraction(test_fraction: float | None) -> None:
    """Raise `ValueError` if a share is given and is not between 0 and 1."""
    if test_fraction is not None and not (
        isinstance(test_fraction, Real) and 0 < test_fraction < 1
    ):
        raise ValueError(f"test_fraction={test_fraction!r} must be a share between 0 and 1")


def _test_to_train(results: SearchResults, test_fraction: float | None) -> float:
    """Find the ratio n_test / n_train of a fold."""
    if test_fraction is not None:
        check_test_fraction(test_fraction)
        return float(test_fraction / (1 - test_fraction))
    if results.search is None:
        raise ValueError(
            "the share of the data in each test set is not known from cv_results_ alone; pass "
            "test_fraction, such as test_fraction=0.2 for 5-fold cross-validation"
        )
    ratio = _ratio_of(5 if results.cv is None else results.cv, results.n_folds)
    if ratio is None:
        raise ValueError(
            f"the share of the data in each test set is not known from cv={readable(results.cv)}; "
            "pass test_fraction, such as test_fraction=0.2 if a fifth of the data is tested on"
        )
    return ratio


def _ratio_of(cv: Any, n_folds: int) -> float | None:
    """Find the ratio n_test / n_train of a splitter; None if it is not known."""
    if isinstance(cv, Integral):
        return 1 / (int(cv) - 1)
    if isinstance(cv, _REPEATED):
        n_splits = getattr(cv, "cvargs", {}).get("n_splits")
        return None if n_splits is None else 1 / (n_splits - 1)
    if isinstance(cv, _K_FOLDS):
        return 1 / (cv.get_n_splits() - 1)
    if isinstance(cv, _ONE_OUT):
        return 1 / (n_folds - 1)
    if isinstance(cv, _SHUFFLED):
        return _ratio_of_sizes(cv)
    if isinstance(cv, PredefinedSplit):
        cv = list(cv.split())
    if isinstance(cv, Sequence | np.ndarray):
        return float(np.mean([_count(test) / _count(train) for train, test in cv]))
    return None


def _ratio_of_sizes(cv: Any) -> float | None:
    test, train = cv.test_size, cv.train_size
    if test is None and train is None:
        test = cv._default_test_size
    sizes = [size for size in (test, train) if size is not None]
    fractions = [isinstance(size, float | np.floating) for size in sizes]
    if len(sizes) == 2:
        return float(test / train) if all(fractions) or not any(fractions) else None
    if not all(fractions):
        return None
    test = 1 - train if test is None else test
    return float(test / (1 - test))


def _count(rows: Any) -> int:
    """Count the rows that an index array or a mask selects."""
    rows = np.asarray(rows)
    return int(rows.sum()) if rows.dtype == bool else len(rows)
