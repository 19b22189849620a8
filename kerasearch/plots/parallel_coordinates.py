"""Parallel coordinates: all hyperparameters of all candidates in one plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cv_results.reading import SearchLike, read
from . import drawing
from .display import SearchDisplay, require_matplotlib, several_parameters
from .scales import Scale, enough_digits, number, shortened

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class ParallelCoordinatesDisplay(SearchDisplay):
    """Plot each candidate as a line through the values of its hyperparameters to its score.

    The plot has a vertical axis for each hyperparameter, and the last axis is the score. The color
    of a line is the score. The best candidates are drawn last, and the line of the best candidate
    is thick. The line of a failed candidate is dotted and ends before the score. A line has a gap
    at a hyperparameter that the candidate does not have.

    Use `from_search` to make a display.

    Parameters
    ----------
    values : mapping of str to sequence of length n_candidates
        The values of each hyperparameter by its name, in the order of the axes.
    scores : array-like of shape (n_candidates,)
        The mean test scores; NaN for a failed candidate.
    metric : str, default="score"
        The name of the score.
    best : int, default=None
        The number of the best candidate. None uses the candidate with the largest score.
    decided : bool, default=True
        Whether the folds are enough to compare candidates with the best one, according to
        `compare`. If not, the legend says so.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : matplotlib LineCollection
        One line for each candidate with a score, the best candidate last.

    See Also
    --------
    SliceDisplay : The score against each hyperparameter, in one panel each.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import ParallelCoordinatesDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=3)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = ParallelCoordinatesDisplay.from_search(search, ["C", "gamma"])
    >>> len(display.lines_.get_paths())
    6
    """

    values: Mapping[str, Sequence[Any]]
    scores: np.ndarray
    _: KW_ONLY
    metric: str = "score"
    best: int | None = None
    decided: bool = True

    def __post_init__(self) -> None:
        self.scores = np.asarray(self.scores, dtype=float)

    @classmethod
    def from_search(
        cls,
        search: SearchLike,
        parameters: Sequence[str] | str | None = None,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Make the plot from a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        parameters : str or sequence of str, default=None
            Short or full names of hyperparameters, in the order of the axes. None uses all
            hyperparameters that vary.
        metric : str, default=None
            The metric to plot. None uses the metric that `refit` of the search names, or else the
            first metric.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : ParallelCoordinatesDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search was not fitted.
        ValueError
            If the search has no such hyperparameter or metric.
        """
        require_matplotlib(cls)
        return cls(**several_parameters(read(search), parameters, metric)).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        return max(4.5, 1.6 * (len(self.values) + 1)), 3.8

    def _draw(self, ax: Axes) -> None:
        from matplotlib.collections import LineCollection

        scales = [Scale.of(name, values) for name, values in self.values.items()]
        low, high = drawing.score_color_limits(self.scores)
        failed = ~np.isfinite(self.scores)
        shown = np.clip(np.where(failed, np.nan, self.scores), low, high)
        heights = [*(scale.unit(scale.positions) for scale in scales), (shown - low) / (high - low)]
        places = np.broadcast_to(np.arange(len(heights)), (len(shown), len(heights)))
        lines = np.stack([places, np.array(heights).T], axis=-1)
        if failed.any():
            style: dict[str, Any] = {"colors": drawing.GRAY, "linestyles": ":", "linewidths": 0.9}
            style["label"] = "failed"
            ax.add_collection(LineCollection(list(lines[failed, :-1]), **style))
            if len(scales) == 1:  # a line with one point would be invisible
                ax.scatter(*lines[failed, 0].T, marker="x", color=drawing.VERMILION, zorder=3)
        order = np.argsort(np.where(failed, -np.inf, self.scores), kind="stable")[failed.sum() :]
        colors = drawing.score_colors(self.scores)[order]
        n = max(len(order), 1)
        colors[:, 3] = np.linspace(np.clip(40 / n, 0.25, 0.9), 0.95, len(colors))
        width = float(np.clip(60 / n, 0.7, 1.6))
        self.lines_ = LineCollection(list(lines[order]), colors=colors, linewidths=width)
        ax.add_collection(self.lines_)
        if len(order):
            best = lines[order[-1] if self.best is None else self.best]
            label = drawing.best_label(self.decided)
            for color, width, name in (("white", 5.0, None), (drawing.VERMILION, 2.6, label)):
                ax.plot(*best.T, color=color, linewidth=width, label=name, solid_capstyle="round")
        self._draw_axes(ax, scales, low, high)
        drawing.legend_outside(ax, below=True)

    def _draw_axes(self, ax: Axes, scales: Sequence[Scale], low: float, high: float) -> None:
        """Draw a vertical axis with ticks for each hyperparameter and for the score."""
        room = drawing.n_lines(ax)
        ends = np.linspace(low, high, 5)
        ticks = [
            [(float(scale.unit(np.array([p]))[0]), text) for p, text in scale.ticks(room)]
            for scale in scales
        ]
        digits = enough_digits(ends)
        ticks.append([(i / 4, number(end, digits)) for i, end in enumerate(ends)])
        for i, places in enumerate(ticks):
            ax.axvline(i, color="black", linewidth=0.9, zorder=2.5)
            for height, text in places:
                ax.plot([i, i + 0.02], [height, height], color="black", linewidth=0.9, zorder=4)
                ax.annotate(
                    text,
                    (i, height),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                    zorder=6,
                    bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
                )
        longest = drawing.name_length(ax, len(ticks))
        names = [shortened(scale.label, longest) for scale in scales]
        names.append(shortened(drawing.short_score_label(self.metric), longest))
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.1, len(names) - 1 + 0.45)
        ax.set_ylim(-0.05, 1.05)
        ax.set_yticks([])
        ax.tick_params(axis="x", length=0, labeltop=True, labelbottom=False)
        ax.spines[:].set_visible(False)
