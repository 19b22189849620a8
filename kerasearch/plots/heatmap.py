"""The score over two hyperparameters, as cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..cv_results.reading import read
from . import drawing as drawing
from .scales import Scale, enough_digits, shortened

MOST_CELLS = 12  # along one axis


class HeatmapDisplay:
    """The score over two hyperparameters: the best, or the mean, over all the others.

    Where a hyperparameter has more than ten numbers, a cell is a range of them; of more than
    twelve categories, those with the best scores are shown. A cell without a score is gray.

    Use `from_search` to make one.

    Parameters
    ----------
    x, y : sequence of shape (n_candidates,)
        Values of two hyperparameters. With ``y=None`` there is one row.
    scores : array-like of shape (n_candidates,)
        Mean test scores; NaN where a candidate failed.
    x_name, y_name : str
        Names of the hyperparameters.
    metric : str, default="score"
        Name of the score.
    aggregate : {"best", "mean"}, default="best"
        What a cell shows of the candidates in it.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    cells_ : ndarray of shape (n_y, n_x)
        The score in each cell; NaN where there is none.
    counts_ : ndarray of shape (n_y, n_x), int
        How many candidates have a score in each cell.
    image_ : matplotlib AxesImage
    text_ : list of matplotlib Text
        The scores in the cells; empty where there is no room.
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
        aggregate: Literal["best", "mean"] = "best",
    ) -> None:
        self.x = x
        self.y = y
        self.scores = np.asarray(scores, dtype=float)
        self.x_name = x_name
        self.y_name = y_name
        self.metric = metric
        self.aggregate = aggregate

    @classmethod
    def from_search(
        cls,
        search: Any,
        x: str | None = None,
        y: str | None = None,
        *,
        metric: str | None = None,
        aggregate: Literal["best", "mean"] = "best",
        ax: Any = None,
    ) -> HeatmapDisplay:
        """Draw the candidates of a search.

        Parameters
        ----------
        search : fitted search, dict or DataFrame
            A search, or its ``cv_results_``.
        x, y : str, default=None
            Names of two hyperparameters, short or full. None takes the first that varies.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        aggregate : {"best", "mean"}, default="best"
            What a cell shows of the candidates in it.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : HeatmapDisplay
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
            aggregate=aggregate,
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> HeatmapDisplay:
        """Draw on `ax`, or on axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : HeatmapDisplay
            This object, with the attributes that end in ``_``.

        Raises
        ------
        ValueError
            If `aggregate` is not known.
        """
        drawing.needs_matplotlib(type(self).__name__)
        if self.aggregate not in ("best", "mean"):
            raise ValueError(f"aggregate={self.aggregate!r}: must be 'best' or 'mean'")
        columns, x_labels, x_title = self._cells_along(self.x_name, self.x)
        if self.y is None:
            rows, y_labels, y_title = np.zeros(len(self.scores), dtype=int), [""], ""
        else:
            rows, y_labels, y_title = self._cells_along(self.y_name or "", self.y)
        self._fill(rows, columns, (len(y_labels), len(x_labels)))

        width = 2.4 + 0.55 * max(len(x_labels), 4)
        height = 1.4 + 0.38 * max(len(y_labels), 5)
        ax = drawing.one_axes(ax, (width, height))
        self.ax_, self.figure_ = ax, ax.figure
        mappable = drawing.score_colors(self.cells_)
        ax.set_facecolor(drawing.PALE)
        self.image_ = ax.imshow(
            self.cells_, aspect="auto", origin="lower", cmap=mappable.cmap, norm=mappable.norm
        )
        drawing.write_ticks(ax, "x", list(enumerate(x_labels)))
        drawing.write_ticks(ax, "y", list(enumerate(y_labels)) if self.y is not None else [])
        ax.set_xlabel(x_title)
        ax.set_ylabel(y_title)
        what = "best" if self.aggregate == "best" else "mean of"
        label = drawing.score_label(self.metric, f"{what} mean test")
        ax.figure.colorbar(self.image_, ax=ax, label=label, fraction=0.08, pad=0.03)
        self._write_cells()
        return self

    def _cells_along(self, name: str, values: Sequence[Any]) -> tuple[np.ndarray, list[str], str]:
        """Find each candidate's cell on one axis, the cells' labels and the axis' title."""
        scale = Scale.of(name, values)
        title = shortened(name, 40)
        cells, labels = scale.bins()
        if len(labels) <= MOST_CELLS:
            return cells, labels, title
        best = np.full(len(labels), -np.inf)
        known = (cells >= 0) & np.isfinite(self.scores)
        np.maximum.at(best, cells[known], self.scores[known])
        kept = np.sort(np.argsort(-best, kind="stable")[:MOST_CELLS])
        place = np.full(len(labels) + 1, -1)  # the last is for those without a value
        place[kept] = np.arange(len(kept))
        title = f"{shortened(name, 24)} ({len(kept)} best of {len(labels)} values)"
        return place[cells], [labels[i] for i in kept], title

    def _fill(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
        known = (rows >= 0) & (columns >= 0) & np.isfinite(self.scores)
        where, scores = (rows[known], columns[known]), self.scores[known]
        self.counts_ = np.zeros(shape, dtype=int)
        np.add.at(self.counts_, where, 1)
        if self.aggregate == "best":
            self.cells_ = np.full(shape, -np.inf)
            np.maximum.at(self.cells_, where, scores)
        else:
            self.cells_ = np.zeros(shape)
            np.add.at(self.cells_, where, scores)
            self.cells_ /= np.maximum(self.counts_, 1)
        self.cells_[self.counts_ == 0] = np.nan

    def _write_cells(self) -> None:
        """Write the scores where they have room, dark on light and light on dark."""
        self.text_ = []
        digits = enough_digits(np.linspace(*drawing.score_color_limits(self.cells_), 11))
        texts = {place: f"{score:.{digits}g}" for place, score in np.ndenumerate(self.cells_)}
        longest = max(len(texts[place]) for place in texts)
        if not drawing.has_room(self.ax_, longest + 1, self.cells_.shape):
            return
        rgba = self.image_.to_rgba(self.cells_)
        for (row, column), score in np.ndenumerate(self.cells_):
            if np.isfinite(score):
                light = rgba[row, column, :3] @ (0.299, 0.587, 0.114) > 0.5
                self.text_.append(
                    self.ax_.text(
                        column,
                        row,
                        texts[row, column],
                        ha="center",
                        va="center",
                        fontsize="small",
                        color="black" if light else "white",
                    )
                )
