"""How the loss, or a metric, went epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Real
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
        """Draw the curves of estimators, of ``cross_validate`` or of a fit store.

        Parameters
        ----------
        source : fitted estimators, result of cross_validate, fit store or DataFrame
            What `training_history` takes, or the frame that it gives.
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
        curves = source if isinstance(source, pd.DataFrame) else training_history(source)
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
        self._parts()  # which raises before there is a figure
        return 5.6, 3.8

    def _draw(self, ax: Axes) -> None:
        parts = self._parts()
        self.lines_: dict[tuple[Any, str], Line2D] = {}
        self.bands_: dict[tuple[Any, str], PolyCollection] = {}
        ranked = self._ranked(parts)
        colored = ranked if len(ranked) <= len(drawing.CYCLE) else ranked[:MOST_COLORED]
        for candidate in reversed(ranked):  # the best on top
            color = drawing.CYCLE[colored.index(candidate)] if candidate in colored else None
            for part, values in parts.items():
                if part == "train" and color is None and len(parts) == 2:
                    continue
                if candidate in values.index.get_level_values("candidate"):
                    self._draw_one(ax, candidate, part, values.loc[candidate], color)
        self._finish(ax, parts, ranked, colored)

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

    def _finish(
        self, ax: Axes, parts: dict[str, pd.Series], ranked: list[Any], colored: list[Any]
    ) -> None:
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
        title, labels = self._labels(colored)
        if len(ranked) > 1:
            for color, label in zip(drawing.CYCLE, labels, strict=False):
                ax.plot([], [], color=color, label=label)
            if len(colored) < len(ranked):
                label = f"{len(ranked) - len(colored)} others"
                ax.plot([], [], color=drawing.GRAY, linewidth=0.6, label=label)
        for part in parts:
            linestyle = "--" if part == "train" else "-"
            ax.plot([], [], color=drawing.DARK, linestyle=linestyle, label=part)
        drawing.legend_outside(ax, title if len(ranked) > 1 else None)

    def _labels(self, candidates: list[Any]) -> tuple[str | None, list[str]]:
        """Name candidates by the parameters that tell them apart, or by their numbers.

        Where that is too long for a legend, the parameters' names are its title.
        """
        columns = [name for name in map(str, self.curves) if name.startswith("param_")]
        firsts: Any = self.curves.drop_duplicates("candidate").set_index("candidate")[columns]
        varying = [name for name in columns if firsts[name].astype(str).nunique() > 1]
        if not varying:
            return None, [shortened(f"candidate {one}", _LONGEST) for one in candidates]
        names = [last_part(name.removeprefix("param_")) for name in varying]
        values = [[_text(firsts.loc[one, name]) for name in varying] for one in candidates]
        labels = [", ".join(map("=".join, zip(names, row, strict=True))) for row in values]
        title = None
        if max(map(len, labels)) > _LONGEST:
            title, labels = ", ".join(names), [", ".join(row) for row in values]
        return title, [shortened(label, _LONGEST) for label in cut_apart(labels, _LONGEST)]


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "default"  # a store has what is not at its default
    return number(value) if isinstance(value, float) else str(value)
