"""The table of a search: one row for each candidate, the best candidate first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .._utils.checks import check_integer
from .._utils.names import short_names
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import EPOCH_COUNTS, SearchResults
from .score_bounds import bounds_of, without_rounding

CONFIDENCE = 0.95
# a notebook shows at most this many rows, and does not show these columns
_N_SHOWN = 10
_DETAILS = ("sem", "ci_low", "ci_high", "train_mean", "total_fit_time", "total_score_time")
# names of columns that are not parameters
# fmt: off
_STATISTICS = (
    "candidate", "rank", "mean", "std", "sem", "ci_low", "ci_high", "difference",
    "train_mean", "gap", "failed_folds", "error", "epochs",
    "fit_time", "total_fit_time", "score_time", "total_score_time",
)
# fmt: on


def summarize(
    search: SearchLike, metric: str | None = None, top: int | None = None
) -> pd.DataFrame:
    """Make a table of a search: one row for each candidate, the best candidate first.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        A fitted search of scikit-learn or kerasearch, its ``cv_results_``, or ``cv_results_`` as a
        DataFrame. The DataFrame may have been read from a CSV or Parquet file. A Parquet file does
        not distinguish the value ``None`` from a parameter that a candidate does not have. If the
        other values of the parameter are numbers, ``None`` is read as an absent parameter.
    metric : str, default=None
        The metric to rank by, if the search has several. None uses the metric that `refit` of the
        search names, or else the first metric.
    top : int, default=None
        The number of rows to keep. None keeps all rows.

    Returns
    -------
    table : DataFrame
        One row for each candidate, indexed by ``candidate``, the position in ``cv_results_``. A
        notebook shows the first ten rows and the main columns, and lists the names of the other
        columns. A column is present if the search has the necessary data. The columns are:

        - ``rank`` (int): the rank; 1 is best, and equal scores have equal ranks. Failed candidates
          come last. In successive halving and Hyperband, the candidates with the largest resource
          come first, because scores of different resources are not comparable.
        - ``mean``, ``std``: the mean and the standard deviation (``ddof=0``) of the test scores
          over folds, as in ``cv_results_``. They are NaN for a candidate with a failed fold.
        - ``sem``: the standard error of the mean, ``std / sqrt(n_folds - 1)``.
        - ``ci_low``, ``ci_high``: the 95 % confidence interval of the mean, from Student's t
          distribution with ``n_folds - 1`` degrees of freedom. If the bounds of the score are
          known, the interval is cut there: accuracy at 0 and 1, R² at 1. The interval describes
          the spread over folds. The training sets of the folds overlap, so the folds are not
          independent. Therefore the interval contains the mean score on new data in fewer than
          95 % of the cases. :func:`compare` corrects for this.
        - ``difference``: the mean minus the mean of the best candidate.
        - ``train_mean``, ``gap``: the mean training score, and the mean training score minus the
          mean test score.
        - one column for each parameter. Its name is the last part of the parameter's name, or the
          full name if two last parts are equal. Integers, floats, booleans and strings keep their
          dtype. Lists, tuples and callables become text. A candidate without the parameter has a
          missing value. The original values are in ``search.cv_results_["params"][candidate]``.
        - ``n_resources``, ``iter``, ``bracket``, ``rung``, ``search``, and further columns that
          the search recorded.
        - ``failed_folds`` (int): the number of folds without a score.
        - ``error``: the error message of a failed candidate. The searches of kerasearch record
          it. For a search of scikit-learn it is known only if the fit diverged and is in the fit
          store.
        - ``epochs``: the mean number of epochs of a fold. It is known if a scorer returns it by
          the name ``"epochs"``, or if the estimator has a fit store (``store=``). It is missing
          for a candidate whose fits in the store cannot be identified.
        - ``fit_time``, ``score_time``: the mean time of one fold in seconds.
        - ``total_fit_time``, ``total_score_time``: the time of all folds in seconds.
        - ``mean_...``, ``std_...``, ``rank_...``: the scores and ranks of the other metrics.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    TypeError
        If `search` is not a search.
    ValueError
        If the search has no such metric, if `top` is not a positive integer, or if the table is
        not a ``cv_results_``.

    See Also
    --------
    compare : Test which candidates differ significantly from the best.
    importance : The influence of each hyperparameter on the score.
    report : Write all results of a search to one HTML file.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from kerasearch import summarize
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, 3]}).fit(*load_iris(return_X_y=True))
    >>> columns = ["rank", "mean", "std", "max_depth"]
    >>> summarize(search)[columns].round(3)  # doctest: +NORMALIZE_WHITESPACE
               rank   mean    std  max_depth
    candidate
    2             1  0.960  0.025          3
    1             2  0.933  0.047          2
    0             3  0.667  0.000          1
    """
    if top is not None:
        top = check_integer("top", top, 1, ", the number of rows, or None for all rows")
    results = read(search)
    metric = results.metric(metric)
    order = results.order(metric)[:top]
    parameters = results.parameters(_taken(results))
    columns = {
        name: _whole(values) for name, values in results.extras.items() if name not in EPOCH_COUNTS
    }
    columns |= _failures(results, metric) | _costs(results) | _others(results, metric)
    parts = {"rank": results.rank(metric)} | _scores(results, metric), parameters, columns
    table = pd.concat([pd.DataFrame(part, index=parameters.index) for part in parts], axis=1)
    return SummaryTable(table.iloc[order])


def parameter_columns(results: SearchResults) -> list[str]:
    """Get the names of the parameters' columns in `summarize`, in the order of `results.names`."""
    return list(short_names(list(results.names), _taken(results)).values())


def _taken(results: SearchResults) -> list[str]:
    return [*_STATISTICS, *results.extras]


class SummaryTable(pd.DataFrame):
    """A table that notebooks show in a short form.

    Operations on it return an ordinary DataFrame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        dull = [name for name in _DETAILS if name in self]
        dull += [n for n in ("failed_folds", "error") if n in self and not self[n].any()]
        rows = self.drop(columns=dull).head(_N_SHOWN)
        left_out = [f"{len(self) - len(rows):,} more rows"] if len(self) > len(rows) else []
        left_out += [", ".join(dull)] if dull else []
        note = f"<p>Not shown: {'; '.join(left_out)}.</p>" if left_out else ""
        return rows.to_html(notebook=True, border=0) + note


def _whole(values: np.ndarray) -> Any:
    """Keep counts as integers if some values are missing, as in a merged table."""
    if values.dtype.kind == "f" and np.isnan(values).any():
        known = values[~np.isnan(values)]
        if len(known) and (known == np.round(known)).all():
            return pd.array(values, dtype="Int64")
    return values


def interval(results: SearchResults, metric: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Get the standard error of each mean, and half the width of its 95 % interval over folds."""
    n_folds = results.n_folds
    if n_folds < 2:
        unknown = np.full(len(results), np.nan)
        return unknown, unknown
    error = results.std(metric) / np.sqrt(n_folds - 1)
    return error, error * student.ppf((1 + CONFIDENCE) / 2, n_folds - 1)


def _scores(results: SearchResults, metric: str) -> dict[str, Any]:
    mean, train = results.mean(metric), results.train_mean(metric)
    error, half = interval(results, metric)
    low, high = bounds_of(results, metric)
    best = mean[results.order(metric)[0]]
    columns = {
        "mean": mean,
        "std": without_rounding(results.std(metric), mean),
        "sem": without_rounding(error, mean),
        "ci_low": np.maximum(mean - half, low),
        "ci_high": np.minimum(mean + half, high),
        "difference": without_rounding(mean - best, np.maximum(np.abs(mean), np.abs(best))),
    }
    if train is not None:
        gap = without_rounding(train - mean, np.maximum(np.abs(train), np.abs(mean)))
        columns |= {"train_mean": train, "gap": gap}
    return columns


def _failures(results: SearchResults, metric: str) -> dict[str, Any]:
    columns: dict[str, Any] = {"failed_folds": results.n_failed(metric)}
    if any(results.errors):
        columns["error"] = np.array(results.errors, dtype=object)
    return columns


def _costs(results: SearchResults) -> dict[str, np.ndarray]:
    columns = {} if results.epochs is None else {"epochs": results.epochs}
    for part in ("fit", "score"):
        if (seconds := results.time(part)) is not None:
            columns[f"{part}_time"] = seconds
        if (seconds := results.time(part, total=True)) is not None:
            columns[f"total_{part}_time"] = seconds
    return columns


def _others(results: SearchResults, metric: str) -> dict[str, np.ndarray]:
    columns = {}
    for other in results.metrics:
        if other != metric:
            columns[f"mean_{other}"] = results.mean(other)
            columns[f"std_{other}"] = results.std(other)
            columns[f"rank_{other}"] = results.rank(other)
    return columns
