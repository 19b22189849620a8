"""One self-contained HTML file about a search."""

from __future__ import annotations

import os
import platform
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .._utils.plain_data import plain
from ..cv_results.reading import SearchResults, read
from ..cv_results.values import MISSING, readable
from ..plots.scales import Scale, sort_key
from ..plots.slices import panel_height
from ..results.comparison import check_test_fraction, compare
from ..results.fanova import importance
from ..results.summary import summarize
from . import page as html

MOST_ROWS = 1000  # of the table of candidates
MOST_TIED = 8
_PACKAGES = (
    *("kerasearch", "scikit-learn", "keras", "tensorflow", "numpy", "pandas", "scipy"),
    "matplotlib",
)


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
    """Write one self-contained HTML file about a search.

    It has what was searched, the best candidate and those that cannot be told from it, what
    mattered, pictures, a table of the candidates that sorts by a click on a column's head,
    failures, what the search cost, and versions. It loads nothing from the network, and runs no
    script but the one that sorts. Without matplotlib it has no pictures.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        A search of scikit-learn or of this library, or its ``cv_results_``.
    path : str or path-like
        The file to write. A file that is there is replaced, once the new one is complete.
    metric : str, default=None
        Which score; None takes the one that the search refitted by, or the first.
    test_fraction : float, default=None
        Share of the rows in a test fold, between 0 and 1, where the search does not tell it, as
        for `compare`.
    curves : object, default=None
        What `training_history` takes, or its frame: draws the training curves.
    errors : mapping of str to int, default=None
        Messages of failed fits, and how many fits failed with each. scikit-learn's searches do not
        keep them; for those of this library they are known.
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
        If the search does not have the metric, or `test_fraction` is no share.
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
    results = read(search)
    metric = results.metric(metric)
    title = title or _title(results)
    shares, remark = _shares(results, metric)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        html.paragraph(f"{_described(results)}", "soft"),
        html.facts(_facts(results, metric)),
        html.section("The best candidate", *_best(results, metric, test_fraction)),
        html.section("What was searched", _space(results)),
        html.section("What mattered", *_importance(shares, remark)),
        html.section("Pictures", *_pictures(results, metric, shares, curves)),
        html.section("Candidates", *_table(results, metric)),
        html.section("Failures", *_failures(results, metric, errors)),
        html.section("Cost", html.rows(_cost(results))),
        html.section("Versions", html.paragraph(_versions())),
    ]
    _write(path, html.page(title, "\n".join(part for part in parts if part)))
    return path


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


def _title(results: SearchResults) -> str:
    if results.search is None:
        return "A hyperparameter search"
    what = type(results.search).__name__
    if results.estimator is None:
        return what
    estimator = results.estimator
    steps = getattr(estimator, "steps", None)  # a pipeline: what it ends in says more
    return f"{what} of {type(steps[-1][1] if steps else estimator).__name__}"


def _described(results: SearchResults) -> str:
    """Say when, and what is known of the cross-validation."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    cv = results.cv
    if isinstance(cv, int | np.integer):
        folds = f"{cv}-fold cross-validation"
    elif cv is not None and hasattr(cv, "split"):
        folds = readable(cv)
    else:
        folds = _counted(results.n_folds, "fold") if results.n_folds else ""
    return ", ".join(part for part in (f"Written {now}", folds) if part)


def _facts(results: SearchResults, metric: str) -> dict[str, str]:
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
        facts["time of all fits"] = _duration(float(np.nansum(fit)))
    failed = int((~known).sum())
    if failed:
        facts["failed candidates"] = f"{failed:,}"
    return facts


def _best(results: SearchResults, metric: str, test_fraction: float | None) -> list[str]:
    """The best candidate's parameters, and the set that cannot be told from it."""
    if not np.isfinite(results.mean(metric)).any():
        return [html.paragraph("Every candidate failed: there is no best one.", "warn")]
    best = results.best(metric)
    params = results.params[best]
    pairs = [(results.names[name], _exact(value)) for name, value in params.items()]
    parts = [html.rows(pairs) or html.paragraph("It has no parameters.")]
    if len(results) < 2:
        return parts + [html.paragraph("It is the only candidate: there is none to compare.")]
    told = _or_reason(lambda: compare(results, metric, test_fraction=test_fraction))
    if isinstance(told, str):
        return parts + [html.paragraph(f"No comparison with the others: {told}.", "soft")]
    return parts + _like_best(results, told.query("tied_with_best"), len(told))


def _like_best(results: SearchResults, tied: pd.DataFrame, n_compared: int) -> list[str]:
    """The candidates that the folds cannot tell from the best, and what they have of their own."""
    others = len(tied) - 1
    if not others:
        return [html.paragraph("Every other candidate is worse than it (corrected t-test, 5 %).")]
    text = (
        f"{_counted(others, 'other candidate')} of {n_compared - 1:,} cannot be told from it by "
        "these folds (corrected resampled t-test, adjusted for their number, 5 %)"
    )
    head = ["candidate", *results.names.values(), "mean", "difference"]
    shown = tied.iloc[1 : MOST_TIED + 1]
    lines = [
        [
            str(candidate),
            *(_short(results.params[candidate].get(name, MISSING)) for name in results.names),
            f"{mean:.4g}",
            f"{difference:.2g}",
        ]
        for candidate, mean, difference in zip(
            map(int, shown.index), shown["mean"], shown["difference"], strict=True
        )
    ]
    more = f"; the first {MOST_TIED}:" if others > MOST_TIED else ":"
    return [html.paragraph(text + more), html.rows(lines, head)]


def _space(results: SearchResults) -> str:
    """Each hyperparameter, and which values of it were tried."""
    pairs = []
    for full, short in results.names.items():
        values = [plain(value) for value in results.values(full)]
        name = short if short == full else f"{short}  ({full})"
        pairs.append((name, _tried(values, results.numbers(full))))
    return html.rows(pairs, ("hyperparameter", "values tried"))


def _tried(values: list[Any], numbers: np.ndarray | None) -> str:
    """List few values; of many numbers, say how many and from where to where."""
    texts = Counter(readable(value) for value in values if value is not MISSING)
    absent = sum(value is MISSING for value in values)
    without = f"; {_counted(absent, 'candidate')} without" if absent else ""
    if len(texts) <= 8:
        listed = list(texts)
        by_text = {readable(value): value for value in values if value is not MISSING}
        listed.sort(key=lambda text: sort_key(by_text[text], text))
        return ", ".join(listed) + without
    if numbers is not None:
        low, high = np.nanmin(numbers), np.nanmax(numbers)
        return f"{len(texts):,} values from {low:.3g} to {high:.3g}{without}"
    common = ", ".join(text for text, _ in texts.most_common(6))
    return f"{len(texts):,} values, such as {common}{without}"


def _shares(results: SearchResults, metric: str) -> tuple[pd.DataFrame | None, str]:
    """Which hyperparameters mattered, and what there is to say of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        shares = _or_reason(lambda: importance(results, metric))
    if isinstance(shares, str):
        return None, shares
    return shares, " ".join(str(warning.message) for warning in caught)


def _importance(shares: pd.DataFrame | None, remark: str) -> list[str]:
    """Each hyperparameter's share of the score's variance, as a bar."""
    parts = [html.paragraph(remark[:1].upper() + remark[1:] + ".", "soft")] if remark else []
    if shares is None:
        return parts
    bars = {
        str(name): (float(share), f"{share:.0%} ± {spread:.0%}")
        for name, share, spread in zip(
            shares.index, shares["importance"], shares["std"], strict=True
        )
    }
    text = "Share of the score's variance that each hyperparameter explains (fANOVA)."
    return [html.paragraph(text), html.bars(bars), *parts]


def _pictures(
    results: SearchResults, metric: str, shares: pd.DataFrame | None, curves: Any
) -> list[str]:
    """Every picture that applies to this search."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return [html.paragraph("Pictures need matplotlib: pip install 'kerasearch[plot]'", "soft")]
    from .. import plots

    made: list[str] = []

    def draw(size: tuple[float, float], alt: str, caption: str, plot: Callable[[Any], Any]) -> None:
        figure = Figure(figsize=size, layout="constrained")
        plot(figure)
        made.append(html.picture(figure, alt, caption))

    if not results.names or not np.isfinite(results.mean(metric)).any():
        return made
    common: dict[str, Any] = {"metric": metric}
    varying = results.varying()
    names = results.names
    n_panels = len(varying) or len(names)
    n_columns = min(3, n_panels)
    n_rows = -(-n_panels // n_columns)
    height = panel_height(Scale.of(name, results.values(name)) for name in varying)
    draw(
        (max(3.1 * n_columns, 4), height * n_rows),
        "score against each hyperparameter",
        "The score against each hyperparameter. Bars: one standard deviation over folds. "
        "Star: the best. Crosses: failed.",
        lambda figure: plots.SliceDisplay.from_search(
            results, **common, n_columns=n_columns, ax=figure.add_subplot()
        ),
    )
    if len(varying) >= 2:
        x, y = _strongest(results, shares, varying)
        draw(
            (5.6, 5.0),
            f"the values of {names[x]} and {names[y]} that were tried",
            "Which points were tried, and their projections.",
            lambda figure: plots.CoverageDisplay.from_search(
                results, x, y, **common, ax=figure.add_subplot()
            ),
        )
        draw(
            (6.4, 4.4),
            f"the best score over {names[x]} and {names[y]}",
            "The best score over two hyperparameters. Gray: nothing tried.",
            lambda figure: plots.HeatmapDisplay.from_search(
                results, x, y, **common, ax=figure.add_subplot()
            ),
        )
        draw(
            (max(4.5, min(1.6 * (len(varying) + 1), 12)), 3.8),
            "all candidates as lines through all hyperparameters",
            "All candidates at once: each is a line, the best is thick.",
            lambda figure: plots.ParallelCoordinatesDisplay.from_search(
                results, varying[:10], **common, ax=figure.add_subplot()
            ),
        )
    if len(results) > 1:
        draw(
            (5.6, 3.6),
            "best score so far",
            "How fast the search got there, in the order of cv_results_.",
            lambda figure: plots.OptimizationHistoryDisplay.from_search(
                results, **common, ax=figure.add_subplot()
            ),
        )
    if curves is not None:
        draw(
            (5.6, 3.8),
            "curves of training and validation",
            "The loss epoch by epoch: mean over folds, band for their range.",
            lambda figure: plots.TrainingCurvesDisplay.from_history(
                curves, ax=figure.add_subplot()
            ),
        )
    return ['<div class="pictures">', *made, "</div>"]


def _strongest(
    results: SearchResults, shares: pd.DataFrame | None, varying: list[str]
) -> tuple[str, str]:
    """Find the two hyperparameters that mattered most; the first two where that is not known."""
    full = {results.names[name]: name for name in varying}
    ranked = [] if shares is None else [full[name] for name in shares.index if name in full]
    x, y = [*ranked, *(name for name in varying if name not in ranked)][:2]
    return x, y


def _table(results: SearchResults, metric: str) -> list[str]:
    table = summarize(results, metric, top=MOST_ROWS)
    if table.index.name is not None:
        table = table.reset_index()
    parts = [html.paragraph("A click on a column's head sorts by it.", "soft")]
    if len(results) > len(table):
        parts = [html.paragraph(f"The best {len(table):,} of {len(results):,} candidates.", "soft")]
    return [*parts, html.sortable(table, "Candidates, sortable")]


def _failures(results: SearchResults, metric: str, errors: Mapping[str, int] | None) -> list[str]:
    """Which candidates failed, and why where that is known."""
    mean = results.mean(metric)
    n_failed = int((~np.isfinite(mean)).sum())
    counts = Counter(message for message in results.errors if message)
    n_fits = dict(errors or {})
    if not n_failed and not counts and not n_fits:
        return []
    parts = [html.paragraph(f"{_counted(n_failed, 'candidate')} of {len(results):,} failed.")]
    if counts:
        lines = [(str(n), message) for message, n in counts.most_common(20)]
        parts.append(html.rows(lines, ("candidates", "message")))
    if n_fits:
        lines = [(str(n), message) for message, n in n_fits.items()]
        parts.append(html.rows(lines, ("fits", "message")))
    if not counts and not n_fits:
        parts.append(
            html.paragraph(
                "The search kept no messages; error_score='raise' shows the first, and the frame() "
                "of a fit store has those of fits that diverged."
            )
        )
    return parts


def _cost(results: SearchResults) -> list[tuple[str, str]]:
    lines = []
    n_fits = len(results) * results.n_folds
    if n_fits:
        lines.append(("fits", f"{n_fits:,}"))
    for part, text in (("fit", "fitting"), ("score", "scoring")):
        seconds, each = results.time(part, total=True), results.time(part)
        if seconds is not None and each is not None and np.isfinite(each).any():
            total = _duration(float(np.nansum(seconds)))
            longest = _duration(float(np.nanmax(each)))
            lines.append((text, f"{total} in all; {longest} a fold for the slowest candidate"))
    if results.all_epochs is not None:
        total_epochs = np.nansum(results.all_epochs) * max(results.n_folds, 1)
        lines.append(("epochs", f"{total_epochs:,.0f}"))
    refit = getattr(results.search, "refit_time_", None)
    if refit is not None:
        lines.append(("fit of the best on all rows", _duration(float(refit))))
    return lines


def _versions() -> str:
    """Installed versions, without importing anything."""
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _or_reason(compute: Callable[[], Any]) -> Any:
    """The result, or the message that says why there is none."""
    try:
        return compute()
    except ValueError as error:
        return str(error)


def _short(value: Any) -> str:
    """A value in few characters; nothing for one that the candidate does not have."""
    if value is MISSING:
        return ""
    value = plain(value)
    return f"{value:.4g}" if isinstance(value, float) else readable(value)


def _exact(value: Any) -> str:
    """A value as it would be typed, where that is short."""
    value = plain(value)
    text = repr(value)
    return text if value is None or isinstance(value, str | int | float) else readable(value)


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
