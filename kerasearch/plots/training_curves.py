"""Plot of the loss, or of a metric, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._utils.names import did_you_mean, last_part
from .._utils.text import cut_apart, listed
from ..results.history import COLUMNS, search_history, training_history
from . import drawing
from .display import SearchDisplay, require_matplotlib
from .scales import number, shortened

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

MOST_COLORED = 6
_LONGEST = 34  # the largest number of characters of a label in the legend
_TITLE = 60  # the largest number of characters in a line of the legend's title
_LEGEND_INCHES = 4.6  # the width of the legend in a new figure
_UNKNOWN = "default"  # older stores recorded only parameters that differed from their defaults
_MOST_OF_HEIGHT = 0.5  # the largest share of the axes' height for the legend


@dataclass(eq=False, repr=False)
class TrainingCurvesDisplay(SearchDisplay):
    """Plot the loss or a metric over the epochs, for training and validation.

    A line is the mean over folds, and a band is the range over folds. Training curves are dashed,
    and validation curves are solid. With many candidates, the candidates with the best last value
    have colors. The other candidates are thin and gray, and have no training curve if they have a
    validation curve.

    Use `from_search` or `from_history` to make a display.

    Parameters
    ----------
    curves : DataFrame
        The table of `training_history`.
    metric : str, default="loss"
        The metric of the history to plot. A prefix ``val_`` makes no difference.
    lower_is_better : bool, default=None
        Whether a lower value of the metric is better. None assumes it for losses and errors.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : dict of (candidate, str) to matplotlib Line2D
        The mean curve of each candidate. The str is ``"train"`` or ``"validation"``.
    bands_ : dict of (candidate, str) to matplotlib PolyCollection
        The range over folds. A candidate with one fold, and a gray candidate, has none.

    See Also
    --------
    training_history : The table of these curves.
    OptimizationHistoryDisplay : The best score during a search.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from kerasearch import TrainingCurvesDisplay
    >>> fitted = SimpleNamespace(history_={"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
    >>> display = TrainingCurvesDisplay.from_history(fitted)
    >>> [part for candidate, part in display.lines_]
    ['train', 'validation']
    """

    curves: pd.DataFrame
    _: KW_ONLY
    metric: str = "loss"
    lower_is_better: bool | None = None

    @classmethod
    def from_search(
        cls,
        search: Any,
        metric: str = "loss",
        *,
        candidates: Sequence[int] | int | None = None,
        lower_is_better: bool | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Make the plot from a search: for all its fits, or for the refit of the best candidate.

        Parameters
        ----------
        search : fitted search
            A search of a Keras estimator, or of a pipeline that contains one. If ``store=`` of the
            Keras estimator is set, the plot has the curves of every fold. A candidate is absent if
            its fits in the store cannot be identified. Without a store, the plot has the history of
            ``best_estimator_``.
        metric : str, default="loss"
            The metric of the history to plot. ``"loss"`` and ``"val_loss"`` give the same plot.
        candidates : int or sequence of int, default=None
            The candidates to plot, by their position in ``cv_results_``. None plots all candidates.
        lower_is_better : bool, default=None
            Whether a lower value of the metric is better. None assumes it for losses and errors.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : TrainingCurvesDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `search` is not a search.
        NotFittedError
            If the search was not fitted.
        ValueError
            If the search has neither a store nor a best estimator with a history, or if there is
            no such metric or candidate.
        """
        require_matplotlib(cls)
        options: dict[str, Any] = {"candidates": candidates, "lower_is_better": lower_is_better}
        return cls.from_history(search_history(search), metric, **options, ax=ax)

    @classmethod
    def from_history(
        cls,
        source: Any,
        metric: str = "loss",
        *,
        candidates: Sequence[Any] | str | Real | None = None,
        lower_is_better: bool | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Make the plot from estimators, ``cross_validate``, a fit store or a search.

        Parameters
        ----------
        source : fitted estimators, result of cross_validate, FitStore, DataFrame or search
            An argument or a result of `training_history`. A fitted search is plotted as by
            `from_search`. For a fit store, the refit of a candidate on all rows is left out if the
            candidate has folds.
        metric : str, default="loss"
            The metric of the history to plot. ``"loss"`` and ``"val_loss"`` give the same plot.
        candidates : str, number or sequence, default=None
            The candidates to plot, by their values in the column ``candidate``. None plots all
            candidates.
        lower_is_better : bool, default=None
            Whether a lower value of the metric is better. None assumes it for losses and errors.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : TrainingCurvesDisplay
            The display, already drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `source` has no history.
        NotFittedError
            If an estimator was not fitted.
        ValueError
            If `source` contains no curves, or if there is no such metric or candidate.
        """
        require_matplotlib(cls)
        curves = _curves_of(source)
        if missing := [name for name in COLUMNS if name not in curves]:
            raise ValueError(
                f"a DataFrame of curves must have the columns {', '.join(COLUMNS)}, as "
                f"training_history returns it; {', '.join(missing)} is missing"
            )
        if not len(curves):
            raise ValueError("the DataFrame of curves is empty")
        if candidates is not None:
            wanted = [candidates] if isinstance(candidates, str | Real) else list(candidates)
            known = curves["candidate"].unique()
            if unknown := [one for one in wanted if one not in set(known)]:
                raise ValueError(f"candidates={unknown!r}: the candidates are {listed(known)}")
            curves = curves[curves["candidate"].isin(wanted)]
        return cls(curves, metric=metric, lower_is_better=lower_is_better).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        parts = self._parts()  # it may raise; then no figure has been made yet
        title, labels = self._legend(parts, self._ranked(parts))
        n_rows = drawing.legend_rows(labels, _LEGEND_INCHES) + len((title or "").splitlines())
        return 5.6, 3.4 + drawing.rows_inches(n_rows)

    def _draw(self, ax: Axes) -> None:
        parts = self._parts()
        self.lines_: dict[tuple[Any, str], Line2D] = {}
        self.bands_: dict[tuple[Any, str], PolyCollection] = {}
        ranked = self._ranked(parts)
        colored = _colored(ranked)
        for candidate in reversed(ranked):  # the best candidate is drawn on top
            color = drawing.CYCLE[colored.index(candidate)] if candidate in colored else None
            for part, values in parts.items():
                if part == "train" and color is None and len(parts) == 2:
                    continue
                if candidate in values.index.get_level_values("candidate"):
                    self._draw_one(ax, candidate, part, values.loc[candidate], color)
        self._finish(ax, parts, ranked)

    def _parts(self) -> dict[str, pd.Series]:
        """Get the training and validation values, indexed by candidate, fold and epoch."""
        known = list(self.curves["metric"].unique())
        bare = self.metric.removeprefix("val_")
        names = {"train": bare, "validation": f"val_{bare}"}
        if not set(names.values()) & set(known):
            raise ValueError(
                f"metric={self.metric!r}: the curves have the metrics {', '.join(known)}"
                f"{did_you_mean(self.metric, known, n=1)}"
            )
        chosen = self.curves.set_index(["candidate", "fold", "epoch"])
        parts = {part: chosen[chosen["metric"] == name] for part, name in names.items()}
        return {part: rows["value"].astype(float) for part, rows in parts.items() if len(rows)}

    def _ranked(self, parts: dict[str, pd.Series]) -> list[Any]:
        """Order the candidates by the last value of their curves, the best first."""
        values = parts["validation" if "validation" in parts else "train"]
        lower = self.lower_is_better
        if lower is None:
            lower = any(word in self.metric for word in ("loss", "error", "mse", "mae"))
        ends = values.groupby(level=["candidate", "fold"]).last().groupby(level="candidate").mean()
        ranked = list(ends.sort_values(ascending=lower, kind="stable").index)
        everything = self.curves["candidate"].unique()
        return ranked + [one for one in everything if one not in ranked]

    def _draw_one(
        self, ax: Axes, candidate: Any, part: str, values: pd.Series, color: str | None
    ) -> None:
        """Draw a candidate's mean and range over the folds that ran each epoch."""
        folds = values.groupby(level=["epoch", "fold"]).mean().unstack("fold")  # epochs x folds
        epochs = folds.index.to_numpy(dtype=float)
        n = self.curves["candidate"].nunique()
        style: dict[str, Any] = {"color": drawing.GRAY, "linewidth": 0.6, "zorder": 2}
        style["alpha"] = float(np.clip(20 / n, 0.08, 0.5))
        if color:
            style = {"color": color, "linewidth": 1.6, "zorder": 3}
        if len(epochs) == 1:  # a line with one point would be invisible
            style |= {"marker": "o", "markersize": 4}
        style["linestyle"] = "--" if part == "train" else "-"
        (self.lines_[candidate, part],) = ax.plot(epochs, folds.mean(axis=1), **style)
        if color and folds.shape[1] > 1:
            self.bands_[candidate, part] = ax.fill_between(
                epochs, folds.min(axis=1), folds.max(axis=1), color=color, alpha=0.15, linewidth=0
            )

    def _finish(self, ax: Axes, parts: dict[str, pd.Series], ranked: list[Any]) -> None:
        from matplotlib.ticker import MaxNLocator

        values = pd.concat(list(parts.values())).to_numpy()
        finite = values[np.isfinite(values)]
        if len(finite) and finite.min() > 0 and finite.max() > 30 * np.median(finite):
            ax.set_yscale("log")  # the loss decreased or increased by a large factor
        else:
            drawing.plain_ticks(ax, "y")
        epochs = self.curves["epoch"]
        if epochs.nunique() == 1 or not len(finite):
            ax.set_xlim(epochs.min() - 1, epochs.max() + 1)
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        ax.set(xlabel="epoch", ylabel=self.metric.removeprefix("val_").replace("_", " "))
        title, labels = self._legend(parts, ranked)
        n_rows = drawing.legend_rows(labels, _LEGEND_INCHES)
        if drawing.rows_inches(n_rows) > _MOST_OF_HEIGHT * drawing.height(ax):
            title, labels = self._legend(parts, ranked, by_number=True)
        for label, look in zip(labels, self._looks(parts, ranked), strict=True):
            ax.plot([], [], label=label, **look)
        drawing.legend_outside(ax, title)

    def _legend(
        self, parts: dict[str, pd.Series], ranked: list[Any], by_number: bool = False
    ) -> tuple[str | None, list[str]]:
        """Get the title and the labels of the legend.

        The labels name the candidates with a color, the other candidates, and the two parts.
        """
        title, labels, colored = None, list[str](), _colored(ranked)
        if len(ranked) > 1:
            title, labels = _numbered(colored) if by_number else self._labels(colored)
            if len(colored) < len(ranked):
                labels = [*labels, f"{len(ranked) - len(colored)} others"]
        return title, [*labels, *parts]

    def _looks(self, parts: dict[str, pd.Series], ranked: list[Any]) -> list[dict[str, Any]]:
        """Get the style of each line in the legend, in the order of the labels."""
        looks: list[dict[str, Any]] = []
        if len(ranked) > 1:
            colored = _colored(ranked)
            looks = [{"color": color} for color in drawing.CYCLE[: len(colored)]]
            if len(colored) < len(ranked):
                looks.append({"color": drawing.GRAY, "linewidth": 0.6})
        styles = ["--" if part == "train" else "-" for part in parts]
        return looks + [{"color": drawing.DARK, "linestyle": style} for style in styles]

    def _labels(self, candidates: list[Any]) -> tuple[str | None, list[str]]:
        """Name candidates by the parameters that vary, or by their numbers if none varies.

        If the labels would be too long, the names of the parameters become the legend's title.
        """
        columns = [name for name in map(str, self.curves) if name.startswith("param_")]
        firsts: Any = self.curves.drop_duplicates("candidate").set_index("candidate")[columns]
        varying = [name for name in columns if len(set(map(_text, firsts[name]))) > 1]
        if not varying:
            return _numbered(candidates)
        names = [last_part(name.removeprefix("param_")) for name in varying]
        values = [[_text(firsts.loc[one, name]) for name in varying] for one in candidates]
        labels = [_label(dict(zip(names, row, strict=True))) for row in values]
        title = None
        if max(map(len, labels)) > _LONGEST:
            title, labels = fill(", ".join(names), _TITLE), [_row(row) for row in values]
        return title, [shortened(label, _LONGEST) for label in cut_apart(labels, _LONGEST)]


def _curves_of(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if hasattr(source, "cv_results_"):
        return search_history(source)
    return _without_refits(training_history(source))


def _without_refits(curves: pd.DataFrame) -> pd.DataFrame:
    """Leave out the refits on all rows at the end of a search, because they are not folds.

    A refit is a candidate's only fit with the largest number of rows, under one of two conditions:
    other candidates do not have this training set, but have the candidate's other training sets;
    or the numbers of rows are those of K folds, whose training sets have K - 1 parts of K.
    """
    if "n_rows" not in curves:
        return curves
    fits = curves[["candidate", "fold", "n_rows"]].drop_duplicates(["candidate", "fold"])
    times = fits["fold"].value_counts().to_dict()
    refits = []
    for candidate, folds in fits.sort_values("n_rows").groupby("candidate"):
        *others, largest = folds["fold"]
        *sizes, most = map(int, folds["n_rows"])
        if len(sizes) < 2 or sizes[-1] == most:
            continue
        is_own = times[largest] < min(times[fold] for fold in others)
        if is_own or abs((len(sizes) - 1) * most - sum(sizes)) <= len(sizes):
            refits.append((candidate, largest))
    return curves[~curves.set_index(["candidate", "fold"]).index.isin(refits)]


def _colored(ranked: list[Any]) -> list[Any]:
    """Choose the candidates that have a color."""
    return ranked if len(ranked) <= len(drawing.CYCLE) else ranked[:MOST_COLORED]


def _numbered(candidates: list[Any]) -> tuple[None, list[str]]:
    return None, [shortened(f"candidate {one}", _LONGEST) for one in candidates]


def _label(values: Mapping[str, str]) -> str:
    """Name a candidate by its values of some parameters, without the unknown values."""
    known = {name: text for name, text in values.items() if text != _UNKNOWN}
    return ", ".join(f"{name}={text}" for name, text in (known or values).items())


def _row(texts: list[str]) -> str:
    """Name a candidate by its values alone, for a legend whose title has the names."""
    return ", ".join("-" if text == _UNKNOWN else text for text in texts)


def _text(value: Any) -> str:
    if value is not None and pd.api.types.is_scalar(value) and pd.isna(value):
        return _UNKNOWN
    return number(value) if isinstance(value, float) else str(value)
