"""What all pictures share: axes to draw on, colors, score axes, ticks that do not run together."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from .scales import Scale, shortened

if TYPE_CHECKING:
    from ..cv_results.search_results import SearchResults

# Okabe and Ito's palette, told apart in all common kinds of color blindness
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#000000",
)
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
GRAY = "#8C8C8C"
DARK = "#555555"  # of what stands for no candidate
PALE = "#EFEFEF"
SCORE_MAP = "viridis"
_INCHES_OF_CHARACTER = 0.085  # at the usual size of tick labels
_INCHES_OF_LINE = 0.17


def needs_matplotlib(what: str) -> None:
    """Raise an ImportError that says how to get matplotlib, if it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{what} needs matplotlib: pip install 'kerasearch[plot]' or pip install matplotlib"
        ) from error


def one_axes(ax: Any, size: tuple[float, float]) -> Any:
    """Get the axes to draw on: those given, or new ones of that size in inches."""
    if ax is not None:
        return _checked(ax)
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def several_axes(ax: Any, n: int, n_columns: int, size: tuple[float, float]) -> np.ndarray:
    """Get `n` axes: those given, a grid in the place of the one given, or a new figure.

    Parameters
    ----------
    ax : Axes, sequence of Axes or None
    n : int
    n_columns : int
    size : (float, float)
        Width and height of each panel, in inches, in a new figure.
    """
    if not isinstance(n_columns, Integral) or n_columns < 1:
        raise ValueError(f"n_columns={n_columns!r}: expected a number of panels, 1 or more")
    n_columns = min(int(n_columns), n)
    n_rows = -(-n // n_columns)
    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(
            figsize=(max(size[0] * n_columns, 4), size[1] * n_rows), layout="constrained"
        )
        places = figure.add_gridspec(n_rows, n_columns)
    elif isinstance(ax, Sequence | np.ndarray):
        given = np.ravel(np.asarray(ax, dtype=object))
        if len(given) != n:
            raise ValueError(f"ax has {len(given)} axes and there are {n} panels to draw")
        for each in given:
            _checked(each)
        return given
    elif n == 1:
        return np.array([_checked(ax)], dtype=object)
    elif _checked(ax).get_subplotspec() is None:
        raise ValueError(f"ax must be {n} axes, one a panel, or one axes made by subplots")
    else:
        figure = ax.figure
        ax.set_axis_off()
        # without a layout engine nothing else keeps labels off the panels below and beside
        room = {} if figure.get_layout_engine() else {"hspace": 0.6, "wspace": 0.15}
        places = ax.get_subplotspec().subgridspec(n_rows, n_columns, **room)
    axes = [figure.add_subplot(places[divmod(i, n_columns)]) for i in range(n)]
    return np.array(axes, dtype=object)


def _checked(ax: Any) -> Any:
    if not hasattr(ax, "get_subplotspec"):
        raise TypeError(f"ax={ax!r}: expected matplotlib Axes or None")
    return ax


def two_parameters(results: SearchResults, x: str | None, y: str | None) -> tuple[str, str | None]:
    """Find the full names of the parameters to draw; None stands for the first ones that vary."""
    x = None if x is None else results.parameter(x)
    y = None if y is None else results.parameter(y)
    if x is not None and x == y:
        raise ValueError(f"x and y are both {x!r}: a picture of one parameter is SliceDisplay")
    free = [name for name in [*results.varying(), *results.names] if name not in (x, y)]
    free = list(dict.fromkeys(free))
    if x is None:
        if not free:
            raise ValueError("the search has no other parameter to draw against y")
        x = free.pop(0)
    if y is None and free:
        y = free[0]
    return x, y


def several_parameters(results: SearchResults, names: Sequence[str] | str | None) -> list[str]:
    """Find the full names of the parameters to draw; None stands for all that vary."""
    if names is None:
        chosen = results.varying() or list(results.names)
    else:
        given = [names] if isinstance(names, str) else list(names)
        chosen = list(dict.fromkeys(results.parameter(name) for name in given))
    if not chosen:
        raise ValueError("there are no parameters to draw: the candidates have none")
    return chosen


def label_parameter(ax: Any, scale: Scale, which: str) -> None:
    """Set limits, scale, ticks and label of the x or y axis for a hyperparameter."""
    is_x = which == "x"
    axis = ax.xaxis if is_x else ax.yaxis
    if scale.log:
        (ax.set_xscale if is_x else ax.set_yscale)("log")
    (ax.set_xlim if is_x else ax.set_ylim)(*scale.limits)
    longest = max(12, int(_inches(ax, which) / _INCHES_OF_CHARACTER))
    (ax.set_xlabel if is_x else ax.set_ylabel)(shortened(scale.label, min(longest, 40)))
    write_ticks(ax, which, fitting_ticks(ax, scale, which), scale.categories is not None)
    axis.set_minor_locator(_null_locator())


def fitting_ticks(ax: Any, scale: Scale, which: str) -> list[tuple[float, str]]:
    """Choose ticks whose labels have room along the axis."""
    room = _inches(ax, which)
    if which == "x":  # the layout gives the labels of the y axis some of it
        beside = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
        room -= beside * _INCHES_OF_CHARACTER
    if which == "y" or scale.categories is not None:
        return scale.ticks(max(2, int(room / _INCHES_OF_LINE / (1 if scale.categories else 2))))
    for most in range(8, 1, -1):
        ticks = scale.ticks(most)
        if sum(len(text) + 1 for _, text in ticks) * _INCHES_OF_CHARACTER <= room:
            break
    if len(ticks) < 2:  # which would give no scale: two of the finest
        finest = scale.ticks(8)
        ticks = finest[:: max(-(-len(finest) // 2), 1)]
    return ticks


def write_ticks(
    ax: Any, which: str, ticks: Sequence[tuple[float, str]], may_turn: bool = True
) -> None:
    """Write at these places; on the x axis turned, where the labels are too long side by side."""
    places, texts = [place for place, _ in ticks], [text for _, text in ticks]
    if which == "y":
        ax.set_yticks(places, texts)
        return
    if not may_turn:
        ax.set_xticks(places, texts)
        return
    longest = max(map(len, texts), default=0)
    each = _inches(ax, "x") / max(len(texts), 1)
    if (longest + 1) * _INCHES_OF_CHARACTER <= each:
        ax.set_xticks(places, texts)
    else:
        turn = 90 if each < 1.6 * _INCHES_OF_LINE else 35
        align = "center" if turn == 90 else "right"
        ax.set_xticks(places, texts, rotation=turn, ha=align, rotation_mode="default")
        if turn == 35:
            for text in ax.get_xticklabels():
                text.set_rotation_mode("anchor")


def score_label(metric: str, what: str = "mean test") -> str:
    """Name a score on an axis."""
    return f"{what} {metric.replace('neg_', 'negative ', 1).replace('_', ' ')}"


def short_score_label(metric: str) -> str:
    """Name a score where there is little room."""
    return shortened(metric.replace("neg_", "neg. ", 1).replace("_", " "), 14)


def score_limits(scores: np.ndarray, spread: float | np.ndarray = 0.0) -> tuple[float, float]:
    """Ends of an axis of scores, with a margin and room for the bars of `spread`."""
    known = np.isfinite(scores)
    low, high = score_color_limits(scores)
    if not known.any():
        return low, high
    reach = np.broadcast_to(spread, scores.shape)
    tops, feet = (scores + reach)[known], (scores - reach)[known & (scores >= low)]
    high = max(high, float(tops.max()))
    foot = float(feet.min()) if np.ptp(scores[known]) else min(low, float(feet.min()))
    low = max(foot, low - 0.5 * (high - low))
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def score_color_limits(scores: np.ndarray) -> tuple[float, float]:
    """Worst and best score that are worth telling apart; far outliers do not flatten the rest.

    The range ends at the worst score, or where the distance to the best is 15 times that of the
    median candidate. It is never empty.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return 0.0, 1.0
    best, worst, middle = finite.max(), finite.min(), np.median(finite)
    if middle < best:
        worst = max(worst, best - 15 * (best - middle))
    if worst == best:
        margin = 0.01 * abs(best) or 0.1
        worst, best = worst - margin, best + margin
    return float(worst), float(best)


def score_colors(scores: np.ndarray) -> Any:
    """Make the mapping from score to color."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(*score_color_limits(scores), clip=True), SCORE_MAP)


def plain_ticks(ax: Any, which: str) -> None:
    """Write the scores of an axis in full: an offset or a power would run into the legend."""
    from matplotlib.ticker import ScalarFormatter, StrMethodFormatter

    ends = np.abs(ax.get_xlim() if which == "x" else ax.get_ylim())
    axis = ax.xaxis if which == "x" else ax.yaxis
    if not 1e-3 <= ends.max() < 1e6:
        axis.set_major_formatter(StrMethodFormatter("{x:.4g}"))
        return
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_formatter(formatter)


def name_length(ax: Any, n: int) -> int:
    """How many characters have room over each of `n` columns."""
    spare = 2 if ax.figure.get_layout_engine() else -1  # a layout widens the axes
    return int(np.clip(_inches(ax, "x") / n / _INCHES_OF_CHARACTER + spare, 6, 16))


def mark_outside(ax: Any, x: np.ndarray, scores: np.ndarray) -> None:
    """Mark at the lower edge the candidates that failed, or whose score is below the axis."""
    low = ax.get_ylim()[0]
    failed = np.isnan(scores) | np.isneginf(scores)
    below = ~failed & (scores < low)
    for which, marker, color, label in (
        (failed, "x", VERMILION, "failed"),
        (below, "v", GRAY, "below the axis"),
    ):
        if (which & np.isfinite(x)).any():
            ax.scatter(
                x[which],
                np.full(which.sum(), 0.02),
                transform=ax.get_xaxis_transform(),
                marker=marker,
                s=22,
                color=color,
                linewidths=1.2,
                clip_on=False,
                zorder=4,
                label=label,
            )


def point_size(n: int) -> float:
    """Area of a point in square points: large where there are few."""
    return float(np.clip(1500 / max(n, 1), 9, 40))


def n_lines(ax: Any) -> int:
    """How many lines of text have room one above the other, with a gap between them."""
    return max(2, int(_inches(ax, "y") / (1.5 * _INCHES_OF_LINE)))


def legend_outside(ax: Any, title: str | None = None) -> None:
    """Write the legend above the axes, where it covers nothing; none for no labels."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    width = sum(len(label) + 5 for label in labels) * _INCHES_OF_CHARACTER
    n_rows = max(1, round(width / max(_inches(ax, "x"), 1) + 0.49))
    ax.legend(
        handles,
        labels,
        title=title,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=-(-len(labels) // n_rows),
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
        columnspacing=1.2,
    )


def has_room(ax: Any, n_characters: int, shape: tuple[int, int]) -> bool:
    """Tell whether a text fits into each cell of a table of that shape."""
    n_rows, n_columns = shape
    return n_characters * 0.9 * _INCHES_OF_CHARACTER * n_columns <= _inches(
        ax, "x"
    ) and n_rows * _INCHES_OF_LINE <= _inches(ax, "y")


def _inches(ax: Any, which: str) -> float:
    """Length of an axis, before the layout makes room for labels."""
    box = ax.get_position().transformed(ax.figure.transSubfigure)
    return float((box.width if which == "x" else box.height) / ax.figure.dpi)


def _null_locator() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()
