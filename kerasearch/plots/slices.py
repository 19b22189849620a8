"""Slice plot: the score against each hyperparameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cv_results.reading import SearchLike, read
from . import drawing
from .display import SearchDisplay, panels, require_matplotlib, several_parameters
from .scales import Scale

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection


@dataclass(eq=False, repr=False)
class SliceDisplay(SearchDisplay):
    """Plot the score of each candidate against each hyperparameter, in one panel each.

    An error bar is one standard deviation over the folds in each direction. The best candidate is
    a star. A cross at the lower edge is a failed candidate. A triangle at the lower edge is a
    candidate with a score below the axis.

    Use `from_search` to make a display.

    Parameters
    ----------
    values : mapping of str to sequence of length n_candidates
        The values of each hyperparameter by its name.
    scores : array-like of shape (n_candidates,)
        The mean test scores; NaN for a failed candidate.
    std : array-like of shape (n_candidates,), default=None
        The standard deviation of the score over folds. None draws no error bars.
    metric : str, default="score"
        The name of the score.
    best : int, default=None
        The number of the best candidate. None uses the candidate with the largest score.
    decided : bool, default=True
        Whether the folds are enough to compare candidates with the best one, according to
        `compare`. If not, the legend says so.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_hyperparameters,)
        The axes of the panels.
    ax_ : matplotlib Axes
        The axes of the first panel.
    figure_ : matplotlib Figure
        The figure of the axes.
    points_ : list of matplotlib PathCollection
        The points of each panel.

    See Also
    --------
    importance : The influence of each hyperparameter on the score.
    ParallelCoordinatesDisplay : All hyperparameters of all candidates in one plot.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import SliceDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=3)
    >>> display = SliceDisplay.from_search(search.fit(*load_iris(return_X_y=True)))
    >>> [ax.get_xlabel() for ax in display.axes_]
    ['C', 'gamma']
    """

    values: Mapping[str, Sequence[Any]]
    scores: np.ndarray
    std: np.ndarray | None = None
    _: KW_ONLY
    metric: str = "score"
    best: int | None = None
    decided: bool = True

    def __post_init__(self) -> None:
        self.scores = np.asarray(self.scores, dtype=float)
        self.std = None if self.std is None else np.asarray(self.std, dtype=float)

    @classmethod
    def from_search(
        cls,
        search: SearchLike,
        parameters: Sequence[str] | str | None = None,
        *,
        metric: str | None = None,
        n_columns: int = 3,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Self:
        """Make the plot from a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        parameters : str or sequence of str, default=None
            Short or full names of hyperparameters. None uses all hyperparameters that vary.
        metric : str, default=None
            The metric to plot. None uses the metric that `refit` of the search names, or else the
            first metric.
        n_columns : int, default=3
            The number of panels side by side.
        ax : matplotlib Axes or sequence of Axes, default=None
            The axes to draw on: one axes for each hyperparameter, or a single axes of
            ``plt.subplots`` whose place all panels share. None makes a new figure.

        Returns
        -------
        display : SliceDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search was not fitted.
        ValueError
            If the search has no such hyperparameter or metric, if `n_columns` is not a positive
            integer, or if the number of axes is not the number of hyperparameters.
        """
        require_matplotlib(cls)
        results = read(search)
        std = results.std(metric) if results.n_folds > 1 else None
        given = several_parameters(results, parameters, metric)
        return cls(**given, std=std).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax: Axes | Sequence[Axes] | None = None, *, n_columns: int = 3) -> Self:
        """Draw the plot again, on `ax` or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of Axes, default=None
            The axes to draw on, as in `from_search`.
        n_columns : int, default=3
            The number of panels side by side.

        Returns
        -------
        display : SliceDisplay
            This object. The attributes that end in ``_`` belong to the new plot.
        """
        require_matplotlib(type(self))
        scales = [Scale.of(name, values) for name, values in self.values.items()]
        self.axes_ = panels(ax, len(scales), n_columns, (3.1, panel_height(scales)))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        spread = np.zeros(len(self.scores)) if self.std is None else np.nan_to_num(self.std)
        limits = drawing.score_limits(self.scores, spread)
        self.points_: list[PathCollection] = []
        for i, (axes, scale) in enumerate(zip(self.axes_, scales, strict=True)):
            drawing.score_axis(axes, "y", limits)
            drawing.label_parameter(axes, scale, "x")
            self.points_.append(self._draw_panel(axes, _side_by_side(scale), spread))
            if i % min(n_columns, len(self.axes_)) == 0 or np.size(ax) > 1:  # type: ignore[arg-type]
                axes.set_ylabel(drawing.score_label(self.metric))
            else:
                axes.tick_params(axis="y", labelleft=False)
        drawing.legend_outside(self.ax_, of=list(self.axes_))
        return self

    def _draw_panel(self, ax: Axes, x: np.ndarray, spread: np.ndarray) -> PathCollection:
        n = len(self.scores)
        finite = np.isfinite(self.scores)
        drawn = finite & np.isfinite(x)
        x_drawn, y_drawn = x[drawn], self.scores[drawn]
        if self.std is not None and drawn.any():
            alpha = float(np.clip(40 / n, 0.15, 0.8))
            ends = y_drawn - spread[drawn], y_drawn + spread[drawn]
            bars: dict[str, Any] = {"alpha": alpha, "lw": 1, "label": "std over folds"}
            ax.vlines(x_drawn, *ends, color=drawing.GRAY, **bars)
        style: dict[str, Any] = {"color": drawing.BLUE, "linewidths": 0, "zorder": 3}
        style["alpha"] = float(np.clip(60 / n, 0.35, 0.9))
        points = ax.scatter(x_drawn, y_drawn, s=drawing.point_size(n), **style)
        best = self.best
        if best is None and finite.any():
            best = int(np.argmax(np.where(finite, self.scores, -np.inf)))
        if best is not None and np.isfinite(x[best]):
            star: dict[str, Any] = {"marker": "*", "s": 130, "color": drawing.ORANGE}
            star |= {"edgecolors": "black", "linewidths": 0.7, "zorder": 5}
            star["label"] = drawing.best_label(self.decided)
            ax.scatter(x[best], self.scores[best], **star)
        drawing.mark_outside(ax, x, self.scores)
        return points


def panel_height(scales: Iterable[Scale]) -> float:
    """Get the height in inches of a panel with its labels; labels of many categories rotate."""
    many = [scale.categories for scale in scales if scale.categories and len(scale.categories) > 6]
    longest = max((len(text) for categories in many for text in categories), default=0)
    return 2.7 + 0.06 * max(longest - 6, 0)


def _side_by_side(scale: Scale) -> np.ndarray:
    """Spread the candidates of a category over the category's width, in their order."""
    if scale.categories is None:
        return scale.positions
    x = scale.positions.copy()
    for place in scale.distinct:
        here = np.flatnonzero(x == place)
        if len(here) > 1:
            x[here] = place + np.linspace(-0.3, 0.3, len(here))
    return x
