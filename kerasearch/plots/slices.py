"""The score against each hyperparameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..cv_results.reading import read
from . import drawing as drawing
from .scales import Scale


class SliceDisplay:
    """The score of each candidate against each hyperparameter, one panel for each.

    Bars reach one standard deviation over the folds to either side. The best candidate is
    a star. Candidates that failed are crosses at the lower edge; a triangle there is a candidate
    whose score is below the axis.

    Use `from_search` to make one.

    Parameters
    ----------
    values : mapping of str to sequence of shape (n_candidates,)
        Name of each hyperparameter to its values.
    scores : array-like of shape (n_candidates,)
        Mean test scores; NaN where a candidate failed.
    std : array-like of shape (n_candidates,), default=None
        Standard deviation of the score over folds.
    metric : str, default="score"
        Name of the score.
    best : int, default=None
        The number of the best candidate; None for the one with the highest score.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each hyperparameter.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    points_ : list of matplotlib PathCollection
        The points of each panel.
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[Any]],
        scores: Any,
        std: Any = None,
        *,
        metric: str = "score",
        best: int | None = None,
    ) -> None:
        self.values = values
        self.scores = np.asarray(scores, dtype=float)
        self.std = None if std is None else np.asarray(std, dtype=float)
        self.metric = metric
        self.best = best

    @classmethod
    def from_search(
        cls,
        search: Any,
        parameters: Sequence[str] | str | None = None,
        *,
        metric: str | None = None,
        n_columns: int = 3,
        ax: Any = None,
    ) -> SliceDisplay:
        """Draw the candidates of a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        parameters : str or sequence of str, default=None
            Names of hyperparameters, short or full. None takes all that vary.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        n_columns : int, default=3
            How many panels are side by side.
        ax : matplotlib Axes or sequence of Axes, default=None
            Axes to draw on: one for each hyperparameter, or one whose place they share. None
            makes a figure.

        Returns
        -------
        display : SliceDisplay
        """
        drawing.needs_matplotlib(cls.__name__)
        results = read(search)
        chosen = drawing.several_parameters(results, parameters)
        has_score = np.isfinite(results.mean(metric)).any()
        return cls(
            {results.names[name]: results.values(name) for name in chosen},
            results.mean(metric),
            results.std(metric) if results.n_folds > 1 else None,
            metric=results.metric_label(metric),
            best=results.best(metric) if has_score else None,
        ).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax: Any = None, *, n_columns: int = 3) -> SliceDisplay:
        """Draw on `ax`, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of Axes, default=None
        n_columns : int, default=3
            How many panels are side by side.

        Returns
        -------
        display : SliceDisplay
            This object, with the attributes that end in ``_``.
        """
        drawing.needs_matplotlib(type(self).__name__)
        scales = [Scale.of(name, values) for name, values in self.values.items()]
        size = (3.1, panel_height(scales))
        self.axes_ = drawing.several_axes(ax, len(scales), n_columns, size)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.points_: list[Any] = []
        spread = np.zeros(len(self.scores)) if self.std is None else np.nan_to_num(self.std)
        limits = drawing.score_limits(self.scores, spread)
        for i, (axes, scale) in enumerate(zip(self.axes_, scales, strict=True)):
            axes.set_ylim(*limits)
            drawing.plain_ticks(axes, "y")
            self._draw(axes, scale, spread)
            if i % min(n_columns, len(self.axes_)) == 0 or len(np.atleast_1d(ax)) > 1:
                axes.set_ylabel(drawing.score_label(self.metric))
            else:
                axes.tick_params(axis="y", labelleft=False)
        return self

    def _draw(self, ax: Any, scale: Scale, spread: np.ndarray) -> None:
        drawing.label_parameter(ax, scale, "x")
        x = _side_by_side(scale)
        n = len(self.scores)
        drawn = np.isfinite(self.scores) & np.isfinite(x)
        if self.std is not None and drawn.any():
            low, high = self.scores - spread, self.scores + spread
            alpha = float(np.clip(40 / n, 0.15, 0.8))
            ax.vlines(x[drawn], low[drawn], high[drawn], color=drawing.GRAY, alpha=alpha, lw=1)
        size = drawing.point_size(n)
        self.points_.append(
            ax.scatter(
                x[drawn],
                self.scores[drawn],
                s=size,
                color=drawing.BLUE,
                alpha=float(np.clip(60 / n, 0.35, 0.9)),
                linewidths=0,
                zorder=3,
            )
        )
        best = self.best
        if best is None and np.isfinite(self.scores).any():
            best = int(np.nanargmax(np.where(np.isfinite(self.scores), self.scores, np.nan)))
        if best is not None and np.isfinite(x[best]):
            ax.scatter(
                x[best],
                self.scores[best],
                marker="*",
                s=130,
                color=drawing.ORANGE,
                edgecolors="black",
                linewidths=0.7,
                zorder=5,
            )
        drawing.mark_outside(ax, x, self.scores)


def panel_height(scales: Iterable[Scale]) -> float:
    """Inches that a panel needs, with its labels: those of many categories are turned."""
    many = [scale.categories for scale in scales if scale.categories and len(scale.categories) > 6]
    longest = max((len(text) for categories in many for text in categories), default=0)
    return 2.7 + 0.06 * max(longest - 6, 0)


def _side_by_side(scale: Scale) -> np.ndarray:
    """Spread the candidates of a category over its width, in the order of their numbers."""
    if scale.categories is None:
        return scale.positions
    x = scale.positions.copy()
    for place in scale.distinct:
        here = np.flatnonzero(x == place)
        if len(here) > 1:
            x[here] = place + np.linspace(-0.3, 0.3, len(here))
    return x
