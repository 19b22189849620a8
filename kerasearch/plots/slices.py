"""The score against each hyperparameter."""

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
    """The score of each candidate against each hyperparameter, one panel for each.

    Bars reach one standard deviation over the folds to either side. The best candidate is
    a star. Candidates that failed are crosses at the lower edge; a triangle there is a candidate
    whose score is below the axis. The legend says so.

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
    decided : bool, default=True
        Whether there are folds enough to tell candidates from the best; the legend says so where
        not, as `compare` does.

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
        require_matplotlib(cls)
        results = read(search)
        std = results.std(metric) if results.n_folds > 1 else None
        given = several_parameters(results, parameters, metric)
        return cls(**given, std=std).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax: Axes | Sequence[Axes] | None = None, *, n_columns: int = 3) -> Self:
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
