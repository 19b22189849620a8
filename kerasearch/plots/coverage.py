"""Which points of two hyperparameters were tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cv_results.reading import read
from . import drawing as drawing
from .scales import Scale, shortened


class CoverageDisplay:
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
        Axes with the points.
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

    def __init__(
        self,
        x: Sequence[Any],
        y: Sequence[Any] | None,
        scores: Any,
        *,
        x_name: str,
        y_name: str | None = None,
        metric: str = "score",
    ) -> None:
        self.x = x
        self.y = y
        self.scores = np.asarray(scores, dtype=float)
        self.x_name = x_name
        self.y_name = y_name
        self.metric = metric

    @classmethod
    def from_search(
        cls,
        search: Any,
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str | None = None,
        ax: Any = None,
    ) -> CoverageDisplay:
        """Draw the candidates of a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        x, y : str, default=None
            Names of two hyperparameters, short or full. None takes the first that varies.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        ax : matplotlib Axes, default=None
            Axes to draw on. Those of a grid of subplots give some of their room to the projections;
            others need room above and to the right. None makes a figure.

        Returns
        -------
        display : CoverageDisplay
        """
        drawing.needs_matplotlib(cls.__name__)
        results = read(search)
        x, y = drawing.two_parameters(results, x, y)
        return cls(
            results.values(x),
            None if y is None else results.values(y),
            results.mean(metric),
            x_name=results.names[x],
            y_name=None if y is None else results.names[y],
            metric=results.metric_label(metric),
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> CoverageDisplay:
        """Draw on `ax`, or on axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : CoverageDisplay
            This object, with the attributes that end in ``_``.
        """
        drawing.needs_matplotlib(type(self).__name__)
        ax = drawing.one_axes(ax, (5.6, 5.0))
        self.ax_, self.figure_, self.axes_ = ax, ax.figure, np.array([ax], dtype=object)
        x = Scale.of(self.x_name, self.x)
        colors = drawing.score_colors(self.scores).to_rgba(self.scores)
        if self.y is None:
            drawing.label_parameter(ax, x, "x")
            _project(ax, x.positions, self.scores, colors, "x")
            ax.set_ylabel(drawing.score_label(self.metric))
            self.points_ = ax.collections[-1]
            drawing.mark_outside(ax, x.positions, self.scores)
            return self
        y = Scale.of(self.y_name or "", self.y)
        above, right = _axes_beside(ax)
        drawing.label_parameter(ax, y, "y")
        drawing.label_parameter(ax, x, "x")
        self.points_ = _scatter(ax, x.positions, y.positions, self.scores, colors)
        for side, scale, which in ((above, x, "x"), (right, y, "y")):
            _project(side, scale.positions, self.scores, colors, which)
        above.tick_params(axis="x", labelbottom=False, length=0)
        right.tick_params(axis="y", labelleft=False, length=0)
        above.set_ylabel(drawing.short_score_label(self.metric))
        right.set_xlabel(drawing.short_score_label(self.metric))
        right.tick_params(axis="x", rotation=90)
        middle = {"ha": "center", "transform": above.transAxes}
        above.text(0.5, 1.08, _counted(x), va="bottom", **middle)
        middle = {"va": "center", "transform": right.transAxes}
        right.text(1.1, 0.5, _counted(y), ha="left", rotation=270, **middle)
        self.axes_ = np.array([ax, above, right], dtype=object)
        return self


def _axes_beside(ax: Any) -> tuple[Any, Any]:
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


def _scatter(ax: Any, x: np.ndarray, y: np.ndarray, scores: np.ndarray, colors: Any) -> Any:
    """Points colored by score, the best on top, and crosses where there is no score."""
    size = drawing.point_size(len(scores))
    failed = ~np.isfinite(scores)
    if failed.any():
        ax.scatter(x[failed], y[failed], s=size, marker="x", color=drawing.VERMILION, zorder=2)
    order = np.argsort(np.where(failed, -np.inf, scores), kind="stable")[failed.sum() :]
    return ax.scatter(
        x[order],
        y[order],
        s=size,
        c=colors[order],
        edgecolors="black",
        linewidths=0.3,
        zorder=3,
    )


def _project(ax: Any, positions: np.ndarray, scores: np.ndarray, colors: Any, along: str) -> None:
    """One hyperparameter against the score, with a line at each value that was tried."""
    from matplotlib.ticker import MaxNLocator

    limits = drawing.score_limits(scores)
    lines = np.unique(positions[np.isfinite(positions)])
    style = {"color": drawing.GRAY, "linewidth": 0.6, "zorder": 1}
    style["alpha"] = float(np.clip(25 / max(len(lines), 1), 0.08, 0.6))
    shown = scores >= limits[0]
    if along == "x":
        ax.vlines(lines, *limits, **style)
        ax.set_ylim(*limits)
        ax.yaxis.set_major_locator(MaxNLocator(3))
        drawing.plain_ticks(ax, "y")
        _scatter(ax, positions[shown], scores[shown], scores[shown], colors[shown])
    else:
        ax.hlines(lines, *limits, **style)
        ax.set_xlim(*limits)
        ax.xaxis.set_major_locator(MaxNLocator(3))
        drawing.plain_ticks(ax, "x")
        _scatter(ax, scores[shown], positions[shown], scores[shown], colors[shown])


def _counted(scale: Scale) -> str:
    n = len(scale.distinct)
    return f"{n} value{'' if n == 1 else 's'} of {shortened(scale.label, 30)}"
