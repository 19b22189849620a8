"""Merge the results of several searches on one problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._utils.plain_values import as_python
from .._utils.values import candidate_identity
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import EPOCH_COUNTS, SearchResults

_TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")


def merge_searches(*searches: SearchLike, **named: SearchLike) -> dict[str, Any]:
    """Merge several searches on one problem, such as a grid, a random search and a zoomed grid.

    Parameters
    ----------
    *searches : fitted search, dict or DataFrame
        Searches as in :func:`summarize`. Their names are ``"1"``, ``"2"``, ...
    **named : fitted search, dict or DataFrame
        Searches with names of your choice: ``merge_searches(grid=first, random=second)``.

    Returns
    -------
    cv_results : dict
        A dict like ``cv_results_`` of one search, with the candidates of all searches: the scores
        of folds, means, standard deviations, times and masked arrays ``param_...``. The ranks are
        computed again. There are two further columns:

        - ``search`` (str): the name of the candidate's search;
        - ``duplicate`` (bool): whether an earlier candidate has the same parameters and the same
          resource. A duplicate stays in the table with its own scores.

        A column that only some of the searches have, such as training scores, is NaN for the other
        searches. Every function of kerasearch that accepts a search accepts this dict.

    Raises
    ------
    NotFittedError
        If a search was not fitted.
    ValueError
        If no search is given, if two searches have the same name, or if the searches differ in
        their metrics or in their number of folds.

    See Also
    --------
    summarize : Make a table of the merged searches.
    zoom : Make the space of a narrower search.

    Notes
    -----
    The scores are comparable only if all searches split the same data in the same way. Pass the
    same ``cv`` with a fixed ``random_state`` to each search. The folds are not part of
    ``cv_results_``, so this function cannot check them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from kerasearch import merge_searches, summarize
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> first = GridSearchCV(tree, {"max_depth": [1, 3]}).fit(X, y)
    >>> second = GridSearchCV(tree, {"max_depth": [2, 3]}).fit(X, y)
    >>> both = merge_searches(coarse=first, fine=second)
    >>> columns = ["rank", "max_depth", "search", "duplicate"]
    >>> summarize(both)[columns]  # doctest: +NORMALIZE_WHITESPACE
               rank  max_depth  search  duplicate
    candidate
    1             1          3  coarse      False
    3             1          3    fine       True
    2             3          2    fine      False
    0             4          1  coarse      False
    """
    numbered = {str(i): search for i, search in enumerate(searches, start=1)}
    if clash := numbered.keys() & named.keys():
        raise ValueError(
            f"two searches have the name {min(clash)!r}; choose another name for the named search"
        )
    given = numbered | named
    if not given:
        raise ValueError("merge_searches needs at least one search")
    parts = {name: read(search) for name, search in given.items()}
    _check_alike(parts)
    results = list(parts.values())
    params = [candidate for part in results for candidate in part.params]
    metrics = _metrics(results[0])
    frames = [_frame(name, part, metrics) for name, part in parts.items()]
    counts = {*EPOCH_COUNTS, *(f"mean_test_{count}" for count in EPOCH_COUNTS)}
    if not any(counts & set(frame) for frame in frames):
        for frame, part in zip(frames, results, strict=True):
            if part.epochs is not None:  # read from a fit store
                frame["epochs"] = part.epochs
    table = pd.concat(frames, ignore_index=True)
    merged: dict[str, Any] = {str(name): table[name].to_numpy() for name in table}
    # the order of scikit-learn: times, parameters, scores
    times = {name: merged.pop(name) for name in _TIMES if name in merged}
    merged = times | _param_columns(params) | {"params": params} | merged
    merged["duplicate"] = _duplicates(params, merged.get("n_resources"))
    if any(any(part.errors) for part in results):
        messages = [error for part in results for error in part.errors]
        merged["error_messages"] = np.array(messages, dtype=object)
    ranked = read(merged)
    for metric in metrics:
        merged[f"rank_test_{metric}"] = ranked.rank(metric).astype(np.int32)
    return merged


def _check_alike(parts: dict[str, SearchResults]) -> None:
    (first, one), *others = parts.items()
    for name, other in others:
        if set(_metrics(other)) != set(_metrics(one)):
            raise ValueError(
                f"the searches differ in their metrics: {first!r} has {', '.join(_metrics(one))}, "
                f"{name!r} has {', '.join(_metrics(other))}"
            )
        scorings = [getattr(part.search, "scoring", None) for part in (one, other)]
        if all(isinstance(scoring, str) for scoring in scorings) and scorings[0] != scorings[1]:
            raise ValueError(
                f"the searches differ in their metrics: {first!r} has scoring={scorings[0]!r}, "
                f"{name!r} has scoring={scorings[1]!r}"
            )
        if other.n_folds != one.n_folds:
            raise ValueError(
                f"the searches differ in their folds: {first!r} has {one.n_folds}, "
                f"{name!r} has {other.n_folds}"
            )


def _metrics(part: SearchResults) -> list[str]:
    """List the metrics, the default metric first, so that it stays the default when merged."""
    known = [n.removeprefix("mean_test_") for n in part.statistics if n.startswith("mean_test_")]
    return list(dict.fromkeys([part.default_metric, *known]))


def _frame(name: str, part: SearchResults, metrics: Sequence[str]) -> pd.DataFrame:
    """Make a table of a search without the columns of its parameters."""
    columns = {each: part.statistics[each] for each in _TIMES if each in part.statistics}
    for kind in (f"{kind}_{metric}" for metric in metrics for kind in ("test", "train")):
        folds = part.folds.get(kind, np.empty((len(part), 0)))
        columns |= {f"split{k}_{kind}": scores for k, scores in enumerate(folds.T)}
        wanted = [f"{statistic}_{kind}" for statistic in ("mean", "std", "rank")]
        columns |= {each: part.statistics[each] for each in wanted if each in part.statistics}
    columns["search"] = _names(name, part)
    columns |= {n: v for n, v in part.extras.items() if n not in ("search", "duplicate")}
    return pd.DataFrame(columns)


def _param_columns(params: Sequence[dict[str, Any]]) -> dict[str, np.ma.MaskedArray]:
    """Make masked arrays of the parameters, as in scikit-learn's ``cv_results_``."""
    columns = {}
    for name in dict.fromkeys(name for candidate in params for name in candidate):
        values = np.empty(len(params), dtype=object)
        values[:] = [candidate.get(name) for candidate in params]
        absent = [name not in candidate for candidate in params]
        columns[f"param_{name}"] = np.ma.MaskedArray(values, mask=absent)
    return columns


def _names(name: str, part: SearchResults) -> np.ndarray:
    """Name the search of each candidate; a merged search gives names such as "outer.inner"."""
    inner = part.extras.get("search")
    names = [name] * len(part) if inner is None else [f"{name}.{each}" for each in inner]
    return np.array(names, dtype=object)


def _duplicates(params: Sequence[dict[str, Any]], resources: np.ndarray | None) -> np.ndarray:
    """Mark candidates whose parameters and resource an earlier candidate has."""
    seen: set[Any] = set()
    marks = []
    given = [None] * len(params) if resources is None else list(resources)
    for candidate, resource in zip(params, given, strict=True):
        same = {name: _as_any_file_has_it(value) for name, value in candidate.items()}
        key = (candidate_identity(same), resource)
        marks.append(key in seen)
        seen.add(key)
    return np.array(marks, dtype=bool)


def _as_any_file_has_it(value: Any) -> Any:
    """Remove distinctions that files lose: 1 and 1.0, or list, tuple and array, become equal."""
    value = as_python(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(_as_any_file_has_it, value))
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
