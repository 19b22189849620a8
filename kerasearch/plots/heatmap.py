"""Heat map of the score over two hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from ..cv_results.reading import SearchLike, read
from . import drawing
from .display import SearchDisplay, require_matplotlib, two_parameters
from .scales import Scale, enough_digits, shortened

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.text import Text

MOST_CELLS = 12  # the largest number of cells along one axis
# for one axis: the cell of each candidate, the labels of the cells, and the title
_Cells: TypeAlias = tuple[np.ndarray, list[str], str]


@dataclass(eq=False, repr=False)
class HeatmapDisplay(SearchDisplay):
    """Plot the score over two hyperparameters as a heat map.

    A cell shows the best or the mean score over all other hyperparameters. If a hyperparameter has
    more than ten different numbers, a cell is a range of numbers. If it has more than twelve
    categories, the twelve categories with the best scores are shown. A cell without a score is
    gray.

    Use `from_search` to make a display.

    Parameters
    ----------
    x, y : sequence of length n_candidates
        The values of two hyperparameters. With ``y=None`` the heat map has one row.
    scores : array-like of shape (n_candidates,)
        The mean test scores; NaN for a failed candidate.
    x_name : str
        The name of the hyperparameter on the horizontal axis.
    y_name : str or None, default=None
        The name of the hyperparameter on the vertical axis.
    metric : str, default="score"
        The name of the score.
    aggregate : {"best", "mean"}, default="best"
        Whether a cell shows the best or the mean score of its candidates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the heat map.
    figure_ : matplotlib Figure
        The figure of the axes.
    cells_ : ndarray of shape (n_y, n_x)
        The score in each cell; NaN for a cell without a score.
    counts_ : ndarray of shape (n_y, n_x), int
        The number of candidates with a score in each cell.
    image_ : matplotlib AxesImage
        The colored cells.
    text_ : list of matplotlib Text
        The scores in the cells. The list is empty if the cells are too small for text.

    See Also
    --------
    CoverageDisplay : The tried values of two hyperparameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import HeatmapDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=3)
    >>> display = HeatmapDisplay.from_search(search.fit(*load_iris(return_X_y=True)))
    >>> display.cells_.shape
    (2, 3)
    """

    x: Sequence[Any]
    y: Sequence[Any] | None
    scores: np.ndarray
    _: KW_ONLY
    x_name: str
    y_name: str | None = None
    metric: str = "score"
    aggregate: Literal["best", "mean"] = "best"

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
        aggregate: Literal["best", "mean"] = "best",
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
        aggregate : {"best", "mean"}, default="best"
            Whether a cell shows the best or the mean score of its candidates.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : HeatmapDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search was not fitted.
        ValueError
            If `aggregate` is unknown, if the search has no such hyperparameter or metric, or if
            `x` and `y` are the same.
        """
        require_matplotlib(cls)
        given = two_parameters(read(search), x, y, metric)
        return cls(**given, aggregate=aggregate).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        n_rows, n_columns = (len(labels) for _, labels, _ in self._rows_and_columns())
        return 2.4 + 0.55 * max(n_columns, 4), 1.4 + 0.38 * max(n_rows, 5)

    def _draw(self, ax: Axes) -> None:
        (rows, y_labels, y_title), (columns, x_labels, x_title) = self._rows_and_columns()
        self._fill(rows, columns, (len(y_labels), len(x_labels)))
        ax.set_facecolor(drawing.PALE)
        colors: dict[str, Any] = {"norm": drawing.score_norm(self.cells_)}
        colors["cmap"] = drawing.SCORE_MAP
        self.image_ = ax.imshow(self.cells_, aspect="auto", origin="lower", **colors)
        drawing.write_ticks(ax, "x", list(enumerate(x_labels)))
        drawing.write_ticks(ax, "y", list(enumerate(y_labels)) if self.y is not None else [])
        ax.set(xlabel=x_title, ylabel=y_title)
        what = "best" if self.aggregate == "best" else "mean of"
        label = drawing.score_label(self.metric, f"{what} mean test")
        self.figure_.colorbar(self.image_, ax=ax, label=label, fraction=0.08, pad=0.03)
        self.text_ = self._write_cells(ax)

    def _rows_and_columns(self) -> tuple[_Cells, _Cells]:
        if self.aggregate not in ("best", "mean"):
            raise ValueError(f"aggregate={self.aggregate!r} must be 'best' or 'mean'")
        columns = self._cells_along(self.x_name, self.x)
        if self.y is None:
            return (np.zeros(len(self.scores), dtype=int), [""], ""), columns
        return self._cells_along(self.y_name or "", self.y), columns

    def _cells_along(self, name: str, values: Sequence[Any]) -> _Cells:
        """Find the cell of each candidate on one axis, the labels of the cells, and the title."""
        scale = Scale.of(name, values)
        title = shortened(name, 40)
        cells, labels = scale.bins()
        if len(labels) <= MOST_CELLS:
            return cells, labels, title
        known = (cells >= 0) & np.isfinite(self.scores)
        best = pd.Series(self.scores[known]).groupby(cells[known]).max()
        kept = sorted(best.nlargest(MOST_CELLS).index)
        place = np.full(len(labels) + 1, -1)  # the last entry is for candidates without a value
        place[kept] = np.arange(len(kept))
        title = f"{shortened(name, 24)} ({len(kept)} best of {len(labels)} values)"
        return place[cells], [labels[i] for i in kept], title

    def _fill(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
        known = (rows >= 0) & (columns >= 0) & np.isfinite(self.scores)
        groups = pd.Series(self.scores[known]).groupby([rows[known], columns[known]])
        self.cells_, self.counts_ = np.full(shape, np.nan), np.zeros(shape, dtype=int)
        places = tuple(np.array(list(groups.groups), dtype=int).reshape(-1, 2).T)
        self.cells_[places] = groups.max() if self.aggregate == "best" else groups.mean()
        self.counts_[places] = groups.size()

    def _write_cells(self, ax: Axes) -> list[Text]:
        """Write the scores into the cells if they fit, dark on light and light on dark."""
        digits = enough_digits(np.linspace(*drawing.score_color_limits(self.cells_), 11))
        texts = [f"{score:.{digits}g}" for score in self.cells_.flat]
        if not drawing.has_room(ax, max(map(len, texts)) + 1, self.cells_.shape):
            return []
        middle: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "small"}
        rgba = self.image_.to_rgba(self.cells_)
        light = rgba[..., :3] @ (0.299, 0.587, 0.114) > 0.5
        return [
            ax.text(x, y, text, color="black" if light[y, x] else "white", **middle)
            for (y, x), text in zip(np.ndindex(*self.cells_.shape), texts, strict=True)
            if np.isfinite(self.cells_[y, x])
        ]
