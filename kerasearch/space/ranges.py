"""A range of numbers, and how it narrows around the best numbers."""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._utils.checks import as_real
from .._utils.user_warnings import warn

_EDGE = 0.05  # the best value is at an end of a range within this share of its width


@dataclass(frozen=True)
class Range:
    """A range of numbers on a linear or logarithmic scale; in steps if `step` is not 0."""

    name: str
    low: Any
    high: Any
    log: bool = False
    step: int = 0

    def narrowed(self, kept: Sequence[Any], factor: float) -> tuple[Any, Any]:
        """Get the new ends; warn if they lie outside the old range."""
        values = self.numbers(kept)
        if not values or self.low == self.high:
            return self.low, self.high
        low, high, *outside = self.window(values, factor)
        made: Any = self._whole if self.step else self.floats
        low, high = made(self.unscaled(low), self.unscaled(high), values[0], *outside)
        self.warn_if_extended(low, high, values[0])
        return low, high

    def window(self, values: Sequence[Any], factor: float) -> tuple[float, float, bool, bool]:
        """Get the new ends on the scale, and whether each end lies outside the old range."""
        ends = self.scaled(self.low), self.scaled(self.high)
        is_share = self.low >= 0 and self.high == 1 and not self.log
        natural = self.low == 0 or bool(self.step and self.low == 1), is_share
        low, high = narrowed_window(list(map(self.scaled, values)), *ends, factor, natural)
        rounding = 1e-9 * (ends[1] - ends[0])
        return low, high, low < ends[0] - rounding, high > ends[1] + rounding

    def warn_if_extended(self, low: Any, high: Any, best: Any) -> None:
        """Warn if the new ends lie outside the old range."""
        if low < self.low:
            self._warn(f"now begins at {low!r}, below {self.low!r}", best)
        if high > self.high:
            self._warn(f"now ends at {high!r}, above {self.high!r}", best)

    def numbers(self, kept: Sequence[Any]) -> list[Any]:
        """Keep the values that are numbers, and positive numbers on a logarithmic scale."""
        numbers = [value for value in kept if as_real(value) is not None]
        return [value for value in numbers if value > 0 or not self.log]

    def scaled(self, value: float) -> float:
        """Map a number to its position on the scale."""
        return math.log(value) if self.log else float(value)

    def unscaled(self, value: float) -> float:
        """Map a position on the scale back to the number."""
        return math.exp(value) if self.log else value

    def floats(
        self, low: float, high: float, best: Any, down: bool, up: bool
    ) -> tuple[float, float]:
        """Round the ends outward to three digits.

        A range without negative numbers stays without them. The upper end of a range within
        [0, 1] stays below 1 if it was below 1.
        """
        low, high = (
            significant(low, decimal.ROUND_FLOOR),
            significant(high, decimal.ROUND_CEILING),
        )
        if not down or (self.low >= 0 and not self.log):
            low = max(low, self.low if not down else 0.0)
        if not up:
            high = min(high, self.high)
        elif self.low >= 0 and self.high <= 1 and not self.log:
            high = min(high, (1 + self.high) / 2)
        return min(low, best), max(high, best)

    def _warn(self, what: str, best: Any) -> None:
        warn(f"{self.name}: the range {what}, because the best value is {best!r}")

    def _whole(self, low: float, high: float, best: Any, down: bool, up: bool) -> tuple[int, int]:
        """Round the ends outward to whole steps.

        With `down` or `up`, the range extends by at least one step. A range of positive or
        non-negative numbers stays positive or non-negative.
        """
        n = round((self.high - self.low) / self.step)
        first = math.floor((low - self.low) / self.step + 1e-6)
        last = math.ceil((high - self.low) / self.step - 1e-6)
        place = (best - self.low) / self.step
        first = min(first, math.floor(place), -1) if down else min(max(first, 0), math.floor(place))
        last = max(last, math.ceil(place), n + 1) if up else max(min(last, n), math.ceil(place))
        least = 1 if self.low >= 1 else 0 if self.low >= 0 else -math.inf
        while self.low + first * self.step < least:
            first += 1
        return self.low + first * self.step, self.low + last * self.step


def narrowed_window(
    values: Sequence[float],
    low: float,
    high: float,
    factor: float,
    natural: tuple[bool, bool] = (False, False),
) -> tuple[float, float]:
    """Find the range of the values, with at least the share `factor` of the old width.

    The first value is the best value. The new range extends beyond an end of the old range only if
    the best value is at this end, and if the end is not a natural bound such as 0.
    """
    least = factor * (high - low)
    missing = max(0.0, least - (max(values) - min(values)))
    new_low, new_high = min(values) - missing / 2, max(values) + missing / 2
    edge = _EDGE * (high - low)
    if values[0] <= low + edge and not natural[0]:
        new_low = min(new_low, values[0] - least / 2)
    elif new_low < low:
        inside = min(low, *values)
        new_low, new_high = inside, new_high + (inside - new_low)
    if values[0] >= high - edge and not natural[1]:
        new_high = max(new_high, values[0] + least / 2)
    elif new_high > high:
        inside = max(high, *values)
        new_low, new_high = max(min(low, *values), new_low - (new_high - inside)), inside
    return new_low, new_high


def significant(value: float, rounding: str = decimal.ROUND_HALF_EVEN) -> float:
    """Round to three significant digits."""
    context = decimal.Context(prec=3, rounding=rounding)
    return float(context.create_decimal(repr(float(f"{value:.12g}"))))
