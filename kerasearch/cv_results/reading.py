"""Read the results of a search in every form: a search, a dict or a data frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from .._utils.names import short_names
from .._utils.text import listed
from .candidates import read_params
from .search_results import SearchResults, default_metric, scores_among

_SPLIT = re.compile(r"split(\d+)_(test|train)_(.+)")
_STATISTIC = re.compile(r"(mean|std|rank)_(test|train)_(.+)|(mean|std)_(fit|score)_time")


class _FittedSearch(Protocol):
    cv_results_: Any


class _OtherFrame(Protocol):
    def to_pandas(self) -> pd.DataFrame: ...


#: A fitted search, its ``cv_results_``, or ``cv_results_`` as a data frame.
SearchLike: TypeAlias = (
    _FittedSearch | Mapping[str, Any] | pd.DataFrame | _OtherFrame | SearchResults
)


def read(source: SearchLike) -> SearchResults:
    """Read a search, its ``cv_results_``, or ``cv_results_`` as a data frame.

    Parameters
    ----------
    source : fitted search, dict, DataFrame or SearchResults
        A search of scikit-learn or kerasearch, its ``cv_results_``, or ``cv_results_`` as a
        DataFrame. The DataFrame may have been read from a CSV or Parquet file.

    Returns
    -------
    results : SearchResults
        The results; `source` itself if it is a SearchResults.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    TypeError
        If `source` has another type.
    ValueError
        If `source` has no mean test scores, no parameters or no candidates.
    """
    if isinstance(source, SearchResults):
        return source
    search, results = _search_and_results(source)
    table = {str(name): results[name] for name in results}
    prefix = "mean_test_"
    metrics = [name.removeprefix(prefix) for name in table if name.startswith(prefix)]
    if not metrics:
        raise ValueError(
            "cv_results_ must have a column mean_test_..., but its columns are "
            f"{listed(table) or 'none'}"
        )
    params = read_params(table, isinstance(results, pd.DataFrame))
    if not params:
        raise ValueError("the search has no candidates: cv_results_ is empty")
    names = dict.fromkeys(name for keys in dict.fromkeys(map(tuple, params)) for name in keys)
    return SearchResults(
        params=params,
        names=short_names(list(names)),
        metrics=scores_among(metrics),
        extras=_read_extras(table),
        messages=_read_errors(table.get("error_messages"), len(params)),
        default_metric=default_metric(metrics, getattr(search, "refit", None)),
        cv=getattr(search, "cv", None),
        estimator=getattr(search, "estimator", None),
        search=search,
        statistics={name: _floats(table[name]) for name in table if _STATISTIC.fullmatch(name)},
        folds=_read_folds(table),
    )


def _search_and_results(source: Any) -> tuple[Any, Any]:
    """Find the search and its ``cv_results_``; the search is None if only a table was given."""
    if isinstance(source, Mapping | pd.DataFrame):
        return None, source
    if hasattr(source, "cv_results_"):
        return source, source.cv_results_
    if hasattr(source, "to_pandas"):  # a data frame of a library other than pandas
        return None, source.to_pandas()
    name = type(source).__name__
    if not hasattr(source, "fit") or isinstance(source, type):
        raise TypeError(
            f"expected a fitted search, its cv_results_, or a DataFrame of cv_results_; got {name}"
        )
    if hasattr(source, "estimator"):
        raise NotFittedError(f"this {name} is not fitted: call fit first")
    raise TypeError(f"{name} is not a search: it has no cv_results_")


def _read_folds(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read the columns ``split<k>_<part>_<metric>`` into one array for each part and metric.

    An array has the shape (n_candidates, n_folds).
    """
    columns: dict[str, dict[int, np.ndarray]] = {}
    for name in table:
        if match := _SPLIT.fullmatch(name):
            columns.setdefault(f"{match[2]}_{match[3]}", {})[int(match[1])] = _floats(table[name])
    return {
        name: np.column_stack([folds[k] for k in sorted(folds)]) for name, folds in columns.items()
    }


def _read_extras(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read the columns that are not among the usual columns of scikit-learn."""
    return {
        name: np.asarray(values)
        for name, values in table.items()
        if name not in ("params", "error_messages")
        and not name.startswith(("param_", "Unnamed: "))
        and not _STATISTIC.fullmatch(name)
        and not _SPLIT.fullmatch(name)
        and np.ndim(values) == 1
    }


def _read_errors(messages: Any, n_candidates: int) -> list[str]:
    if messages is None:
        return [""] * n_candidates
    return [message if isinstance(message, str) else "" for message in messages]


def _floats(values: Any) -> np.ndarray:
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
