"""How the loss, or a metric, went epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from .._utils.names import did_you_mean, last_part
from ..results.history import COLUMNS, training_history
from . import drawing as drawing
from .scales import number, shortened

MOST_COLORED = 6
_LONGEST = 34  # characters of a label in the legend


class TrainingCurvesDisplay:
    """Curves of training and validation: a line for the mean over folds, a band for their range.

    Training is dashed, validation solid. Of many candidates, those that end best have a color and
    the others are thin and gray, without training where there is validation.

    Use `from_search` to make one.

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

    def __init__(
        self, curves: pd.DataFrame, *, metric: str = "loss", lower_is_better: bool | None = None
    ) -> None:
        self.curves = curves
        self.metric = metric
        self.lower_is_better = lower_is_better

    @classmethod
    def from_search(
        cls,
        source: Any,
        metric: str = "loss",
        *,
        candidates: Sequence[Any] | None = None,
        lower_is_better: bool | None = None,
        ax: Any = None,
    ) -> TrainingCurvesDisplay:
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
        """
        drawing.needs_matplotlib(cls.__name__)
        if not isinstance(source, pd.DataFrame):
            source = training_history(source)
        curves = source
        if missing := [name for name in COLUMNS if name not in curves]:
            raise ValueError(
                f"a frame of curves has the columns {', '.join(COLUMNS)}, as training_history "
                f"makes it; this one is without {', '.join(missing)}"
            )
        if not len(curves):
            raise ValueError("there are no curves in this frame")
        if candidates is not None:
            if isinstance(candidates, str | Real):
                candidates = [candidates]
            unknown = [one for one in candidates if one not in set(curves["candidate"])]
            if unknown:
                known = curves["candidate"].unique()
                raise ValueError(
                    f"candidates={unknown!r}: there are {', '.join(map(str, known[:12]))}"
                )
            curves = curves[curves["candidate"].isin(list(candidates))]
        return cls(curves, metric=metric, lower_is_better=lower_is_better).plot(ax=ax)

    def plot(self, ax: Any = None) -> TrainingCurvesDisplay:
        """Draw on `ax`, or on axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        display : TrainingCurvesDisplay
            This object, with the attributes that end in ``_``.

        Raises
        ------
        ValueError
            If the curves do not have the metric.
        """
        drawing.needs_matplotlib(type(self).__name__)
        parts = self._parts()
        ax = drawing.one_axes(ax, (5.6, 3.8))
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_: dict[tuple[Any, str], Any] = {}
        self.bands_: dict[tuple[Any, str], Any] = {}
        ranked = self._ranked(parts)
        colored = ranked if len(ranked) <= len(drawing.CYCLE) else ranked[:MOST_COLORED]
        for candidate in reversed(ranked):  # the best on top
            color = drawing.CYCLE[colored.index(candidate)] if candidate in colored else None
            for part, values in parts.items():
                if part == "train" and color is None and len(parts) == 2:
                    continue
                if candidate in values.index.get_level_values("candidate"):
                    self._draw(candidate, part, values.loc[candidate], color)
        self._finish(parts, ranked, colored)
        return self

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
        values = parts.get("validation", parts.get("train"))
        assert values is not None
        lower = self.lower_is_better
        if lower is None:
            lower = any(word in self.metric for word in ("loss", "error", "mse", "mae"))
        ends = values.groupby(level=["candidate", "fold"]).last().groupby(level="candidate").mean()
        ranked = list(ends.sort_values(ascending=lower, kind="stable").index)
        everything = self.curves["candidate"].unique()
        return ranked + [one for one in everything if one not in ranked]

    def _draw(self, candidate: Any, part: str, values: pd.Series, color: str | None) -> None:
        """One candidate's mean over folds, and their range; over the folds still running."""
        folds = values.groupby(level=["epoch", "fold"]).mean().unstack("fold")  # epochs x folds
        epochs = folds.index.to_numpy(dtype=float)
        style = {"color": color or drawing.GRAY, "linestyle": "--" if part == "train" else "-"}
        n = len(self.curves["candidate"].unique())
        width, alpha = (1.6, 1.0) if color else (0.6, float(np.clip(20 / n, 0.08, 0.5)))
        marker = "o" if len(epochs) == 1 else None  # one point makes no line
        (line,) = self.ax_.plot(
            epochs,
            folds.mean(axis=1),
            linewidth=width,
            alpha=alpha,
            marker=marker,
            markersize=4,
            zorder=3 if color else 2,
            **style,
        )
        self.lines_[candidate, part] = line
        if color and folds.shape[1] > 1:
            self.bands_[candidate, part] = self.ax_.fill_between(
                epochs, folds.min(axis=1), folds.max(axis=1), color=color, alpha=0.15, linewidth=0
            )

    def _finish(self, parts: dict[str, pd.Series], ranked: list[Any], colored: list[Any]) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        ax = self.ax_
        everything = np.concatenate([values.to_numpy() for values in parts.values()])
        finite = everything[np.isfinite(everything)]
        if len(finite) and finite.min() > 0 and finite.max() > 30 * np.median(finite):
            ax.set_yscale("log")  # a loss that fell far, or one that exploded
        else:
            drawing.plain_ticks(ax, "y")
        epochs = self.curves["epoch"]
        if epochs.nunique() == 1 or not len(finite):
            ax.set_xlim(epochs.min() - 1, epochs.max() + 1)
        ax.set_xlabel("epoch")
        ax.set_ylabel(self.metric.removeprefix("val_").replace("_", " "))
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        title, labels = self._labels(colored)
        if len(ranked) > 1:
            for candidate, label in zip(colored, labels, strict=True):
                color = drawing.CYCLE[colored.index(candidate)]
                ax.plot([], [], color=color, label=label)
            if len(colored) < len(ranked):
                label = f"{len(ranked) - len(colored)} others"
                ax.plot([], [], color=drawing.GRAY, linewidth=0.6, label=label)
        for part in parts:
            style: Any = "--" if part == "train" else "-"
            ax.add_line(Line2D([], [], color=drawing.DARK, linestyle=style, label=part))
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
        return title, [shortened(label, _LONGEST) for label in labels]


def _text(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "default"  # a store has what is not at its default
    return number(value) if isinstance(value, float) else str(value)
