"""Every picture that applies to a search, as PNG."""

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

_PIXELS_PER_INCH = 100
_MOST_AXES = 10  # of the picture with all candidates as lines


def pictures(
    results: SearchResults, metric: str, shares: pd.DataFrame | None, history: Any
) -> list[dict[str, Any]] | None:
    """Draw what there is to see, for the macro ``figure``; None without matplotlib.

    `shares` are what `importance` gave, to choose the two hyperparameters of the pictures of two;
    `history` is what the training curves are drawn from, None for none.
    """
    if find_spec("matplotlib") is None:
        return None
    return _drawn(_wanted(results, metric, shares, history))


def compared_pictures(
    searches: Mapping[str, SearchResults], metric: str | None
) -> list[dict[str, Any]] | None:
    """Draw several searches in one picture, against candidates and against time."""
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
            f"How fast each search got there, against {what}.",
        )
        for unit, what in units.items()
    ]
    return _drawn(wanted)


def _drawn(
    wanted: Iterable[tuple[Callable[..., Any], tuple[float, float], str, str]],
) -> list[dict[str, Any]]:
    """Draw pictures, each on axes of a figure of its size."""
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
    """Yield for each picture: what draws it, its size in inches, alternative text, caption."""
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
        "The score against each hyperparameter. Bars: one standard deviation over folds. "
        "Star: the best. Crosses: failed.",
    )
    if len(varying) >= 2:
        ranked = _ranked(results, shares, varying)
        x, y = sorted(ranked[:2], key=varying.index)
        axes = sorted(ranked[:_MOST_AXES], key=varying.index)
        yield (
            partial(plots.CoverageDisplay.from_search, results, x, y, metric=metric),
            (5.6, 5.0),
            f"the values of {names[x]} and {names[y]} that were tried",
            "Which points were tried, and their projections.",
        )
        yield (
            partial(plots.HeatmapDisplay.from_search, results, x, y, metric=metric),
            (6.4, 4.4),
            f"the best score over {names[x]} and {names[y]}",
            "The best score over two hyperparameters. Gray: nothing tried.",
        )
        lines = plots.ParallelCoordinatesDisplay.from_search
        yield (
            partial(lines, results, axes, metric=metric),
            (max(4.5, min(1.6 * (len(axes) + 1), 12)), 4.0),
            "all candidates as lines through all hyperparameters",
            "All candidates at once: each is a line, the best is thick.",
        )
    if len(results) > 1:
        yield (
            partial(plots.OptimizationHistoryDisplay.from_search, results, metric=metric),
            (5.6, 3.6),
            "best score so far",
            "How fast the search got there, in the order of cv_results_.",
        )
    if history is not None:
        yield (
            partial(plots.TrainingCurvesDisplay.from_history, history),
            (5.6, 5.2),
            "curves of training and validation",
            "The loss epoch by epoch: mean over folds, band for their range.",
        )


def _ranked(results: SearchResults, shares: pd.DataFrame | None, varying: list[str]) -> list[str]:
    """Order the hyperparameters by what they mattered, or as in the search if that is not known."""
    full = {results.names[name]: name for name in varying}
    ranked = [] if shares is None else [full[name] for name in shares.index if name in full]
    return list(dict.fromkeys([*ranked, *varying]))


def _png(figure: Any) -> str:
    """Draw a figure with 256 colors, which takes a third of the bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib needs it

    FigureCanvasAgg(figure)
    full, reduced = BytesIO(), BytesIO()
    figure.savefig(full, format="png", dpi=_PIXELS_PER_INCH)
    Image.open(full).convert("RGB").quantize(256).save(reduced, format="png", optimize=True)
    return base64.b64encode(reduced.getvalue()).decode()
