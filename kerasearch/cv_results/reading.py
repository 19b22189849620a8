"""One reading of every form in which the results of a search come."""

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


#: A fitted search, its ``cv_results_``, or that as a data frame.
SearchLike: TypeAlias = (
    _FittedSearch | Mapping[str, Any] | pd.DataFrame | _OtherFrame | SearchResults
)


def read(source: SearchLike) -> SearchResults:
    """Read a search, a bare ``cv_results_`` or a table made of one.

    Parameters
    ----------
    source : fitted search, dict, DataFrame or SearchResults
        A search of scikit-learn or of this library, its ``cv_results_``, or that as a DataFrame,
        also one that was read back from CSV or Parquet.

    Returns
    -------
    results : SearchResults

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    TypeError
        If the source is none of these.
    ValueError
        If there are no mean test scores, no parameters or no candidates in it.
    """
    if isinstance(source, SearchResults):
        return source
    search, results = _search_and_results(source)
    table = {str(name): results[name] for name in results}
    prefix = "mean_test_"
    metrics = [name.removeprefix(prefix) for name in table if name.startswith(prefix)]
    if not metrics:
        raise ValueError(
            "no column mean_test_... found: this is not a cv_results_ "
            f"(it has {listed(table) or 'no columns'})"
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
    """Find the search, where there is one, and its ``cv_results_``."""
    if isinstance(source, Mapping | pd.DataFrame):
        return None, source
    if hasattr(source, "cv_results_"):
        return source, source.cv_results_
    if hasattr(source, "to_pandas"):  # a data frame of another library
        return None, source.to_pandas()
    name = type(source).__name__
    if not hasattr(source, "fit") or isinstance(source, type):
        raise TypeError(
            f"expected a fitted search, its cv_results_ or a DataFrame of that, got {name}"
        )
    if hasattr(source, "estimator"):
        raise NotFittedError(f"this {name} is not fitted: call fit first")
    raise TypeError(f"{name} is not a search: it has no cv_results_")


def _read_folds(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read ``split<k>_<part>_<metric>``: ``<part>_<metric>`` to (n_candidates, n_folds)."""
    columns: dict[str, dict[int, np.ndarray]] = {}
    for name in table:
        if match := _SPLIT.fullmatch(name):
            columns.setdefault(f"{match[2]}_{match[3]}", {})[int(match[1])] = _floats(table[name])
    return {
        name: np.column_stack([folds[k] for k in sorted(folds)]) for name, folds in columns.items()
    }


def _read_extras(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Keep the columns that are none of scikit-learn's usual ones."""
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
