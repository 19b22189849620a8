"""Plot of the best score during a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._utils.checks import as_integer
from .._utils.names import last_part
from ..cv_results.reading import SearchLike
from ..cv_results.search_results import SearchResults
from . import drawing
from .display import SearchDisplay, one_metric, require_matplotlib, several_searches
from .scales import shortened

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

FEW = 20  # up to this number of candidates, the axis shows all candidates
_LABELS = {
    "candidates": "candidates",
    "fits": "fits",
    "epochs": "epochs trained, all folds",
    "seconds": "fit and score time, all folds (s)",
}


@dataclass(eq=False, repr=False)
class OptimizationHistoryDisplay(SearchDisplay):
    """Plot the best score so far against the cost of one or several searches.

    The best score so far is the score of the candidate that would be chosen at this point. In
    successive halving and Hyperband, this is a candidate with the largest resource so far. With
    more than 20 candidates, the axis shows the better half of the candidates, and marks the other
    candidates at its lower edge.

    Use `from_search` to make a display.

    Parameters
    ----------
    spent : mapping of str to array-like of shape (n_candidates,)
        For each search, by name: the cost until each candidate, in the order of evaluation.
    scores : mapping of str to array-like of shape (n_candidates,)
        For each search: the mean test scores; NaN for a failed candidate.
    unit : {"candidates", "fits", "epochs", "seconds"}, default="candidates"
        The unit of the cost.
    metric : str, default="score"
        The name of the score.
    best : mapping of str to array-like of shape (n_candidates,), default=None
        For each search: the best score so far. None uses the largest score so far.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : list of matplotlib Line2D
        The line of the best score so far for each search.

    See Also
    --------
    merge_searches : Make one table of several searches.
    TrainingCurvesDisplay : The loss during the training of each network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import OptimizationHistoryDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = OptimizationHistoryDisplay.from_search({"grid": search}, unit="fits")
    >>> display.spent["grid"].tolist()
    [3.0, 6.0, 9.0]
    """

    spent: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]
    _: KW_ONLY
    unit: str = "candidates"
    metric: str = "score"
    best: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        self.spent = {name: np.asarray(each, dtype=float) for name, each in self.spent.items()}
        self.scores = {name: np.asarray(each, dtype=float) for name, each in self.scores.items()}
        if self.best is None:
            known = {
                n: np.where(np.isfinite(each), each, np.nan) for n, each in self.scores.items()
            }
            self.best = {name: np.fmax.accumulate(each) for name, each in known.items()}
        self._best = {name: np.asarray(each, dtype=float) for name, each in self.best.items()}

    @classmethod
    def from_search(
        cls,
        search: SearchLike | Mapping[str, SearchLike] | Sequence[SearchLike],
        *,
        unit: Literal["candidates", "fits", "epochs", "seconds"] = "candidates",
        metric: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Make the plot from one or several searches.

        Parameters
        ----------
        search : fitted search, dict, DataFrame, or several searches
            A search or its ``cv_results_``. To compare several searches, pass a dict from names to
            searches, or a sequence of searches. The order of evaluation is assumed to be the order
            in ``cv_results_``. If there is a column ``search``, as in the result of
            `merge_searches`, it has one line for each search.
        unit : {"candidates", "fits", "epochs", "seconds"}, default="candidates"
            The unit of the cost. For ``"epochs"``, the number of epochs must be known: from a
            scorer or a column with the name ``epochs``, from the fit store, from a hyperparameter
            ``epochs``, or from the parameter ``epochs`` of the estimator. ``"seconds"`` is the sum
            of the times of all fits and scores; it is more than the elapsed time if they ran in
            parallel.
        metric : str, default=None
            The metric to plot. None uses the metric that `refit` of the search names, or else the
            first metric.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : OptimizationHistoryDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If a search was not fitted.
        ValueError
            If `unit` is unknown, if the search does not have the cost in this unit, or if the
            searches have different metrics.
        """
        require_matplotlib(cls)
        if unit not in _LABELS:
            raise ValueError(f"unit={unit!r} must be one of {', '.join(_LABELS)}")
        spent, scores, best = {}, {}, {}
        searches = several_searches(search)
        name = one_metric(searches, metric)
        for label, results in searches.items():
            total = np.cumsum(_cost(results, unit))
            for part, rows in _parts(results, label).items():
                best[part] = results.best_so_far(metric, rows)
                before = total[rows[0] - 1] if rows[0] else 0.0
                spent[part] = total[rows] - before
                scores[part] = results.mean(metric)[rows]
        return cls(spent, scores, unit=unit, metric=name, best=best).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        return 5.6, 3.6

    def _draw(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        self.lines_: list[Line2D] = []
        drawing.score_axis(ax, "y", drawing.score_limits(self._worth_showing()))
        furthest = max(float(np.max(spent)) for spent in self.spent.values())
        ax.set_xlim(0, 1.03 * furthest if furthest > 0 else 1)
        for i, name in enumerate(self.spent):
            self._draw_one(ax, name, i)
        everything = [np.concatenate(list(each.values())) for each in (self.spent, self.scores)]
        drawing.mark_outside(ax, *everything)
        ax.set(xlabel=_LABELS.get(self.unit, self.unit), ylabel=drawing.score_label(self.metric))
        if self.unit in ("candidates", "fits"):
            ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        drawing.legend_outside(ax)

    def _worth_showing(self) -> np.ndarray:
        """Get the scores that determine the axis: the best so far, and the better candidates.

        With worse candidates on the axis, differences between good candidates would be invisible.
        """
        shown = []
        for name, scores in self.scores.items():
            finite = scores[np.isfinite(scores)]
            if len(finite):
                low = np.median(finite) if len(finite) > FEW else finite.min()
                shown += [self._best[name], finite[finite >= low]]
        return np.concatenate(shown) if shown else np.empty(0)

    def _draw_one(self, ax: Axes, name: str, i: int) -> None:
        spent, scores = self.spent[name], self.scores[name]
        several = len(self.spent) > 1
        color = drawing.CYCLE[i % len(drawing.CYCLE)]
        finite = np.isfinite(scores)
        drawn = finite & (scores >= ax.get_ylim()[0])
        style: dict[str, Any] = {"color": color, "alpha": 0.35, "linewidths": 0}
        style["label"] = None if several else "a candidate"
        size = 0.6 * drawing.point_size(len(scores))
        ax.scatter(spent[drawn], scores[drawn], s=size, **style)
        best = self._best[name]
        self.lines_ += ax.step(
            np.append(spent, ax.get_xlim()[1]),
            np.append(best, best[-1]),
            where="post",
            color=color,
            linewidth=2,
            linestyle=("-", "--", "-.", ":")[i // len(drawing.CYCLE) % 4],
            label=shortened(name, 24) if several else "best so far",
        )


def _parts(results: SearchResults, label: str) -> dict[str, np.ndarray]:
    """Find the rows of each search in a table of merged searches."""
    column = results.extras.get("search")
    if column is None:
        return {label: np.arange(len(results))}
    names = dict.fromkeys(map(str, column))
    prefix = f"{label}: " if label else ""
    return {f"{prefix}{name}": np.flatnonzero(column.astype(str) == name) for name in names}


def _cost(results: SearchResults, unit: str) -> np.ndarray:
    """Get the cost of each candidate, summed over all its folds."""
    n_folds = max(results.n_folds, 1)
    if unit == "candidates":
        return np.ones(len(results))
    if unit == "fits":
        return np.full(len(results), float(n_folds))
    if unit == "seconds":
        fit, score = results.time("fit", total=True), results.time("score", total=True)
        if fit is None:
            raise ValueError("unit='seconds': the search has no mean_fit_time")
        return np.nan_to_num(fit) + (0 if score is None else np.nan_to_num(score))
    return n_folds * np.nan_to_num(_epochs(results))


def _epochs(results: SearchResults) -> np.ndarray:
    """Get the epochs of a fold of each candidate: the counted number, or the requested number."""
    if results.all_epochs is not None:
        return results.all_epochs
    named = [name for name in results.names if last_part(name) == "epochs"]
    asked = results.numbers(named[0]) if len(named) == 1 else None
    if asked is not None:
        return asked
    if hasattr(results.estimator, "get_params"):
        given = results.estimator.get_params()
        epochs = [value for name, value in given.items() if last_part(name) == "epochs"]
        if len(epochs) == 1 and (n := as_integer(epochs[0])) is not None:
            return np.full(len(results), float(n))
    raise ValueError(
        "unit='epochs': the number of epochs is not known from the search; use a scorer that "
        "returns {'score': ..., 'epochs': estimator.n_epochs_}, or pass unit='fits'"
    )
