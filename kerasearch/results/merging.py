"""Several searches of one problem as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._utils.plain_data import plain
from .._utils.values import candidate_identity
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import EPOCH_COUNTS, SearchResults


def merge_searches(*searches: SearchLike, **named: SearchLike) -> dict[str, Any]:
    """Join several searches of one problem: manual, grid, then random, then a zoomed grid.

    Parameters
    ----------
    *searches : fitted search, dict or DataFrame
        Each as for :func:`summarize`. They are named ``"1"``, ``"2"``, ...
    **named : fitted search, dict or DataFrame
        The same, with a name of your own: ``merge_searches(grid=first, random=second)``.

    Returns
    -------
    cv_results : dict
        As ``cv_results_`` of one search: fold scores, means, standard deviations, times and
        masked ``param_...`` of all candidates, with ranks anew. ``search`` names each candidate's
        search. ``duplicate`` (bool) marks one whose parameters an earlier candidate had, with the
        same resource; it stays, with its own scores. :func:`summarize` and all else here reads
        it. What only some searches have (training scores of one, say) is NaN elsewhere.

    Raises
    ------
    NotFittedError
        If a search was not fitted.
    ValueError
        If there is none, or they differ in their metrics or in their number of folds.

    Notes
    -----
    Scores compare only if all searches split the same data in the same way: give each the same
    ``cv`` with a fixed ``random_state``. The results of a search do not tell its folds, so that
    their being equal is your word.

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
            f"two searches have the name {min(clash)!r}: give another to the named one"
        )
    given = numbered | named
    if not given:
        raise ValueError("merge needs at least one search")
    parts = {name: read(search) for name, search in given.items()}
    _check_alike(parts)
    results = list(parts.values())
    params = [candidate for part in results for candidate in part.params]
    merged: dict[str, Any] = {}
    for name in ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"):
        if any(name in part.statistics for part in results):
            merged[name] = _joined(results, [part.statistics.get(name) for part in results])
    merged |= _param_columns(params) | {"params": params}
    for metric in _metrics(results[0]):
        merged |= _score_columns(results, metric)
    merged["search"] = np.concatenate([_names(name, part) for name, part in parts.items()])
    extras = [name for part in results for name in part.extras]
    for name in dict.fromkeys(extras):
        if name not in ("search", "duplicate"):
            merged[name] = _joined(results, [part.extras.get(name) for part in results])
    if not any(name in merged or f"mean_test_{name}" in merged for name in EPOCH_COUNTS):
        known = [part.epochs for part in results]  # what a fit store knows
        if any(epochs is not None for epochs in known):
            merged["epochs"] = _joined(results, known)
    merged["duplicate"] = _duplicates(params, merged.get("n_resources"))
    if any(any(part.errors) for part in results):
        messages = [error for part in results for error in part.errors]
        merged["error_messages"] = np.array(messages, dtype=object)
    ranked = read(merged)
    for metric in _metrics(results[0]):
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
    """List what the scorers brought, the default metric first: so it is that of the whole."""
    known = [n.removeprefix("mean_test_") for n in part.statistics if n.startswith("mean_test_")]
    return list(dict.fromkeys([part.default_metric, *known]))


def _joined(
    results: Sequence[SearchResults], columns: Sequence[np.ndarray | None], width: int | None = None
) -> np.ndarray:
    """Put one column of each search below the other, missing where a search has none."""
    present = [column for column in columns if column is not None]
    numeric = all(column.dtype.kind in "iuf" for column in present)
    filled = []
    for part, column in zip(results, columns, strict=True):
        if column is None:
            shape = (len(part),) if width is None else (len(part), width)
            column = np.full(shape, np.nan, dtype=float if numeric else object)
        filled.append(column if numeric or column.dtype.kind == "b" else column.astype(object))
    return np.concatenate(filled)


def _param_columns(params: Sequence[dict[str, Any]]) -> dict[str, np.ma.MaskedArray]:
    """Make scikit-learn's masked columns of the parameters."""
    columns = {}
    for name in dict.fromkeys(name for candidate in params for name in candidate):
        values = np.empty(len(params), dtype=object)
        values[:] = [candidate.get(name) for candidate in params]
        absent = [name not in candidate for candidate in params]
        columns[f"param_{name}"] = np.ma.MaskedArray(values, mask=absent)
    return columns


def _score_columns(results: Sequence[SearchResults], metric: str) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for part in ("test", "train"):
        folds = [result.folds.get(f"{part}_{metric}") for result in results]
        if any(scores is not None for scores in folds):
            scores = _joined(results, folds, results[0].n_folds)
            columns |= {f"split{k}_{part}_{metric}": each for k, each in enumerate(scores.T)}
        for statistic in ("mean", "std", "rank"):
            name = f"{statistic}_{part}_{metric}"
            if any(name in result.statistics for result in results):
                known = [result.statistics.get(name) for result in results]
                columns[name] = _joined(results, known)
    return columns


def _names(name: str, part: SearchResults) -> np.ndarray:
    """Name the search of each candidate; those of a merge within a merge are "outer.inner"."""
    inner = part.extras.get("search")
    names = [name] * len(part) if inner is None else [f"{name}.{each}" for each in inner]
    return np.array(names, dtype=object)


def _duplicates(params: Sequence[dict[str, Any]], resources: np.ndarray | None) -> np.ndarray:
    """Mark the candidates whose parameters came before, with the same resource."""
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
    """Forget what a file may forget: 1 from 1.0, a list from a tuple or an array."""
    value = plain(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(_as_any_file_has_it, value))
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
