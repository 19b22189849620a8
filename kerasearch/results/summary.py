"""The table of a search: one row a candidate, best first."""

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
# in a notebook: at most so many rows, and without these columns
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
    """Make a table of a search: one row a candidate, best first.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        A fitted search of scikit-learn or of this library, its ``cv_results_``, or that as a
        DataFrame, also one read back from CSV or Parquet. A Parquet file does not tell ``None``
        from a parameter that a candidate does not have: among numbers it is read as the latter.
    metric : str, default=None
        Which score to rank by, of a search with several. None is the one that the search
        refitted by, or the first.
    top : int, default=None
        How many rows to keep. None is all.

    Returns
    -------
    table : DataFrame
        Indexed by ``candidate``, the place in ``cv_results_``. A notebook shows the first ten rows
        and the main columns, and names the others. The columns, where the search has what they
        need:

        - ``rank`` (int): 1 is best, ties have the same rank. Failed candidates come last. In
          successive halving and Hyperband, the candidates of the largest resource come first:
          scores of different resources do not compare.
        - ``mean``, ``std``: of the test scores over folds, as in ``cv_results_`` (``ddof=0``). A
          candidate with a failed fold has none.
        - ``sem``: standard error of the mean, ``std / sqrt(n_folds - 1)``.
        - ``ci_low``, ``ci_high``: the mean ± the 97.5 % point of Student's t with
          ``n_folds - 1`` degrees of freedom times ``sem``, and no further than the score can go:
          an accuracy from 0 to 1, R² to 1, where the search tells which score it is. It describes
          the spread over folds. Folds share training data and are not independent, so the mean of
          new data lies in it less often than in 95 % of cases; :func:`compare` corrects for that.
        - ``difference``: the mean minus the best candidate's.
        - ``train_mean`` and ``gap``, the training score minus the test score.
        - one for each parameter, by its last routed part (by its full name where two would be the
          same). Integers, floats, booleans and strings keep their dtype; a candidate without the
          parameter has a missing value; lists, tuples and callables are text. The values
          themselves are in ``search.cv_results_["params"][candidate]``.
        - ``n_resources``, ``iter``, ``bracket``, ``rung``, ``search``, and whatever else the
          search recorded.
        - ``failed_folds`` (int) and ``error``, the message, which this library's searches keep
          and scikit-learn's drop: then it is the fit store's, of fits that diverged.
        - ``epochs``: how many a fold ran on average, if a scorer counts them under the name
          ``"epochs"``, or the estimator has a fit store (``store=``). There, candidates are
          unknown whose fits cannot be told from those of other searches on other rows.
        - ``fit_time``, ``score_time``: seconds of one fold on average; ``total_...``: of all folds.
        - ``mean_...``, ``std_...``, ``rank_...`` of the other metrics.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If there is no such metric, or the source is not the results of a search.

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
        top = check_integer("top", top, 1, ", a number of rows, or None for all")
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
    """Name the columns that `summarize` gives the parameters, in the order of ``results.names``."""
    return list(short_names(list(results.names), _taken(results)).values())


def _taken(results: SearchResults) -> list[str]:
    return [*_STATISTICS, *results.extras]


class SummaryTable(pd.DataFrame):
    """A table that notebooks show in short. What is made from it is an ordinary DataFrame."""

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
    """Keep counts whole where some are missing, as in a merged table."""
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
