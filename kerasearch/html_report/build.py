"""Write the report of a search as one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._utils.text import listed
from ..cv_results.search_results import SearchResults
from ..plots.display import one_metric, several_searches
from ..results.comparison import check_test_fraction
from . import contents
from .page import page
from .pictures import compared_pictures, pictures


def report(
    search: Any,
    path: str | os.PathLike[str],
    *,
    metric: str | None = None,
    test_fraction: float | None = None,
    curves: Any = None,
    errors: Mapping[str, int] | None = None,
    title: str | None = None,
) -> Path:
    """Write a self-contained HTML file about one or several searches.

    The report shows the best candidate and the candidates that do not differ significantly from
    it, the searched values, the importance of the hyperparameters, plots, a table of all
    candidates, failures, costs, and the versions of the packages. A click on the head of a column
    sorts the table. The file loads nothing from the network, and its only script sorts the table.
    Without matplotlib the report has no plots. A report on several searches first compares their
    best candidates and their speed, and then has these sections for each search.

    Parameters
    ----------
    search : fitted search, dict or DataFrame, or several searches
        A search of scikit-learn or kerasearch, or its ``cv_results_``. To compare several searches,
        pass a dict from names to searches, or a sequence of searches.
    path : str or path-like
        The file to write. An existing file is replaced when the new file is complete.
    metric : str, default=None
        The metric to report. None uses the metric that `refit` of the search names, or else the
        first metric.
    test_fraction : float, default=None
        The share of the rows in the test set of a fold, between 0 and 1, as in `compare`. It is
        needed only if the share is not known from the search.
    curves : object, default=None
        The source of the training curves: an argument or a result of `training_history`, or a
        fitted search. None uses the fits of the search if its estimator has a ``store``. For
        several searches, pass a dict from their names to such sources.
    errors : mapping of str to int, default=None
        The error messages of failed fits, each with the number of fits. Searches of kerasearch
        record the messages, but searches of scikit-learn do not. For several searches, pass a dict
        from their names to such mappings.
    title : str, default=None
        The heading of the page. None names the search and its estimator.

    Returns
    -------
    path : Path
        The absolute path of the written file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If no file can be written at `path`. This is checked before anything is computed.
    ValueError
        If the search has no such metric; if `test_fraction` is not between 0 and 1; if several
        searches have different metrics; or if `curves` or `errors` is not a dict from names of the
        searches.
    NotFittedError
        If a search was not fitted.
    TypeError
        If `search` is not a search.

    See Also
    --------
    summarize : The table of the candidates as a DataFrame.
    compare : The significance tests in the report.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import report
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3).fit(*load_iris(return_X_y=True))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(search, pathlib.Path(folder) / "search.html").name
    'search.html'
    """
    path = _writable(path)
    check_test_fraction(test_fraction)
    searches = several_searches(search)
    several = list(searches) != [""]
    one_metric(searches, metric)
    given = {
        "curves": _of_each(curves, searches, "curves") if several else {"": curves},
        "errors": _of_each(errors, searches, "errors") if several else {"": errors},
    }
    parts = [
        _part(name, results, metric, test_fraction, given["curves"][name], given["errors"][name])
        for name, results in searches.items()
    ]
    first = next(iter(searches.values()))
    text = page(
        title=title or contents.title_of(searches),
        description=contents.written() if several else contents.description(first),
        comparison=contents.comparison(searches, metric) if several else None,
        compared_pictures=compared_pictures(searches, metric) if several else [],
        searches=parts,
        versions=contents.versions(),
    )
    _write(path, text)
    return path


def _part(
    name: str,
    results: SearchResults,
    metric: str | None,
    test_fraction: float | None,
    curves: Any,
    errors: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Compute the contents of the page for one search."""
    metric = results.metric(metric)
    importance, remark = contents.importance_of(results, metric)
    return {
        "name": name,
        "description": contents.description(results),
        "facts": contents.facts(results, metric),
        "n_candidates": len(results),
        "best": contents.best(results, metric),
        "ties": contents.ties(results, metric, test_fraction),
        "space": contents.space(results),
        "shares": contents.shares(importance),
        "remark": remark,
        "pictures": pictures(results, metric, importance, curves),
        "candidates": contents.candidates(results, metric),
        "failures": contents.failures(results, metric, errors or {}),
        "costs": contents.costs(results),
    }


def _of_each(given: Any, searches: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Look up the argument of each of several searches."""
    if given is None:
        return dict.fromkeys(searches)
    unknown = [name for name in given if name not in searches] if isinstance(given, Mapping) else []
    if unknown or not isinstance(given, Mapping):
        which = f"; {listed(unknown)} is not among them" if unknown else ""
        raise ValueError(
            f"{what} must be a dict from the names of the searches, {listed(searches)}{which}"
        )
    return {name: given.get(name) for name in searches}


def _writable(path: str | os.PathLike[str]) -> Path:
    """Resolve the path, and check before any work that a file can be written there."""
    resolved = Path(path).expanduser().resolve()
    if resolved.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a directory; pass the path of a file")
    if not resolved.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r}: the directory {resolved.parent} does not exist"
        )
    if not os.access(resolved.parent, os.W_OK):
        raise PermissionError(
            f"path={str(path)!r}: the directory {resolved.parent} is not writable"
        )
    return resolved


def _write(path: Path, text: str) -> None:
    """Write under another name first, so that an incomplete file never has the final name."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
