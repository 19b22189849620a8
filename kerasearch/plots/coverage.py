"""Which points of two hyperparameters were tried."""

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
    """Which points of two hyperparameters a search tried, and their projections on each axis.

    The picture that tells a grid from a random search (Bergstra & Bengio 2012, figure 1): nine
    candidates of a grid try three values of each hyperparameter, nine random ones try nine. Above
    and to the right, each candidate is projected: its value of one hyperparameter against its
    score. Color is the score, everywhere the same. Crosses are candidates that failed.

    Use `from_search` to make one.

    Parameters
    ----------
    x, y : sequence of shape (n_candidates,)
        Values of two hyperparameters. With ``y=None`` the score takes its place.
    scores : array-like of shape (n_candidates,)
        Mean test scores; NaN where a candidate failed.
    x_name, y_name : str
        Names of the hyperparameters.
    metric : str, default="score"
        Name of the score.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the points.
    axes_ : ndarray of Axes
        The axes with the points, with the projection above and, if there is one, to the right.
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
        The points that have a score; the best are drawn last.

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
        """Draw the candidates of a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        x, y : str, default=None
            Names of two hyperparameters, short or full. None takes the one that matters most, by
            `importance`, of those that vary.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        ax : matplotlib Axes, default=None
            Axes to draw on. Those of a grid of subplots give some of their room to the projections;
            others need room above and to the right. None makes a figure.

        Returns
        -------
        display : CoverageDisplay
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
    """Make axes above and to the right, in the room of `ax` if it is part of a grid."""
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
    """Points colored by score, the best on top, and crosses where there is no score."""
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
    """One hyperparameter against the score, with a line at each value that was tried."""
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
