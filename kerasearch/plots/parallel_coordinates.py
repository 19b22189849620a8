"""All hyperparameters of all candidates at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..cv_results.reading import read
from . import drawing as drawing
from .scales import Scale, enough_digits, number, shortened


class ParallelCoordinatesDisplay:
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

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : matplotlib LineCollection
        One line for each candidate that has a score, the best last.
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[Any]],
        scores: Any,
        *,
        metric: str = "score",
        best: int | None = None,
    ) -> None:
        self.values = values
        self.scores = np.asarray(scores, dtype=float)
        self.metric = metric
        self.best = best

    @classmethod
    def from_search(
        cls,
        search: Any,
        parameters: Sequence[str] | str | None = None,
        *,
        metric: str | None = None,
        ax: Any = None,
    ) -> ParallelCoordinatesDisplay:
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
        drawing.needs_matplotlib(cls.__name__)
        results = read(search)
        chosen = drawing.several_parameters(results, parameters)
        has_score = np.isfinite(results.mean(metric)).any()
        return cls(
            {results.names[name]: results.values(name) for name in chosen},
            results.mean(metric),
            metric=results.metric_label(metric),
            best=results.best(metric) if has_score else None,
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> ParallelCoordinatesDisplay:
        """Draw on `ax`, or on axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : ParallelCoordinatesDisplay
            This object, with the attributes that end in ``_``.
        """
        drawing.needs_matplotlib(type(self).__name__)
        from matplotlib.collections import LineCollection

        scales = [Scale.of(name, values) for name, values in self.values.items()]
        low, high = drawing.score_color_limits(self.scores)
        shown = np.clip(np.where(np.isfinite(self.scores), self.scores, np.nan), low, high)
        heights = [scale.unit(scale.positions) for scale in scales]
        heights.append((shown - low) / (high - low))
        lines = np.stack(
            [
                np.broadcast_to(np.arange(len(heights)), (len(shown), len(heights))),
                np.array(heights).T,
            ],
            axis=-1,
        )

        ax = drawing.one_axes(ax, (max(4.5, 1.6 * len(heights)), 3.8))
        self.ax_, self.figure_ = ax, ax.figure
        failed = ~np.isfinite(self.scores)
        if failed.any():
            ax.add_collection(
                LineCollection(
                    list(lines[failed, :-1]), colors=drawing.GRAY, linestyles=":", linewidths=0.9
                )
            )
            if len(scales) == 1:  # a line needs two axes to be seen
                ax.scatter(*lines[failed, 0].T, marker="x", color=drawing.VERMILION, zorder=3)
        order = np.argsort(np.where(failed, -np.inf, self.scores), kind="stable")[failed.sum() :]
        colors = drawing.score_colors(self.scores).to_rgba(self.scores[order])
        n = max(len(order), 1)
        colors[:, 3] = np.linspace(np.clip(40 / n, 0.25, 0.9), 0.95, len(colors))
        self.lines_ = LineCollection(
            list(lines[order]), colors=colors, linewidths=float(np.clip(60 / n, 0.7, 1.6))
        )
        ax.add_collection(self.lines_)
        self._draw_best(lines, order)
        self._draw_axes(scales, low, high)
        return self

    def _draw_best(self, lines: np.ndarray, order: np.ndarray) -> None:
        if not len(order):
            return
        best = order[-1] if self.best is None else self.best
        for color, width in (("white", 5.0), (drawing.VERMILION, 2.6)):
            self.ax_.plot(*lines[best].T, color=color, linewidth=width, solid_capstyle="round")

    def _draw_axes(self, scales: Sequence[Scale], low: float, high: float) -> None:
        """One vertical axis a hyperparameter, and one for the score, each with its own ticks."""
        ax = self.ax_
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
