"""Which candidates can be told from the best? The corrected resampled t-test."""

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
# Folds decide too little where a difference must be so many times its spread over folds
_HOPELESS = 5.0
_WORTH_IT = 3.0  # what more folds must come down to, to be worth recommending


def compare(
    search: SearchLike,
    metric: str | None = None,
    test_fraction: float | None = None,
    *,
    alpha: float = 0.05,
) -> pd.DataFrame:
    r"""Test each candidate against the best with the corrected resampled t-test.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        As for :func:`summarize`.
    metric : str, default=None
        Which score, of a search with several. None is the one that the search refitted by, or
        the first.
    test_fraction : float, default=None
        The share of the data on which each fold tests, between 0 and 1: 0.2 in 5-fold
        cross-validation. None takes it from the search's ``cv``. A bare ``cv_results_`` does not
        tell, nor does ``ShuffleSplit`` with sizes that are counts on one side alone.
    alpha : float, default=0.05
        Level of the tests, of all of them together.

    Returns
    -------
    table : DataFrame
        One row a candidate, best first, indexed by ``candidate``: the parameters; ``mean``;
        ``difference`` to the best; ``difference_low`` and ``difference_high``, its interval at
        level ``1 - alpha`` by the same t-test; ``t``; ``p``, two-sided; ``p_adjusted`` for the
        number of tests (Holm 1979); and ``tied_with_best`` (bool): the candidate cannot be told
        from the best at level ``alpha``. ``table.query("tied_with_best")`` is the set to choose
        from. The interval and ``p`` are those of one candidate by itself: among many, some
        intervals leave 0 out by chance, and so it may of a candidate that is tied.
        Candidates that failed in a fold are not tested. Of successive halving and Hyperband, the
        candidates of the largest resource alone are in the table, since others had less to
        learn from.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If the test share of the data is neither known nor given, there are fewer than two folds,
        or there is no such metric.

    Warns
    -----
    UserWarning
        If some are tied, and the folds are too few for so many candidates to tell much: to be told
        from the best, a candidate would have to differ by more than five times the standard
        deviation of its difference over folds. The warning says how many folds would do.

    Notes
    -----
    With differences :math:`d_j` of :math:`J` folds, of mean :math:`\bar d` and sample variance
    :math:`s^2`, and :math:`n_\text{test} / n_\text{train}` the ratio of the folds' sizes,

    .. math:: t = \bar d \Big/ \sqrt{(1 / J + n_\text{test} / n_\text{train}) s^2}

    has about Student's t distribution with :math:`J - 1` degrees of freedom [1]_. The second term
    is what folds cost by sharing training data; without it, differences look far too sure. The
    best was chosen by these same scores, so that its lead is somewhat too large: read
    ``tied_with_best`` as "do not bother to tell apart".

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
        raise ValueError(f"alpha={alpha!r}: expected a level between 0 and 1, such as 0.05")
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
    """Make the table of `compare`, and say where the folds are too few to decide, else ``""``."""
    metric = results.metric(metric)
    best, scores = results.best(metric), results.scores(metric)
    if results.n_folds < 2:
        raise ValueError(
            f"compare needs the scores of at least two folds; the search has {results.n_folds}"
        )
    ratio = _test_to_train(results, test_fraction)
    with np.errstate(invalid="ignore"):  # a score may be infinite; it is not tested
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
    """Tell whether the folds are too few to tell candidates from the best.

    Where the search does not tell its test folds' share, it is taken to be that of K-fold.
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
    """Test differences of shape (n_candidates, n_folds).

    Get t, the two-sided p, and half the width of the interval at level ``1 - alpha``.
    """
    n_folds = differences.shape[1]
    mean = differences.mean(axis=1)
    variance = differences.var(axis=1, ddof=1)
    # rounding alone makes a constant difference vary; no spread at all is certainty, or a tie
    scale = np.abs(differences).max(axis=1)
    variance[np.sqrt(variance) <= 1e-12 * scale] = 0
    error = np.sqrt((1 / n_folds + ratio) * variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / error
    t[(mean == 0) & (variance == 0)] = 0
    p = 2 * student.sf(np.abs(t), n_folds - 1)
    return t, p, error * student.isf(alpha / 2, n_folds - 1)


def _undecided(n_folds: int, ratio: float, n_tests: int, alpha: float) -> str:
    """Say that so few folds cannot decide between so many candidates, and how many would."""
    needed = _least_difference(n_folds, ratio, n_tests, alpha)
    if needed <= _HOPELESS:
        return ""
    text = (
        f"{counted(n_folds, 'fold')} cannot decide between {counted(n_tests + 1, 'candidate')}: to "
        f"be told from the best, one would have to differ by {needed:.2g} times the standard "
        "deviation of its difference over folds, so that a tie says little"
    )
    return f"{text}; {_advice(n_tests, alpha)}, or compare fewer candidates"


def _advice(n_tests: int, alpha: float) -> str:
    """Name the fewest folds, of the usual ones, that could decide."""
    for n_splits, n_repeats in ((5, 1), (10, 1), (5, 3), (10, 3), (10, 5), (10, 10)):
        n_folds = n_splits * n_repeats
        enough = _least_difference(n_folds, 1 / (n_splits - 1), n_tests, alpha)
        if enough <= _WORTH_IT:
            break
    what = f"{n_folds} folds" if n_repeats == 1 else f"{n_splits} folds repeated {n_repeats} times"
    return f"with {what} it would be {enough:.2g} times"


def _least_difference(n_folds: int, ratio: float, n_tests: int, alpha: float) -> float:
    """Get the difference that Holm's first step finds, in standard deviations over folds."""
    return float(student.isf(alpha / 2 / n_tests, n_folds - 1) * np.sqrt(1 / n_folds + ratio))


def _holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number by Holm's step-down procedure."""
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def check_test_fraction(test_fraction: float | None) -> None:
    """Raise where it is given and is no share."""
    if test_fraction is not None and not (
        isinstance(test_fraction, Real) and 0 < test_fraction < 1
    ):
        raise ValueError(f"test_fraction={test_fraction!r}: expected a share between 0 and 1")


def _test_to_train(results: SearchResults, test_fraction: float | None) -> float:
    """Find n_test / n_train of a fold."""
    if test_fraction is not None:
        check_test_fraction(test_fraction)
        return float(test_fraction / (1 - test_fraction))
    if results.search is None:
        raise ValueError(
            "a bare cv_results_ does not tell how much of the data each fold tests on: give "
            "test_fraction=, such as 0.2 for 5-fold cross-validation"
        )
    ratio = _ratio_of(5 if results.cv is None else results.cv, results.n_folds)
    if ratio is None:
        raise ValueError(
            f"cv={readable(results.cv)} does not tell how much of the data each fold tests on: "
            "give test_fraction=, such as 0.2 where a fifth is tested on"
        )
    return ratio


def _ratio_of(cv: Any, n_folds: int) -> float | None:
    """Read n_test / n_train off a splitter, where it tells."""
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
    """Count the rows that an index array or a mask picks."""
    rows = np.asarray(rows)
    return int(rows.sum()) if rows.dtype == bool else len(rows)
