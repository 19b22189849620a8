"""Colors, axes, ticks and legends that all displays share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .scales import Scale, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# the palette of Okabe and Ito, which people with color blindness can distinguish
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
DARK = "#555555"  # for lines in a legend that do not belong to a candidate
PALE = "#EFEFEF"
SCORE_MAP = "viridis"
_INCHES_OF_CHARACTER = 0.085  # in the default font size of tick labels
_INCHES_OF_LINE = 0.17


def label_parameter(ax: Axes, scale: Scale, which: str) -> None:
    """Set the limits, scale, ticks and label of the x or y axis for a hyperparameter."""
    from matplotlib.ticker import NullLocator

    if scale.log:
        ax.set(**{f"{which}scale": "log"})
    longest = int(np.clip(_inches(ax, which) / _INCHES_OF_CHARACTER, 12, 40))
    ax.set(**{f"{which}lim": scale.limits, f"{which}label": shortened(scale.label, longest)})
    write_ticks(ax, which, _fitting_ticks(ax, scale, which), scale.categories is not None)
    getattr(ax, f"{which}axis").set_minor_locator(NullLocator())


def _fitting_ticks(ax: Axes, scale: Scale, which: str) -> list[tuple[float, str]]:
    """Choose ticks so that their labels do not overlap along the axis."""
    room = _inches(ax, which)
    if which == "y":
        return scale.ticks(max(2, int(room / _INCHES_OF_LINE / (1 if scale.categories else 2))))
    # the layout uses some of this space for the labels of the y axis
    beside = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
    room -= beside * _INCHES_OF_CHARACTER
    if scale.categories is not None:
        return scale.ticks(max(2, int(room / _INCHES_OF_LINE)))
    for most in range(8, 1, -1):
        ticks = scale.ticks(most)
        if sum(len(text) + 1 for _, text in ticks) * _INCHES_OF_CHARACTER <= room:
            break
    if len(ticks) < 2:  # one tick does not show the scale, so two ticks of the finest choice
        finest = scale.ticks(8)
        ticks = finest[:: max(-(-len(finest) // 2), 1)]
    return ticks


def write_ticks(
    ax: Axes, which: str, ticks: Sequence[tuple[float, str]], may_turn: bool = True
) -> None:
    """Write ticks; labels of the x axis are rotated if they are too long to fit side by side."""
    places, texts = [place for place, _ in ticks], [text for _, text in ticks]
    turned: dict[str, Any] = {}
    each = _inches(ax, "x") / max(len(texts), 1)
    longest = max(map(len, texts), default=0)
    if which == "x" and may_turn and (longest + 1) * _INCHES_OF_CHARACTER > each:
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        if each < 1.6 * _INCHES_OF_LINE:
            turned = {"rotation": 90}
    getattr(ax, f"{which}axis").set_ticks(places, texts, **turned)


def score_label(metric: str, what: str = "mean test") -> str:
    """Get the label of a score for an axis."""
    return f"{what} {metric.replace('neg_', 'negative ', 1).replace('_', ' ')}"


def short_score_label(metric: str) -> str:
    """Get a short label of a score."""
    return shortened(metric.replace("neg_", "neg. ", 1).replace("_", " "), 14)


def score_limits(scores: np.ndarray, spread: float | np.ndarray = 0.0) -> tuple[float, float]:
    """Get the ends of an axis of scores, with a margin and space for error bars of `spread`."""
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
    """Get the range of scores that the colors cover, without extremely bad scores.

    The range begins at the worst score, but at most 15 times as far below the best score as the
    median score is. The range is never empty.
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


def score_norm(scores: np.ndarray) -> Normalize:
    """Map scores to [0, 1]; scores outside `score_color_limits` are mapped to the ends."""
    from matplotlib.colors import Normalize

    return Normalize(*score_color_limits(scores), clip=True)


def score_colors(scores: np.ndarray) -> np.ndarray:
    """Get the color of each score, RGBA of shape (n_candidates, 4)."""
    from matplotlib import colormaps

    return colormaps[SCORE_MAP](score_norm(scores)(scores).filled(np.nan))


def score_axis(
    ax: Axes, which: Literal["x", "y"], limits: tuple[float, float], n_ticks: int | None = None
) -> None:
    """Set the limits of an axis of scores, and the largest number of ticks."""
    from matplotlib.ticker import MaxNLocator

    ax.set(**{f"{which}lim": limits})
    if n_ticks is not None:
        (ax.xaxis if which == "x" else ax.yaxis).set_major_locator(MaxNLocator(n_ticks))
    plain_ticks(ax, which)


def plain_ticks(ax: Axes, which: Literal["x", "y"]) -> None:
    """Write the numbers of an axis in full, because an offset would overlap with the legend."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    if 1e-3 <= np.abs(axis.get_view_interval()).max() < 1e6:
        ax.ticklabel_format(axis=which, style="plain", useOffset=False)
    else:
        axis.set_major_formatter("{x:.4g}")


def name_length(ax: Axes, n: int) -> int:
    """Get the number of characters that fit above each of `n` columns."""
    spare = 2 if ax.figure.get_layout_engine() else -1  # a layout engine widens the axes
    return int(np.clip(_inches(ax, "x") / n / _INCHES_OF_CHARACTER + spare, 6, 16))


def mark_outside(ax: Axes, x: np.ndarray, scores: np.ndarray) -> None:
    """Mark failed candidates, and candidates with a score below the axis, at the lower edge."""
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
                label=f"{which.sum():,} {label}",
            )


def point_size(n: int) -> float:
    """Get the area of a point in square points; with fewer points, each point is larger."""
    return float(np.clip(1500 / max(n, 1), 9, 40))


def n_lines(ax: Axes) -> int:
    """Get the number of lines of text that fit above each other, with a gap between them."""
    return max(2, int(_inches(ax, "y") / (1.5 * _INCHES_OF_LINE)))


def best_label(decided: bool) -> str:
    """Get the legend label of the best candidate; it says if the folds are too few to decide."""
    return "best" if decided else "best (too few folds to decide)"


def legend_in_corner(ax: Axes, of: Axes) -> None:
    """Draw the legend of other axes in the free space to the right of these axes."""
    handles, labels = of.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    look: dict[str, Any] = {"frameon": False, "fontsize": "small", "handletextpad": 0.1}
    ax.legend(handles, labels, **place, **look).set_in_layout(False)


def legend_outside(
    ax: Axes, title: str | None = None, *, of: Sequence[Axes] | None = None, below: bool = False
) -> None:
    """Draw the legend above or below the axes, where it covers nothing.

    With `of`, the legend also has the labels of these other panels, each label once, and may be as
    wide as all panels together. Without labels there is no legend.
    """
    handles, labels = ax.get_legend_handles_labels()
    for axes in of or ():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    if not handles:
        return
    n_rows = legend_rows(labels, max(_reach(ax, each) for each in (of or [ax])))
    legend = ax.legend(
        handles,
        labels,
        title=title,
        alignment="left",
        loc="upper left" if below else "lower left",
        bbox_to_anchor=(0, 0.0 if below else 1.0),
        ncols=-(-len(labels) // n_rows),
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
        columnspacing=1.2,
        title_fontsize="small",
    )
    if of is not None:  # the legend is wider than its axes; a title reserves the space above them
        legend.set_in_layout(False)
        ax.set_title("\n".join(" " * (n_rows + 1)), fontsize="small")


def legend_rows(labels: Sequence[str], inches: float) -> int:
    """Get the number of rows of a legend with this width."""
    columns = int(max(inches, 1) / (max(map(len, labels)) + 5) / _INCHES_OF_CHARACTER)
    return -(-len(labels) // max(columns, 1))


def rows_inches(n_rows: int) -> float:
    """Get the height in inches of a number of legend rows."""
    return 1.15 * _INCHES_OF_LINE * n_rows


def height(ax: Axes) -> float:
    """Get the height of the axes in inches, before a layout engine makes space for labels."""
    return _inches(ax, "y")


def has_room(ax: Axes, n_characters: int, shape: tuple[int, int]) -> bool:
    """Tell whether a text fits into each cell of a table with this shape."""
    n_rows, n_columns = shape
    return n_characters * 0.9 * _INCHES_OF_CHARACTER * n_columns <= _inches(
        ax, "x"
    ) and n_rows * _INCHES_OF_LINE <= _inches(ax, "y")


def _reach(ax: Axes, last: Axes) -> float:
    """Get the distance in inches from the left of one axes to the right of another."""
    left, right = (each.get_position().transformed(ax.figure.transSubfigure) for each in (ax, last))
    return float((right.x1 - left.x0) / ax.figure.dpi)


def _inches(ax: Axes, which: str) -> float:
    """Get the length of an axis in inches, before a layout engine makes space for labels."""
    box = ax.get_position().transformed(ax.figure.transSubfigure)
    return float((box.width if which == "x" else box.height) / ax.figure.dpi)
