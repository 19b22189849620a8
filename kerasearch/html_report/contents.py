"""The contents of a report as texts, rows and numbers, which the templates display."""

from __future__ import annotations

import math
import platform
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

from .._utils.plain_values import as_python
from .._utils.text import counted, duration, listed
from ..cv_results.reading import SearchResults
from ..cv_results.values import MISSING, readable
from ..plots.scales import sort_key
from ..results.comparison import compared
from ..results.fanova import importance
from ..results.summary import parameter_columns, summarize

MOST_ROWS = 1000  # the largest number of rows in the table of candidates
MOST_TIED = 8
MOST_MESSAGES = 20
_COMPARED = ["mean", "difference", "difference_low", "difference_high"]
_PACKAGES = [
    "kerasearch",
    "scikit-learn",
    "keras",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
]
_BACKENDS = ["tensorflow", "jax", "torch"]


def title_of(searches: Mapping[str, SearchResults]) -> str:
    """Write the title of a report on one or several searches."""
    if list(searches) == [""]:
        return title(searches[""])
    return f"{counted(len(searches), 'search', 'searches')}: {listed(searches, 6)}"


def title(results: SearchResults) -> str:
    """Write a title with the names of the search and its estimator."""
    if results.search is None:
        return "A hyperparameter search"
    what = type(results.search).__name__
    if results.estimator is None:
        return what
    steps = getattr(results.estimator, "steps", None)  # the last step of a pipeline says more
    return f"{what} of {type(steps[-1][1] if steps else results.estimator).__name__}"


def description(results: SearchResults) -> str:
    """Write the date of the report and a description of the cross-validation."""
    cv = results.cv
    if isinstance(cv, int | np.integer):
        return f"{written()}, {cv}-fold cross-validation"
    if cv is not None and hasattr(cv, "split"):
        return f"{written()}, {readable(cv)}"
    return f"{written()}, {counted(results.n_folds, 'fold')}" if results.n_folds else written()


def written() -> str:
    """Write the date and time of the report."""
    return f"Written {datetime.now().astimezone():%Y-%m-%d %H:%M}"


def comparison(searches: Mapping[str, SearchResults], metric: str | None) -> dict[str, Any]:
    """Make a table of several searches, the search with the best candidate first."""
    heads = ["search", "kind", "candidates", "folds", "best mean", "std over folds"]
    heads += ["candidates until the best", "time of all fits"]
    rows = []
    for name, results in searches.items():
        mean, std = results.mean(metric), results.std(metric)
        known = np.isfinite(mean).any()
        place = results.best(results.metric(metric)) if known else 0
        fit = results.time("fit", total=True)
        row = [name, "" if results.search is None else type(results.search).__name__]
        row += [f"{len(results):,}", str(results.n_folds or "unknown")]
        row += [f"{mean[place]:.4g}", f"{std[place]:.2g}"] if known else ["failed", ""]
        row += [f"{place + 1:,}" if known else ""]
        row += ["" if fit is None else duration(float(np.nansum(fit)))]
        rows.append((-mean[place] if known else math.inf, row))
    label = next(iter(searches.values())).metric_label(metric)
    rows.sort(key=lambda ranked: ranked[0])
    return {"metric": label, "head": heads, "rows": [row for _, row in rows]}


def facts(results: SearchResults, metric: str) -> dict[str, str]:
    """Get the most important facts by their names."""
    mean, std = results.mean(metric), results.std(metric)
    known = np.isfinite(mean)
    facts = {"candidates": f"{len(results):,}", "folds": str(results.n_folds or "unknown")}
    if known.any():
        best = results.best(metric)
        spread = f" ± {std[best]:.2g}" if np.isfinite(std[best]) and results.n_folds > 1 else ""
        over = " ± std over folds" if spread else ""
        facts[f"best mean {results.metric_label(metric)}{over}"] = f"{mean[best]:.4g}{spread}"
    fit = results.time("fit", total=True)
    if fit is not None:
        facts["time of all fits"] = duration(float(np.nansum(fit)))
    if not known.all():
        facts["failed candidates"] = f"{(~known).sum():,}"
    return facts


def best(results: SearchResults, metric: str) -> list[tuple[str, str]] | None:
    """Get the parameters of the best candidate; None if every candidate failed."""
    if not np.isfinite(results.mean(metric)).any():
        return None
    i = results.best(metric)
    return [(results.names[name], _typed(results, name, i)) for name in results.params[i]]


def ties(
    results: SearchResults, metric: str, test_fraction: float | None
) -> dict[str, Any] | str | None:
    """Get the number of candidates that are tied with the best, and the rows of the first ones.

    If they are not known, the result is a text with the reason. If every candidate failed, or there
    is only one candidate, the result is None.
    """
    if len(results) < 2 or not np.isfinite(results.mean(metric)).any():
        return None
    made = _or_reason(lambda: compared(results, metric, test_fraction))
    if isinstance(made, str):
        return made
    table, remark = made
    tied = table.query("tied_with_best").iloc[1:]
    shown = [_texts(results, name) for name in results.names]
    rows = [
        [
            str(row.Index),
            f"{row.mean:.4g}",
            f"{row.difference:.2g}",
            f"{row.difference_low:.2g} to {row.difference_high:.2g}",
            *(texts[int(row.Index)] for texts in shown),
        ]
        for row in tied[_COMPARED].head(MOST_TIED).itertuples()
    ]
    return {
        "n_tied": len(tied),
        "n_others": len(table) - 1,
        "head": ["candidate", "mean", "difference", "95 % interval", *results.names.values()],
        "rows": rows,
        "remark": f"{remark[:1].upper()}{remark[1:]}." if remark else "",
    }


def space(results: SearchResults) -> list[tuple[str, str]]:
    """List the hyperparameters with their tried values."""
    return [
        (
            short if short == full else f"{short}  ({full})",
            _tried(results, full),
        )
        for full, short in results.names.items()
    ]


def _tried(results: SearchResults, full: str) -> str:
    """List a few values; of many numbers, write their count, the smallest and the largest."""
    values, numbers = results.values(full), results.numbers(full)
    texts = _texts(results, full)
    given = [
        (text, as_python(value))
        for text, value in zip(texts, values, strict=True)
        if value is not MISSING
    ]
    by_text = dict(given)
    n_without = len(values) - len(given)
    without = f"; absent in {counted(n_without, 'candidate')}" if n_without else ""
    if len(by_text) <= 8:
        return ", ".join(sorted(by_text, key=lambda text: sort_key(by_text[text], text))) + without
    if numbers is not None:
        low, high = np.nanmin(numbers), np.nanmax(numbers)
        return f"{len(by_text):,} values from {low:.3g} to {high:.3g}{without}"
    counts = Counter(text for text, _ in given)
    common = ", ".join(text for text, _ in counts.most_common(6))
    return f"{len(by_text):,} values, such as {common}{without}"


def importance_of(results: SearchResults, metric: str) -> tuple[pd.DataFrame | None, str]:
    """Get the table of `importance` and a remark on it; without a table, the remark says why."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        table = _or_reason(lambda: importance(results, metric))
    if isinstance(table, str):
        table, remark = None, table
    else:
        remark = " ".join(str(warning.message) for warning in caught)
    return table, f"{remark[:1].upper()}{remark[1:]}." if remark else ""


def shares(table: pd.DataFrame | None) -> list[tuple[str, float, str]]:
    """Get the share of the score's variance for each hyperparameter, from 0 to 1 and as text."""
    if table is None:
        return []
    return [
        (str(name), share, f"{share:.0%} ({low:.0%} to {high:.0%})")
        for name, share, low, high in zip(
            table.index, table["importance"], table["ci_low"], table["ci_high"], strict=True
        )
    ]


def candidates(results: SearchResults, metric: str) -> dict[str, Any]:
    """Get the table of candidates for the macro ``sortable``.

    A column is a pair of its name and whether it contains numbers. A cell is a triple of its text,
    the value to sort by (None to sort by the text), and whether it is a number.
    """
    table = summarize(results, metric, top=MOST_ROWS)
    short = [_texts(results, name) for name in results.names]
    shown = dict(zip(parameter_columns(results), short, strict=True))
    if table.index.name is not None:
        table = table.reset_index()
    columns, cells = [], []
    for i, name in enumerate(table.columns):
        column = table.iloc[:, i]
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        columns.append((str(name), numeric))
        texts: Any = column.tolist()
        if not numeric and name in shown:  # numbers in lists are rounded as well
            numbers = table["candidate"]
            both = zip(texts, numbers, strict=True)
            texts = [v if _is_missing(v) else shown[name][n] for v, n in both]
        cells.append([(*_cell(value, numeric), numeric) for value in texts])
    return {"columns": columns, "rows": list(zip(*cells, strict=True))}


def _cell(value: Any, numeric: bool) -> tuple[str, str | None]:
    """Get the text of a cell, and the value to sort by if the text is rounded or missing."""
    if _is_missing(value):
        return "\N{EN DASH}", ""
    if not numeric or not isinstance(value, float):
        return str(value), None
    text, exact = f"{value:.4g}", f"{value:.9g}"
    return text, None if exact == text else exact


def _is_missing(value: Any) -> bool:
    return value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def failures(
    results: SearchResults, metric: str, errors: Mapping[str, int]
) -> dict[str, Any] | None:
    """Get the number of failed candidates and the known reasons; None if nothing failed."""
    n_failed = int((~np.isfinite(results.mean(metric))).sum())
    counts = Counter(message for message in results.errors if message)
    if not n_failed and not counts and not errors:
        return None
    return {
        "n_candidates": n_failed,
        "by_candidate": [(n, message) for message, n in counts.most_common(MOST_MESSAGES)],
        "by_fit": [(n, message) for message, n in errors.items()],
    }


def costs(results: SearchResults) -> list[tuple[str, str]]:
    """Get the costs of the search: fits, times and epochs."""
    lines = []
    n_fits = len(results) * results.n_folds
    if n_fits:
        lines.append(("fits", f"{n_fits:,}"))
    for part, text in (("fit", "fitting"), ("score", "scoring")):
        seconds, each = results.time(part, total=True), results.time(part)
        if seconds is not None and each is not None and np.isfinite(each).any():
            total = duration(float(np.nansum(seconds)))
            longest = duration(float(np.nanmax(each)))
            lines.append((text, f"{total} in all; {longest} per fold for the slowest candidate"))
    if results.all_epochs is not None:
        n_epochs = np.nansum(results.all_epochs) * max(results.n_folds, 1)
        lines.append(("epochs", f"{n_epochs:,.0f}"))
    refit = getattr(results.search, "refit_time_", None)
    if refit is not None:
        lines.append(("refit of the best candidate on all rows", duration(float(refit))))
    return lines


def versions() -> str:
    """List the installed versions of packages, and of the backends that ran; none is imported."""
    found = [f"Python {platform.python_version()}"]
    ran = [name for name in _BACKENDS if name in sys.modules]
    for name in [*_PACKAGES, *(ran or _BACKENDS)]:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _or_reason(compute: Callable[[], Any]) -> Any:
    """Return the result of a computation, or the message of its ValueError."""
    try:
        return compute()
    except ValueError as error:
        return str(error)


def _texts(results: SearchResults, name: str, digits: int = 4) -> list[str]:
    """Write each candidate's value with rounded floats; empty if the parameter is absent."""

    def text(value: Any, label: str) -> str:
        value = as_python(value)
        rounded = _rounded(value, digits)
        return label if rounded is value else readable(rounded)

    return [
        "" if value is MISSING else text(value, label)
        for value, label in zip(results.values(name), results.labels(name), strict=True)
    ]


def _typed(results: SearchResults, name: str, i: int) -> str:
    """Write a candidate's value as Python code if it is a plain value; floats have six digits."""
    value = as_python(results.params[i][name])
    short = value is None or isinstance(value, str | int | float)
    return repr(_rounded(value, 6)) if short else _texts(results, name, 6)[i]


def _rounded(value: Any, digits: int) -> Any:
    """Round floats, also in lists and dicts; return the same object if nothing was rounded."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if type(value) in (list, tuple):
        made = type(value)(_rounded(as_python(each), digits) for each in value)
    elif type(value) is dict:
        made = {key: _rounded(as_python(each), digits) for key, each in value.items()}
    else:
        return value
    return made if made != value else value
