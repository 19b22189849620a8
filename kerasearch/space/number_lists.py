"""Narrow a list of numbers around its best numbers; integers stay on the steps of the list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .._utils.checks import as_integer
from .._utils.values import unique
from ..cv_results.values import is_log_spread
from .ranges import Range, significant

_FEWEST = 3  # a narrowed range of integers with fewer steps extends to the next steps


def narrowed_numbers(
    name: str, values: Sequence[Any], good: Sequence[Any], factor: float
) -> list[Any]:
    """Narrow a list of numbers around the `good` numbers, which all stay in the list.

    `good` has the best number first. New numbers lie between the values of the list. If the best
    number is at an end of the list, new numbers also lie beyond this end, and a warning says so.
    New integers stay on the steps of the list. New floats are spaced linearly or logarithmically,
    as the list is.
    """
    is_whole = None not in map(as_integer, values)
    log = is_log_spread(np.asarray(values, dtype=float))
    whole = Range(name, min(values), max(values), log, int(is_whole))
    good = whole.numbers(good)
    if not good or whole.low == whole.high:
        return list(values)
    low, high, *outside = whole.window(good, factor)
    low, high = whole.unscaled(low), whole.unscaled(high)
    nearest: Callable[[float], Any] = significant
    if is_whole:
        steps = _Steps.of(sorted(values))
        low, high = steps.ends(low, high, *outside)
        nearest = steps.nearest
    else:
        low, high = whole.floats(low, high, good[0], *outside)
    whole.warn_if_extended(low, high, good[0])
    n = len(values) + sum(outside)
    numbers = unique(good)
    inside = [value for value in values if low <= value <= high]
    _add(numbers, sorted(inside, key=lambda v: abs(whole.scaled(v) - whole.scaled(good[0]))), n)
    _add(numbers, [low, high], n)
    while len(numbers) < n:
        numbers.sort()
        gaps = sorted(
            pairwise(numbers),
            key=lambda gap: whole.scaled(gap[0]) - whole.scaled(gap[1]),  # the widest gap first
        )
        before = len(numbers)
        for a, b in gaps:
            middle = nearest(whole.unscaled((whole.scaled(a) + whole.scaled(b)) / 2))
            if a < middle < b:
                numbers.append(middle)
                break
        if len(numbers) == before:
            break
    return sorted(numbers)


def _add(numbers: list[Any], more: Sequence[Any], n: int) -> None:
    """Add numbers that the list does not have yet, until it has `n` numbers."""
    for value in more:
        if len(numbers) < n and value not in numbers:
            numbers.append(value)


@dataclass(frozen=True)
class _Steps:
    """The steps of a list of integers: multiples of a difference, or powers of a factor."""

    first: int
    last: int
    step: int
    by_factor: bool

    @classmethod
    def of(cls, values: Sequence[int]) -> _Steps:
        """Find the factor of a geometric list, or else the greatest common difference."""
        first, last = values[0], values[-1]
        if first > 0:
            factor = values[1] // first
            powers = [first]
            while factor > 1 and powers[-1] < last:
                powers.append(powers[-1] * factor)
            if set(values) <= set(powers):
                while math.isqrt(factor) ** 2 == factor:
                    factor = math.isqrt(factor)
                return cls(first, last, factor, True)
        return cls(first, last, math.gcd(*np.diff(values).tolist()), False)

    def ends(self, low: float, high: float, down: bool, up: bool) -> tuple[int, int]:
        """Find the first and the last step of a range.

        With `down` or `up`, the range extends beyond the list by at least one step. A list of
        positive or non-negative numbers stays positive or non-negative.
        """
        begin, end, n = self._place(low), self._place(high), round(self._place(self.last))
        for first, last in (
            (math.ceil(begin - 1e-6), math.floor(end + 1e-6)),
            (math.floor(begin + 1e-6), math.ceil(end - 1e-6)),
        ):
            first = min(first, -1) if down else max(first, 0)
            last = max(last, n + 1) if up else min(last, n)
            while not self._has(first):
                first += 1
            if last - first + 1 >= _FEWEST:
                break
        return self._at(first), self._at(last)

    def nearest(self, value: float) -> int:
        """Find the step that is closest to a number between two steps."""
        below = math.floor(self._place(value))
        return min(self._at(below), self._at(below + 1), key=lambda step: abs(step - value))

    def _has(self, k: int) -> bool:
        if self.by_factor:
            return k >= 0 or self.first % self.step**-k == 0
        least = 1 if self.first >= 1 else 0 if self.first >= 0 else -math.inf
        return self.first + k * self.step >= least

    def _place(self, value: float) -> float:
        if not self.by_factor:
            return (value - self.first) / self.step
        return math.log(value / self.first) / math.log(self.step)

    def _at(self, k: int) -> int:
        if not self.by_factor:
            return self.first + k * self.step
        return self.first * self.step**k if k >= 0 else self.first // self.step**-k
