"""The positions of a hyperparameter's values on an axis: linear, logarithmic or categorical."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .._utils.plain_values import as_python
from .._utils.text import cut_apart
from .._utils.text import shortened as text_shortened
from ..cv_results.values import MISSING, is_log_spread, labels, numeric

LONGEST_LABEL = 18  # the largest number of characters of a category's label


@dataclass(frozen=True, eq=False)
class Scale:
    """The positions of one hyperparameter's values, and the labels of their axis.

    Attributes
    ----------
    label : str
        The name of the axis.
    positions : ndarray of shape (n_candidates,), float
        The values if they are numbers, or else the positions 0, 1, ... of categories. It is NaN
        for a candidate without a value.
    categories : list of str or None
        The labels of the categories; None for numbers.
    log : bool
        Whether the scale is logarithmic.
    """

    label: str
    positions: np.ndarray
    categories: list[str] | None = None
    log: bool = False

    @classmethod
    def of(cls, label: str, values: Sequence[Any]) -> Scale:
        """Choose a scale for the values; ``MISSING`` has no position."""
        numbers = numeric(values)
        if numbers is not None:
            finite = np.where(np.isfinite(numbers), numbers, np.nan)
            return cls(label, finite, None, is_log_spread(finite))
        cells = [as_python(value) for value in values]
        written = list(zip(labels(cells), cells, strict=True))
        by_text = {text: cell for text, cell in written if cell is not MISSING}
        texts = sorted(by_text, key=lambda text: sort_key(by_text[text], text))
        place = {text: float(i) for i, text in enumerate(texts)}
        positions = [math.nan if cell is MISSING else place[text] for text, cell in written]
        return cls(label, np.array(positions), _labels(texts, [by_text[text] for text in texts]))

    @property
    def distinct(self) -> np.ndarray:
        """The different positions, in ascending order."""
        return np.unique(self.positions[np.isfinite(self.positions)])

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of an axis that shows every position with a margin; they always differ."""
        if self.categories is not None:
            return -0.5, max(len(self.categories), 1) - 0.5
        if not len(self.distinct):
            return 0.0, 1.0
        low, high = self._stretched(self.distinct[[0, -1]])
        share = 0.15 if len(self.distinct) <= 3 else 0.05
        margin = share * (high - low) or (0.5 if self.log or not low else 0.5 * abs(low))
        low, high = low - margin, high + margin
        return (10**low, 10**high) if self.log else (low, high)

    def unit(self, positions: np.ndarray) -> np.ndarray:
        """Map positions to [0, 1]; if all positions are equal, they are mapped to 0.5."""
        if not len(self.distinct):
            return np.full(np.shape(positions), np.nan)
        low, high = self._stretched(self.distinct[[0, -1]])
        if low == high:
            return np.where(np.isfinite(positions), 0.5, np.nan)
        return (self._stretched(positions) - low) / (high - low)

    def ticks(self, most: int = 7) -> list[tuple[float, str]]:
        """Choose about `most` ticks at most; return their positions and texts.

        The ticks are at the values if the values are few and not too close, or else at round
        numbers.
        """
        if self.categories is not None:
            step = math.ceil(len(self.categories) / most)
            return [(float(i), self.categories[i]) for i in range(0, len(self.categories), step)]
        places = self.distinct
        gaps = np.diff(self.unit(places))
        if len(places) > most or (len(gaps) and gaps.min() < 0.8 / most):
            places = self._round_places(most)
        digits = enough_digits(places)
        return [(float(place), number(place, digits)) for place in places]

    def bins(self, most: int = 10) -> tuple[np.ndarray, list[str]]:
        """Assign the candidates to cells, one for each distinct value or one for each range.

        Parameters
        ----------
        most : int, default=10
            With more distinct numbers than this, a cell is a range of numbers, and this is the
            largest number of cells.

        Returns
        -------
        cells : ndarray of shape (n_candidates,), int
            The cell of each candidate; -1 for a candidate without a value.
        labels : list of str
            The label of each cell. The ends of a range of integers are integers, and both ends
            belong to the range.
        """
        known = np.isfinite(self.positions)
        distinct = self.distinct
        cells = np.full(len(self.positions), -1)
        if self.categories is not None or len(distinct) <= most:
            cells[known] = np.searchsorted(distinct, self.positions[known])
            names, digits = self.categories, enough_digits(distinct)
            return cells, [number(v, digits) if names is None else names[int(v)] for v in distinct]
        low, high = self._stretched(distinct[[0, -1]])
        edges = np.linspace(low, high, most + 1)
        if (distinct == np.round(distinct)).all():
            return self._whole_bins(10**edges if self.log else edges)
        inner = np.searchsorted(edges, self._stretched(self.positions[known]), side="right") - 1
        cells[known] = np.clip(inner, 0, most - 1)
        edges = 10**edges if self.log else edges
        digits = enough_digits(edges, 2)
        ends = [number(edge, digits) for edge in edges]
        return cells, [f"{a} to {b}" for a, b in pairwise(ends)]

    def _whole_bins(self, edges: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Assign integers to cells that begin and end at integers."""
        first = np.unique(np.round(edges[:-1]))
        last = np.append(first[1:] - 1, self.distinct[-1])
        known = np.isfinite(self.positions)
        cells = np.full(len(self.positions), -1)
        cells[known] = np.searchsorted(first, self.positions[known], side="right") - 1
        ends = [(_whole_number(a), _whole_number(b)) for a, b in zip(first, last, strict=True)]
        return cells, [a if a == b else f"{a} to {b}" for a, b in ends]

    def _round_places(self, most: int) -> np.ndarray:
        """Find round numbers within the range by matplotlib's locators."""
        from matplotlib.ticker import Locator, LogLocator, MaxNLocator

        low, high = self.distinct[[0, -1]]
        locators: list[Locator] = [MaxNLocator(max(most - 1, 1), steps=[1, 2, 5, 10])]
        if self.log:  # from the finest locator to the coarsest
            locators = [LogLocator(subs=subs, numticks=most) for subs in ((1, 2, 5), (1, 3), (1,))]
        for locator in locators:
            places = np.asarray(locator.tick_values(low, high))
            slack = 1e-3 * places if self.log else 1e-9 * (high - low)
            places = places[(places >= low - slack) & (places <= high + slack)]
            if not self.log:
                places[np.abs(places) < 1e-9 * (high - low)] = 0.0  # remove a rounding error
            if 2 <= len(places) <= most:
                break
        return places if len(places) else np.array([low, high])

    def _stretched(self, positions: np.ndarray) -> np.ndarray:
        return np.log10(positions) if self.log else np.asarray(positions, dtype=float)


def _labels(texts: Sequence[str], values: Sequence[Any]) -> list[str]:
    """Shorten the texts of categories; write numbers among them with few digits."""
    digits = enough_digits([value for value in values if isinstance(value, float)])
    return [
        number(value, digits) if isinstance(value, float) else shortened(text)
        for text, value in zip(cut_apart(texts, LONGEST_LABEL), values, strict=True)
    ]


def number(value: float, digits: int = 3) -> str:
    """Write a number with few digits, or exactly if this is short: ``0.9999``, ``1e-05``."""
    exact = f"{value:.6g}"
    if len(exact) <= 7 and float(exact) == value:
        return exact
    rounded = float(f"{value:.{digits}g}")
    if rounded.is_integer() and abs(rounded) < 1e6:
        return str(int(value) if float(value).is_integer() else int(rounded))
    return f"{rounded:.{digits}g}"


def _whole_number(value: float) -> str:
    return str(int(value)) if abs(value) < 1e9 else number(value, 6)


def enough_digits(values: Iterable[float], least: int = 3) -> int:
    """Find the number of digits that give different texts to different numbers.

    For example, 1.0001 and 1.0002 need five digits.
    """
    values = list(values)
    for digits in range(least, 10):
        if len({number(value, digits) for value in values}) == len(values):
            return digits
    return least


def shortened(text: str, longest: int = LONGEST_LABEL) -> str:
    """Cut a label in the middle, because either end may distinguish it from other labels.

    Dollar signs are escaped, because matplotlib reads the text between two of them as a formula.
    """
    return text_shortened(text, longest).replace("$", r"\$")


def sort_key(value: Any, text: str) -> tuple[Any, ...]:
    """Order mixed values: None, booleans, numbers, texts, sequences of numbers, other values."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, int | float):
        return (2, value)
    if isinstance(value, str):
        return (3, value.casefold(), value)
    if isinstance(value, tuple | list) and all(isinstance(part, int | float) for part in value):
        return (4, len(value), *value)
    return (5, text)
