"""How the loss, or a metric, went epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
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
_LONGEST = 34  # characters of a label in the legend
_TITLE = 60  # of a line of its title
_LEGEND_INCHES = 4.6  # its width in a figure of its own
_MOST_OF_HEIGHT = 0.5  # of the axes, that a legend may take


@dataclass(eq=False, repr=False)
class TrainingCurvesDisplay(SearchDisplay):
    """Curves of training and validation: a line for the mean over folds, a band for their range.

    Training is dashed, validation solid. Of many candidates, those that end best have a color and
    the others are thin and gray, without training where there is validation.

    Use `from_search` or `from_history` to make one.

    Parameters
    ----------
    curves : DataFrame
        As `training_history` makes it.
    metric : str, default="loss"
        Which metric of the history to draw, without ``val_``.
    lower_is_better : bool, default=None
        How to tell which candidates end best. None: so it is for losses and errors.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of (candidate, str) to matplotlib Line2D
        The mean curve of each candidate, ``"train"`` or ``"validation"``.
    bands_ : dict of (candidate, str) to matplotlib PolyCollection
        The range over folds; absent where there is one fold.
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
        """Draw the curves of a search: of all its fits, or of the best candidate's refit.

        Parameters
        ----------
        search : fitted search
            Of a Keras estimator, also inside a pipeline. With ``store=`` set on the estimator, the
            store has the curves of every fold; candidates whose fits the store cannot tell from
            others' are absent. Without a store it is the history of ``best_estimator_``.
        metric : str, default="loss"
            Which metric of the history to draw; ``"loss"`` and ``"val_loss"`` are the same picture.
        candidates : int or sequence of int, default=None
            Which candidates to draw, by their place in ``cv_results_``. None is all.
        lower_is_better : bool, default=None
            How to tell which candidates end best. None: so it is for losses and errors.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : TrainingCurvesDisplay

        Raises
        ------
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
        """Draw the curves of estimators, of ``cross_validate``, of a fit store or of a search.

        Parameters
        ----------
        source : fitted estimators, result of cross_validate, fit store or DataFrame
            What `training_history` takes, or the frame that it gives. A fitted search is drawn as
            by `from_search`. Of a store, a refit on all rows is left out where there are folds.
        metric : str, default="loss"
            Which metric of the history to draw; ``"loss"`` and ``"val_loss"`` are the same picture.
        candidates : sequence, default=None
            Which candidates to draw, by their value in the column ``candidate``. None is all.
        lower_is_better : bool, default=None
            How to tell which candidates end best. None: so it is for losses and errors.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : TrainingCurvesDisplay

        Raises
        ------
        ValueError
            If there are no curves in the source, or no such metric or candidate.
        """
        require_matplotlib(cls)
        curves = _curves_of(source)
        if missing := [name for name in COLUMNS if name not in curves]:
            raise ValueError(
                f"a frame of curves has the columns {', '.join(COLUMNS)}, as training_history "
                f"makes it; this one is without {', '.join(missing)}"
            )
        if not len(curves):
            raise ValueError("there are no curves in this frame")
        if candidates is not None:
            wanted = [candidates] if isinstance(candidates, str | Real) else list(candidates)
            known = curves["candidate"].unique()
            if unknown := [one for one in wanted if one not in set(known)]:
                raise ValueError(f"candidates={unknown!r}: there are {listed(known)}")
            curves = curves[curves["candidate"].isin(wanted)]
        return cls(curves, metric=metric, lower_is_better=lower_is_better).plot(ax=ax)

    def _size(self) -> tuple[float, float]:
        parts = self._parts()  # which raises before there is a figure
        title, labels = self._legend(parts, self._ranked(parts))
        n_rows = drawing.legend_rows(labels, _LEGEND_INCHES) + len((title or "").splitlines())
        return 5.6, 3.4 + drawing.rows_inches(n_rows)

    def _draw(self, ax: Axes) -> None:
        parts = self._parts()
        self.lines_: dict[tuple[Any, str], Line2D] = {}
        self.bands_: dict[tuple[Any, str], PolyCollection] = {}
        ranked = self._ranked(parts)
        colored = _colored(ranked)
        for candidate in reversed(ranked):  # the best on top
            color = drawing.CYCLE[colored.index(candidate)] if candidate in colored else None
            for part, values in parts.items():
                if part == "train" and color is None and len(parts) == 2:
                    continue
                if candidate in values.index.get_level_values("candidate"):
                    self._draw_one(ax, candidate, part, values.loc[candidate], color)
        self._finish(ax, parts, ranked)

    def _parts(self) -> dict[str, pd.Series]:
        """Training and validation values, indexed by candidate, fold and epoch."""
        known = list(self.curves["metric"].unique())
        bare = self.metric.removeprefix("val_")
        names = {"train": bare, "validation": f"val_{bare}"}
        if not set(names.values()) & set(known):
            raise ValueError(
                f"metric={self.metric!r}: the curves have {', '.join(known)}"
                f"{did_you_mean(self.metric, known, n=1)}"
            )
        chosen = self.curves.set_index(["candidate", "fold", "epoch"])
        parts = {part: chosen[chosen["metric"] == name] for part, name in names.items()}
        return {part: rows["value"].astype(float) for part, rows in parts.items() if len(rows)}

    def _ranked(self, parts: dict[str, pd.Series]) -> list[Any]:
        """Candidates, the one whose curve ends best first."""
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
        """One candidate's mean over folds, and their range; over the folds still running."""
        folds = values.groupby(level=["epoch", "fold"]).mean().unstack("fold")  # epochs x folds
        epochs = folds.index.to_numpy(dtype=float)
        n = self.curves["candidate"].nunique()
        style: dict[str, Any] = {"color": drawing.GRAY, "linewidth": 0.6, "zorder": 2}
        style["alpha"] = float(np.clip(20 / n, 0.08, 0.5))
        if color:
            style = {"color": color, "linewidth": 1.6, "zorder": 3}
        if len(epochs) == 1:  # one point makes no line
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
            ax.set_yscale("log")  # a loss that fell far, or one that exploded
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
        """Title and labels of the legend: the candidates with a color, the others, the parts."""
        title, labels, colored = None, list[str](), _colored(ranked)
        if len(ranked) > 1:
            title, labels = _numbered(colored) if by_number else self._labels(colored)
            if len(colored) < len(ranked):
                labels = [*labels, f"{len(ranked) - len(colored)} others"]
        return title, [*labels, *parts]

    def _looks(self, parts: dict[str, pd.Series], ranked: list[Any]) -> list[dict[str, Any]]:
        """How the lines of the legend look, in the order of its labels."""
        looks: list[dict[str, Any]] = []
        if len(ranked) > 1:
            colored = _colored(ranked)
            looks = [{"color": color} for color in drawing.CYCLE[: len(colored)]]
            if len(colored) < len(ranked):
                looks.append({"color": drawing.GRAY, "linewidth": 0.6})
        styles = ["--" if part == "train" else "-" for part in parts]
        return looks + [{"color": drawing.DARK, "linestyle": style} for style in styles]

    def _labels(self, candidates: list[Any]) -> tuple[str | None, list[str]]:
        """Name candidates by the parameters that tell them apart, or by their numbers.

        Where that is too long for a legend, the parameters' names are its title.
        """
        columns = [name for name in map(str, self.curves) if name.startswith("param_")]
        firsts: Any = self.curves.drop_duplicates("candidate").set_index("candidate")[columns]
        varying = [name for name in columns if firsts[name].astype(str).nunique() > 1]
        if not varying:
            return _numbered(candidates)
        names = [last_part(name.removeprefix("param_")) for name in varying]
        values = [[_text(firsts.loc[one, name]) for name in varying] for one in candidates]
        labels = [", ".join(map("=".join, zip(names, row, strict=True))) for row in values]
        title = None
        if max(map(len, labels)) > _LONGEST:
            title, labels = fill(", ".join(names), _TITLE), [", ".join(row) for row in values]
        return title, [shortened(label, _LONGEST) for label in cut_apart(labels, _LONGEST)]


def _curves_of(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if hasattr(source, "cv_results_"):
        return search_history(source)
    return _without_refits(training_history(source))


def _without_refits(curves: pd.DataFrame) -> pd.DataFrame:
    """Leave out the fits on all rows that a search ends with: they are no folds.

    So is a candidate's one fit on the most rows, if other candidates have its folds and not that
    one, or if its rows are those that K folds leave in K - 1 parts of training data.
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


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "default"  # a store has what is not at its default
    return number(value) if isinstance(value, float) else str(value)
