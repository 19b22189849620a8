"""Scatter plot of the tried values of two hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils.text import counted
from ..cv_results.reading import SearchLike, read
from . import drawing
from .display import SearchDisplay, require_matplotlib, two_parameters
from .scales import Scale, shortened

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection


@dataclass(eq=False, repr=False)
class CoverageDisplay(SearchDisplay):
    """Plot the values of two hyperparameters that a search tried, and their projections.

    The plot shows the difference between a grid and a random search (Bergstra & Bengio 2012,
    figure 1): nine candidates of a grid try three values of each hyperparameter, but nine random
    candidates try nine values. The panels above and to the right show the score against the values
    of one hyperparameter. The color of a point is its score in all panels. A cross is a failed
    candidate.

    Use `from_search` to make a display.

    Parameters
    ----------
    x, y : sequence of length n_candidates
        The values of two hyperparameters. With ``y=None`` the vertical axis is the score.
    scores : array-like of shape (n_candidates,)
        The mean test scores; NaN for a failed candidate.
    x_name : str
        The name of the hyperparameter on the horizontal axis.
    y_name : str or None, default=None
        The name of the hyperparameter on the vertical axis.
    metric : str, default="score"
        The name of the score.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the points.
    axes_ : ndarray of Axes, shape (3,) or (1,)
        The axes with the points, the panel above, and the panel to the right. Without a second
        hyperparameter there are no panels.
    figure_ : matplotlib Figure
        The figure of the axes.
    points_ : matplotlib PathCollection
        The points of candidates with a score. The best candidates are drawn last.

    See Also
    --------
    HeatmapDisplay : The score over two hyperparameters as cells.

    References
    ----------
    Bergstra, J. and Bengio, Y. (2012). Random search for hyper-parameter optimization. Journal of
    Machine Learning Research 13, 281-305.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import CoverageDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1, 1]}, cv=3)
    >>> display = CoverageDisplay.from_search(search.fit(*load_iris(return_X_y=True)))
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('C', 'gamma')
    """

    x: Sequence[Any]
    y: Sequence[Any] | None
    scores: np.ndarray
    _: KW_ONLY
    x_name: str
    y_name: str | None = None
    metric: str = "score"

    def __post_init__(self) -> None:
        self.scores = np.asarray(self.scores, dtype=float)

    @classmethod
    def from_search(
        cls,
        search: SearchLike,
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Make the plot from a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        x, y : str, default=None
            Short or full names of two hyperparameters. None chooses the hyperparameters that vary
            and are the most important according to `importance`.
        metric : str, default=None
            The metric to plot. None uses the metric that `refit` of the search names, or else the
            first metric.
        ax : matplotlib Axes, default=None
            The axes to draw on. Axes in a grid of subplots share their space with the two panels.
            Other axes need free space above and to the right. None makes a new figure.

        Returns
        -------
        display : CoverageDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search was not fitted.
        ValueError
            If the search has no such hyperparameter or metric, or if `x` and `y` are the same.
        """
        require_matplotlib(cls)
        return cls(**two_parameters(read(search), x, y, metric)).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        return 5.6, 5.0

    def _draw(self, ax: Axes) -> None:
        x = Scale.of(self.x_name, self.x)
        colors = drawing.score_colors(self.scores)
        if self.y is None:
            self.axes_ = np.array([ax])
            drawing.label_parameter(ax, x, "x")
            self.points_ = _project(ax, x.positions, self.scores, colors, "x")
            ax.set_ylabel(drawing.score_label(self.metric))
            drawing.mark_outside(ax, x.positions, self.scores)
            return
        y = Scale.of(self.y_name or "", self.y)
        above, right = _axes_beside(ax)
        self.axes_ = np.array([ax, above, right])
        drawing.label_parameter(ax, y, "y")
        drawing.label_parameter(ax, x, "x")
        self.points_ = _scatter(ax, x.positions, y.positions, self.scores, colors)
        _project(above, x.positions, self.scores, colors, "x")
        _project(right, y.positions, self.scores, colors, "y")
        above.tick_params(axis="x", labelbottom=False, length=0)
        right.tick_params(axis="y", labelleft=False, length=0)
        above.set_ylabel(drawing.short_score_label(self.metric))
        right.set_xlabel(drawing.short_score_label(self.metric))
        right.tick_params(axis="x", rotation=90)
        above.set_title(_how_many(x), fontsize="medium")
        right.text(1.1, 0.5, _how_many(y), va="center", rotation=270, transform=right.transAxes)
        if not np.isfinite(self.scores).all():
            drawing.legend_in_corner(above, ax)


def _axes_beside(ax: Axes) -> tuple[Axes, Axes]:
    """Make axes above and to the right; they share the space of `ax` if it is in a grid."""
    place = ax.get_subplotspec()
    if place is None:
        above = ax.inset_axes((0, 1.04, 1, 0.24), sharex=ax)
        return above, ax.inset_axes((1.04, 0, 0.24, 1), sharey=ax)
    ratios = {"width_ratios": (4, 1), "height_ratios": (1, 4), "wspace": 0.04, "hspace": 0.04}
    places = place.subgridspec(2, 2, **ratios)
    ax.set_subplotspec(places[1, 0])
    above = ax.figure.add_subplot(places[0, 0], sharex=ax)
    return above, ax.figure.add_subplot(places[1, 1], sharey=ax)


def _scatter(
    ax: Axes, x: np.ndarray, y: np.ndarray, scores: np.ndarray, colors: np.ndarray
) -> PathCollection:
    """Draw points colored by score, the best on top, and crosses for failed candidates."""
    size = drawing.point_size(len(scores))
    failed = ~np.isfinite(scores)
    if failed.any():
        crosses: dict[str, Any] = {"marker": "x", "color": drawing.VERMILION, "label": "failed"}
        ax.scatter(x[failed], y[failed], s=size, zorder=2, **crosses)
    order = np.argsort(np.where(failed, -np.inf, scores), kind="stable")[failed.sum() :]
    style: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.3, "zorder": 3}
    return ax.scatter(x[order], y[order], s=size, c=colors[order], **style)


def _project(
    ax: Axes, positions: np.ndarray, scores: np.ndarray, colors: np.ndarray, along: str
) -> PathCollection:
    """Draw the score against one hyperparameter, with a line at each tried value."""
    low, high = drawing.score_limits(scores)
    lines = np.unique(positions[np.isfinite(positions)])
    style: dict[str, Any] = {"color": drawing.GRAY, "linewidth": 0.6, "zorder": 1}
    style["alpha"] = float(np.clip(25 / max(len(lines), 1), 0.08, 0.6))
    shown = scores >= low
    if along == "x":
        ax.vlines(lines, low, high, **style)
        drawing.score_axis(ax, "y", (low, high), n_ticks=3)
        x, y = positions, scores
    else:
        ax.hlines(lines, low, high, **style)
        drawing.score_axis(ax, "x", (low, high), n_ticks=3)
        x, y = scores, positions
    return _scatter(ax, x[shown], y[shown], scores[shown], colors[shown])


def _how_many(scale: Scale) -> str:
    return f"{counted(len(scale.distinct), 'value')} of {shortened(scale.label, 30)}"
