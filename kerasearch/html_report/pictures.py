"""The plots of a report as PNG images."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from ..cv_results.reading import SearchResults
from ..plots.scales import Scale
from ..plots.slices import panel_height
from ..results.history import stored_history

_PIXELS_PER_INCH = 100
_MOST_AXES = 10  # the largest number of axes in parallel coordinates


def pictures(
    results: SearchResults, metric: str, shares: pd.DataFrame | None, history: Any
) -> list[dict[str, Any]] | None:
    """Draw every plot that applies to a search, for the macro ``figure``; None without matplotlib.

    Parameters
    ----------
    results : SearchResults
        The search.
    metric : str
        The metric to plot.
    shares : DataFrame or None
        The table of `importance`, which determines the hyperparameters of the plots of two.
    history : object
        The source of the training curves; None uses the fit store of the search.

    Returns
    -------
    drawn : list of dict, or None
        The PNG image, its size in pixels, its alternative text and its caption.
    """
    if find_spec("matplotlib") is None:
        return None
    return _drawn(_wanted(results, metric, shares, history))


def compared_pictures(
    searches: Mapping[str, SearchResults], metric: str | None
) -> list[dict[str, Any]] | None:
    """Draw several searches in one plot, against the number of candidates and against time."""
    if find_spec("matplotlib") is None:
        return None
    from .. import plots

    if not any(np.isfinite(each.mean(metric)).any() for each in searches.values()):
        return []
    units: dict[Any, str] = {"candidates": "candidates", "seconds": "the time of fits and scores"}
    if any(each.time("fit") is None for each in searches.values()):
        del units["seconds"]
    draw = plots.OptimizationHistoryDisplay.from_search
    wanted = [
        (
            partial(draw, searches, metric=metric, unit=unit),
            (5.6, 3.6),
            f"the best score of each search so far against {what}",
            f"The best score of each search so far, against {what}.",
        )
        for unit, what in units.items()
    ]
    return _drawn(wanted)


def _drawn(
    wanted: Iterable[tuple[Callable[..., Any], tuple[float, float], str, str]],
) -> list[dict[str, Any]]:
    """Draw each plot in a new figure of the given size."""
    from matplotlib.figure import Figure

    drawn: list[dict[str, Any]] = []
    for draw, size, alt, caption in wanted:
        figure = Figure(figsize=size, layout="constrained")
        draw(ax=figure.add_subplot())
        width, height = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
        drawn.append({"alt": alt, "caption": caption, "width": width, "height": height})
        drawn[-1]["png"] = _png(figure)
    return drawn


def _wanted(
    results: SearchResults, metric: str, shares: pd.DataFrame | None, history: Any
) -> Iterator[tuple[Callable[..., Any], tuple[float, float], str, str]]:
    """Yield the function, the size in inches, the alternative text and the caption of each plot."""
    from .. import plots

    if not results.names or not np.isfinite(results.mean(metric)).any():
        return
    names, varying = results.names, results.varying()
    n_panels = len(varying) or len(names)
    n_columns = min(3, n_panels)
    n_rows = -(-n_panels // n_columns)
    height = panel_height(Scale.of(name, results.values(name)) for name in varying)
    yield (
        partial(plots.SliceDisplay.from_search, results, metric=metric, n_columns=n_columns),
        (max(3.1 * n_columns, 4), height * n_rows + 0.6),
        "score against each hyperparameter",
        "The score against each hyperparameter. A bar is one standard deviation over folds. The "
        "star is the best candidate. A cross is a failed candidate.",
    )
    if len(varying) >= 2:
        ranked = _ranked(results, shares, varying)
        x, y = sorted(ranked[:2], key=varying.index)
        axes = sorted(ranked[:_MOST_AXES], key=varying.index)
        yield (
            partial(plots.CoverageDisplay.from_search, results, x, y, metric=metric),
            (5.6, 5.0),
            f"the values of {names[x]} and {names[y]} that were tried",
            "The tried values of two hyperparameters, and the score against each of them.",
        )
        yield (
            partial(plots.HeatmapDisplay.from_search, results, x, y, metric=metric),
            (6.4, 4.4),
            f"the best score over {names[x]} and {names[y]}",
            "The best score over two hyperparameters. A gray cell has no score.",
        )
        lines = plots.ParallelCoordinatesDisplay.from_search
        yield (
            partial(lines, results, axes, metric=metric),
            (max(4.5, min(1.6 * (len(axes) + 1), 12)), 4.0),
            "all candidates as lines through all hyperparameters",
            "All candidates. Each line is a candidate, and the thick line is the best candidate.",
        )
    if len(results) > 1:
        yield (
            partial(plots.OptimizationHistoryDisplay.from_search, results, metric=metric),
            (5.6, 3.6),
            "best score so far",
            "The best score so far, in the order of cv_results_.",
        )
    history = stored_history(results) if history is None else history
    if history is not None:
        yield (
            partial(plots.TrainingCurvesDisplay.from_history, history),
            (5.6, 5.2),
            "curves of training and validation",
            "The loss in each epoch. A line is the mean over folds, and a band is the range.",
        )


def _ranked(results: SearchResults, shares: pd.DataFrame | None, varying: list[str]) -> list[str]:
    """Order the hyperparameters by importance, or as in the search if it is not known."""
    full = {results.names[name]: name for name in varying}
    ranked = [] if shares is None else [full[name] for name in shares.index if name in full]
    return list(dict.fromkeys([*ranked, *varying]))


def _png(figure: Any) -> str:
    """Draw a figure with 256 colors, which needs a third of the bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # a dependency of matplotlib

    FigureCanvasAgg(figure)
    full, reduced = BytesIO(), BytesIO()
    figure.savefig(full, format="png", dpi=_PIXELS_PER_INCH)
    Image.open(full).convert("RGB").quantize(256).save(reduced, format="png", optimize=True)
    return base64.b64encode(reduced.getvalue()).decode()
