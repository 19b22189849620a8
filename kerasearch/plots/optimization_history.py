"""How fast a search got how far."""

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

FEW = 20  # candidates that are all shown
_LABELS = {
    "candidates": "candidates",
    "fits": "fits",
    "epochs": "epochs trained, all folds",
    "seconds": "fit and score time, all folds (s)",
}


@dataclass(eq=False, repr=False)
class OptimizationHistoryDisplay(SearchDisplay):
    """The best score so far against what was spent; several searches in one picture.

    The best so far is the score of the candidate that would be chosen then: in successive halving
    and Hyperband one with the most resources. Of more than 20 candidates, the axis shows the better
    half, and marks at its lower edge the others.

    Use `from_search` to make one.

    Parameters
    ----------
    spent : mapping of str to array-like of shape (n_candidates,)
        Name of each search to what it had spent after each candidate, in the order tried.
    scores : mapping of str to array-like of shape (n_candidates,)
        Name of each search to its mean test scores; NaN where a candidate failed.
    unit : {"candidates", "fits", "epochs", "seconds"}, default="candidates"
        What was spent.
    metric : str, default="score"
        Name of the score.
    best : mapping of str to array-like of shape (n_candidates,), default=None
        Name of each search to the best score so far. None is the highest of the scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The best score so far of each search.
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
        """Draw one search, or several.

        Parameters
        ----------
        search : fitted search, dict, DataFrame, or several of them
            A search or its ``cv_results_``; to compare some, a dict from name to search, or a
            sequence. The candidates are taken to have been tried in the order of
            ``cv_results_``. A column ``search``, as `merge_searches` makes it, tells searches
            apart.
        unit : {"candidates", "fits", "epochs", "seconds"}, default="candidates"
            What to draw the score against. Epochs need a count: a scorer's ``epochs``,
            a hyperparameter or a resource of that name, or the estimator's. Seconds are the work of
            all folds, not the time on the clock where they ran in parallel.
        metric : str, default=None
            Which score; None takes the one that the search refitted by, or the first.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : OptimizationHistoryDisplay

        Raises
        ------
        ValueError
            If `unit` is not known, the search does not tell it, or searches have different scores.
        """
        require_matplotlib(cls)
        if unit not in _LABELS:
            raise ValueError(f"unit={unit!r}: must be one of {', '.join(_LABELS)}")
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
        """The best so far, and the better half of the candidates: the rest would flatten them."""
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
    """Split merged searches into the rows of each."""
    column = results.extras.get("search")
    if column is None:
        return {label: np.arange(len(results))}
    names = dict.fromkeys(map(str, column))
    prefix = f"{label}: " if label else ""
    return {f"{prefix}{name}": np.flatnonzero(column.astype(str) == name) for name in names}


def _cost(results: SearchResults, unit: str) -> np.ndarray:
    """What each candidate cost, over all its folds."""
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
    """Epochs of one fold of each candidate: counted, or as they were asked for."""
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
        "unit='epochs': the search does not tell its epochs; use a scorer that returns "
        "{'score': ..., 'epochs': estimator.n_epochs_}, or unit='fits'"
    )
