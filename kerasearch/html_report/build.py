"""One self-contained HTML file about a search."""

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
    """Write one self-contained HTML file about a search, or about several.

    It has what was searched, the best candidate and those that cannot be told from it, what
    mattered, pictures, a table of the candidates that sorts by a click on a column's head,
    failures, what the search cost, and versions. It loads nothing from the network, and runs no
    script but the one that sorts. Without matplotlib it has no pictures. Of several searches it
    compares the best of each and how fast each got there, and then has all that of each.

    Parameters
    ----------
    search : fitted search, dict or DataFrame, or several of them
        A search of scikit-learn or of this library, or its ``cv_results_``; to compare some, a dict
        from name to search, or a sequence.
    path : str or path-like
        The file to write. A file that is there is replaced, once the new one is complete.
    metric : str, default=None
        Which score; None takes the one that the search refitted by, or the first.
    test_fraction : float, default=None
        Share of the rows in a test fold, between 0 and 1, where the search does not tell it, as
        for `compare`.
    curves : object, default=None
        What `training_history` takes, or its frame, or a fitted search: draws the training curves.
        Of several searches, a dict from their names.
    errors : mapping of str to int, default=None
        Messages of failed fits, and how many fits failed with each. scikit-learn's searches do not
        keep them; for those of this library they are known. Of several searches, a dict from their
        names to such mappings.
    title : str, default=None
        Heading of the page.

    Returns
    -------
    path : Path
        The file written.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If no file can be written at `path`; known before anything is computed.
    ValueError
        If the search does not have the metric, `test_fraction` is no share, several searches were
        scored by different metrics, or `curves` or `errors` name a search that is not among them.
    NotFittedError
        If the search is not fitted.

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
    """What the page says of one search."""
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
    """Look up what is given for each of several searches."""
    if given is None:
        return dict.fromkeys(searches)
    unknown = [name for name in given if name not in searches] if isinstance(given, Mapping) else []
    if unknown or not isinstance(given, Mapping):
        which = f", not {listed(unknown)}" if unknown else ""
        raise ValueError(f"{what}: of several searches, a dict from {listed(searches)}{which}")
    return {name: given.get(name) for name in searches}


def _writable(path: str | os.PathLike[str]) -> Path:
    """Resolve the path; raise the OSError that writing there would, before any work."""
    resolved = Path(path).expanduser().resolve()
    if resolved.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a directory: give the name of a file")
    if not resolved.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: there is no directory {resolved.parent}")
    if not os.access(resolved.parent, os.W_OK):
        raise PermissionError(f"path={str(path)!r}: cannot write in {resolved.parent}")
    return resolved


def _write(path: Path, text: str) -> None:
    """Write under another name first, so that there is never half a file."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
