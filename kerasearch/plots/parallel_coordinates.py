"""All hyperparameters of all candidates at once."""

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
    """Each candidate as a line through one axis a hyperparameter, ending at its score.

    Color is the score; the best candidates are drawn last, the best of all thick. Candidates that
    failed are dotted and end before the score. A line is broken at a hyperparameter that
    the candidate does not have.

    Use `from_search` to make one.

    Parameters
    ----------
    values : mapping of str to sequence of shape (n_candidates,)
        Name of each hyperparameter to its values, in the order of the axes.
    scores : array-like of shape (n_candidates,)
        Mean test scores; NaN where a candidate failed.
    metric : str, default="score"
        Name of the score.
    best : int, default=None
        The number of the best candidate; None for the one with the highest score.
    decided : bool, default=True
        Whether there are folds enough to tell candidates from the best; the legend says so where
        not, as `compare` does.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : matplotlib LineCollection
        One line for each candidate that has a score, the best last.
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
        """Draw the candidates of a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        parameters : str or sequence of str, default=None
            Names of hyperparameters, short or full, in the order of the axes. None takes all that
            vary.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ParallelCoordinatesDisplay
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
            if len(scales) == 1:  # a line needs two axes to be seen
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
        """One vertical axis a hyperparameter, and one for the score, each with its own ticks."""
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
