"""Narrow the values of one parameter round those that did best."""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.user_warnings import warn
from .._utils.values import identity, unique
from .distributions import Choice, Integers, Uniform
from .layer_widths import LayerSizes
from .scipy_distributions import Quantiles, as_distribution

_EDGE = 0.05  # so near to an end of a range, as a share of it, the best is at the edge


def narrowed(name: str, spec: Any, kept: Sequence[Any], tried: Sequence[Any], factor: float) -> Any:
    """Narrow the list or distribution `spec` of one parameter, and return one of the same kind.

    `kept` are its values in the best candidates, the best one's first, and `tried` those in all;
    `factor`, in (0, 1), is the most that a range can narrow. A warning names the parameter where
    its range is extended.
    """
    if isinstance(spec, list):
        if len(spec) < 3 or not all(map(_is_number, spec)):
            return _without_the_worst(spec, kept, tried)
        return _range_of(name, spec).numbers(kept, factor, len(spec))
    if isinstance(spec, Choice):
        return _choice_without_the_worst(spec, kept, tried)
    try:
        distribution = as_distribution(spec)
    except TypeError:  # draws alone do not tell a range
        return spec
    if isinstance(distribution, LayerSizes):
        return _layers(name, distribution, kept, factor)
    if isinstance(distribution, Quantiles):
        return _quantiles(distribution, kept, factor)
    if not isinstance(distribution, Uniform | Integers):
        return spec
    step = distribution.step if isinstance(distribution, Integers) else 0
    whole = _Range(name, distribution.low, distribution.high, distribution.log, step)
    low, high = whole.narrowed(kept, factor)
    return [low] if low == high else replace(distribution, low=low, high=high)


def _without_the_worst(
    values: Sequence[Any], kept: Sequence[Any], tried: Sequence[Any]
) -> list[Any]:
    """Leave out what was tried and is not among the best; all stay if none is left."""
    did_well, was_tried = set(map(identity, kept)), set(map(identity, tried))
    left = [v for v in values if identity(v) in did_well or identity(v) not in was_tried]
    return left or list(values)


def _choice_without_the_worst(spec: Choice, kept: Sequence[Any], tried: Sequence[Any]) -> Choice:
    left = _without_the_worst(spec.values, kept, tried)
    if spec.p is None:
        return Choice(tuple(left))
    probability = dict(zip(map(identity, spec.values), spec.p, strict=True))
    p = [probability[identity(value)] for value in left]
    return Choice(tuple(left), tuple(x / sum(p) for x in p)) if sum(p) else spec


def _layers(name: str, spec: LayerSizes, kept: Sequence[Any], factor: float) -> LayerSizes:
    widths = [[int(width) for width in np.atleast_1d(value)] for value in kept]
    depths = [len(each) for each in widths]
    middle = [round(math.exp(np.mean(np.log(each)))) for each in widths[:1] if each]
    all_widths = [width for each in widths for width in each]
    depth = _Range(f"{name}, number of layers", *spec.depth, step=1).narrowed(depths, factor)
    units = _Range(f"{name}, units", *spec.units, log=True, step=1)
    return LayerSizes(depth, units.narrowed([*middle, *all_widths], factor), spec.shape)


def _quantiles(spec: Quantiles, kept: Sequence[Any], factor: float) -> Quantiles:
    ends = spec.low_q, spec.high_q
    q = [float(spec.frozen.cdf(value)) for value in kept if _is_number(value)]
    low, high = _window(q, *ends, factor, (True, True)) if q else ends
    return Quantiles(spec.frozen, max(low, ends[0]), min(high, ends[1]))


def _range_of(name: str, values: Sequence[Any]) -> _Range:
    """Make a range of a list of numbers: logarithmic where its factors are more even than steps."""
    ordered = np.sort(np.asarray(values, dtype=float))
    log = False
    if ordered[0] > 0:
        steps, factors = np.diff(ordered), np.diff(np.log(ordered))
        log = bool(factors.std() / factors.mean() < steps.std() / steps.mean())
    step = int(all(isinstance(value, int) for value in values))
    return _Range(name, min(values), max(values), log, step)


@dataclass(frozen=True)
class _Range:
    """A range of numbers in its own scale; in whole steps where `step` is not 0."""

    name: str
    low: Any
    high: Any
    log: bool = False
    step: int = 0

    def narrowed(self, kept: Sequence[Any], factor: float) -> tuple[Any, Any]:
        """Get the new ends; a warning says so where they lie outside the old ones."""
        values = self._numbers(kept)
        if not values or self.low == self.high:
            return self.low, self.high
        ends = self._scaled(self.low), self._scaled(self.high)
        is_share = self.low >= 0 and self.high == 1 and not self.log
        natural = self.low == 0 or bool(self.step and self.low == 1), is_share
        new = _window([self._scaled(value) for value in values], *ends, factor, natural)
        rounding = 1e-9 * (ends[1] - ends[0])
        outside = new[0] < ends[0] - rounding, new[1] > ends[1] + rounding
        made: Any = self._whole if self.step else self._floats
        low, high = made(self._unscaled(new[0]), self._unscaled(new[1]), values[0], *outside)
        if low < self.low:
            self._warn(f"goes down to {low!r}, past {self.low!r}", values[0])
        if high > self.high:
            self._warn(f"goes up to {high!r}, past {self.high!r}", values[0])
        return low, high

    def numbers(self, kept: Sequence[Any], factor: float, n: int) -> list[Any]:
        """Spread up to `n` numbers over the narrowed range, the best value among them."""
        low, high = self.narrowed(kept, factor)
        points = np.linspace(self._scaled(low), self._scaled(high), n)
        rounded = round if self.step else _significant
        inner = [rounded(self._unscaled(point)) for point in points[1:-1]]
        numbers = [low, *inner, high]
        for best in self._numbers(kept)[:1]:
            nearest = min(range(n), key=lambda i: abs(points[i] - self._scaled(best)))
            numbers[nearest] = best
        return unique(sorted(numbers))

    def _warn(self, what: str, best: Any) -> None:
        warn(f"{self.name}: the range {what}, as the best value is {best!r}")

    def _numbers(self, kept: Sequence[Any]) -> list[Any]:
        numbers = [value for value in kept if _is_number(value)]
        return [value for value in numbers if value > 0 or not self.log]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else float(value)

    def _unscaled(self, value: float) -> float:
        return math.exp(value) if self.log else value

    def _whole(self, low: float, high: float, best: Any, down: bool, up: bool) -> tuple[int, int]:
        """Round to whole steps, outward; one at least where it goes on. Counts stay counts."""
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

    def _floats(
        self, low: float, high: float, best: Any, down: bool, up: bool
    ) -> tuple[float, float]:
        """Round to three digits, outward; what is never negative stays so, a share below 1."""
        low, high = (
            _significant(low, decimal.ROUND_FLOOR),
            _significant(high, decimal.ROUND_CEILING),
        )
        if not down or (self.low >= 0 and not self.log):
            low = max(low, self.low if not down else 0.0)
        if not up:
            high = min(high, self.high)
        elif self.low >= 0 and self.high <= 1 and not self.log:
            high = min(high, (1 + self.high) / 2)
        return min(low, best), max(high, best)


def _window(
    values: Sequence[float],
    low: float,
    high: float,
    factor: float,
    natural: tuple[bool, bool] = (False, False),
) -> tuple[float, float]:
    """Find the range of the values, not narrower than `factor` has it.

    It goes beyond the old range only where the best value, which is the first, is at an end of
    that, and the end is not a natural one, as 0 is.
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


def _significant(value: float, rounding: str = decimal.ROUND_HALF_EVEN) -> float:
    """Round to three significant digits."""
    context = decimal.Context(prec=3, rounding=rounding)
    return float(context.create_decimal(repr(float(f"{value:.12g}"))))


def _is_number(value: Any) -> bool:
    return as_real(value) is not None
