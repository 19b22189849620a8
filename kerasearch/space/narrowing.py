"""Narrow the values of one parameter around its best values."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.values import identity, unique
from .distributions import Choice, Integers, Uniform
from .layer_widths import LayerSizes
from .number_lists import narrowed_numbers
from .ranges import Range, narrowed_window
from .scipy_distributions import Quantiles, as_distribution


@dataclass
class Tried:
    """The values of one parameter in the candidates of a search, from the best candidate down.

    Attributes
    ----------
    kept : list
        The values in the best share of the candidates.
    scored : list of (value, float)
        The values in all candidates with a score, and the score. The score is NaN if it is not
        comparable with the best score.
    failed : list
        The values in the candidates without a score.
    """

    kept: list[Any]
    scored: list[tuple[Any, float]]
    failed: list[Any]

    def good(self, factor: float) -> list[Any]:
        """List the values in `kept`, then other values with nearly the best score, best first.

        The score of another value must be at least the lowest score among the best share `factor`
        of the values. It must also be closer to the score of the best value than to the score of
        the worst value.
        """
        best: dict[Hashable, tuple[Any, float]] = {}
        for value, score in self.scored:
            best.setdefault(identity(value), (value, score))
        ranked = [(value, score) for value, score in best.values() if not math.isnan(score)]
        middle = (ranked[0][1] + ranked[-1][1]) / 2
        enough = max(middle, ranked[math.ceil(factor * len(ranked)) - 1][1])
        return unique([*self.kept, *(value for value, score in ranked if score >= enough)])


def narrowed(name: str, spec: Any, values: Tried, factor: float) -> Any:
    """Narrow the list or distribution of one parameter; a list usually stays a list.

    Parameters
    ----------
    name : str
        The name of the parameter, for warnings.
    spec : list or distribution
        The values that were searched.
    values : Tried
        The values that the candidates had.
    factor : float
        The smallest width of the new range, as a share of the old width, in (0, 1).

    Returns
    -------
    spec : list or distribution
        The narrower list or distribution, of the same kind as `spec`. A distribution that would
        have one value becomes a list.

    Warns
    -----
    UserWarning
        If the new range extends beyond the old range.
    """
    kept, tried = values.kept, [*(value for value, _ in values.scored), *values.failed]
    if isinstance(spec, list):
        if len(spec) < 3 or not all(map(_is_number, spec)):
            return _without_the_worst(spec, values.good(factor), tried)
        return narrowed_numbers(name, spec, values.good(factor), factor)
    if isinstance(spec, Choice):
        return _choice_without_the_worst(spec, values.good(factor), tried)
    try:
        distribution = as_distribution(spec)
    except TypeError:  # without quantiles there is no range to narrow
        return spec
    if isinstance(distribution, LayerSizes):
        return _layers(name, distribution, kept, factor)
    if isinstance(distribution, Quantiles):
        return _quantiles(distribution, kept, factor)
    if not isinstance(distribution, Uniform | Integers):
        return spec
    step = distribution.step if isinstance(distribution, Integers) else 0
    whole = Range(name, distribution.low, distribution.high, distribution.log, step)
    low, high = whole.narrowed(kept, factor)
    return [low] if low == high else replace(distribution, low=low, high=high)


def _without_the_worst(
    values: Sequence[Any], kept: Sequence[Any], tried: Sequence[Any]
) -> list[Any]:
    """Leave out values that were tried and are not in `kept`; keep all if none would be left."""
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
    depth = Range(f"{name}, number of layers", *spec.depth, step=1).narrowed(depths, factor)
    units = Range(f"{name}, units", *spec.units, log=True, step=1)
    return LayerSizes(depth, units.narrowed([*middle, *all_widths], factor), spec.shape)


def _quantiles(spec: Quantiles, kept: Sequence[Any], factor: float) -> Quantiles:
    ends = spec.low_q, spec.high_q
    q = [float(spec.frozen.cdf(value)) for value in kept if _is_number(value)]
    low, high = narrowed_window(q, *ends, factor, (True, True)) if q else ends
    return Quantiles(spec.frozen, max(low, ends[0]), min(high, ends[1]))


def _is_number(value: Any) -> bool:
    return as_real(value) is not None
