"""From a finished search to a narrower space round its best candidates."""

from __future__ import annotations

import decimal
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.user_warnings import warn
from .._utils.values import identity, unique
from ..cv_results.reading import read
from .distributions import Choice, Integers, LogIntegers, LogUniform, Uniform
from .hidden_sizes import Layers
from .scipy_distributions import Quantiles, as_distribution
from .spaces import Branch, Space, as_branches, candidate_identity

_EDGE = 0.05  # so near to an end of a range, as a share of it, the best is at the edge


def zoom(
    search: Any,
    space: Any,
    keep: float = 0.25,
    factor: float = 0.5,
    metric: str | None = None,
) -> Space:
    """Make a narrower space round the best candidates of a finished search.

    The best share `keep` of the candidates is looked at. A range becomes as wide as their values,
    but not narrower than the share `factor` of what it was, in its own scale: the logarithm of a
    learning rate, say. So a parameter that made no difference keeps nearly its range. Of numbers
    in a list there are as many as before, in the narrower range. Other values that none of the
    best had drop out; what was never tried stays. Where the best value is at an end of a range,
    the range goes on past it, and a warning says so: half as wide as `factor` has it, never below
    zero where it was not before, and within [0, 1) for a float range that was.

    Parameters
    ----------
    search : fitted search or dict
        Anything with ``cv_results_``, or such a dict itself, also one that several searches were
        merged into. Candidates without a finite score do not count. Where there are
        ``n_resources`` (successive halving, Hyperband), those that got more of them are better.
    space : dict or list of dict
        What was searched, by full names: lists or distributions. Dicts of a list none of whose
        candidates is among the best drop out.
    keep : float, default=0.25
        The share of the candidates that are looked at, in (0, 1]; one at least.
    factor : float, default=0.5
        The most that a range can narrow, in (0, 1).
    metric : str, default=None
        Of several metrics, the one to go by; None takes the one that the search's `refit` names.

    Returns
    -------
    dict or list of dict
        Lists stay lists and distributions stay distributions, so that the same kind of search
        takes the result.

    Warns
    -----
    UserWarning
        Where a range is extended.

    Raises
    ------
    TypeError
        If `search` has no results or `space` is no space.
    ValueError
        If no candidate has a score or is of this space, the metric is not there or missing, or a
        share is out of range.

    Examples
    --------
    >>> from kerasearch import log_uniform, zoom
    >>> results = {
    ...     "params": [{"alpha": 1e-4}, {"alpha": 1e-3}, {"alpha": 1e-2}, {"alpha": 1e-1}],
    ...     "mean_test_score": [0.7, 0.9, 0.8, 0.6],
    ... }
    >>> zoom(results, {"alpha": log_uniform(1e-5, 1e-1)})
    {'alpha': log_uniform(0.0001, 0.01)}
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep={keep!r} must be a share of the candidates in (0, 1]")
    if not 0 < factor < 1:
        raise ValueError(f"factor={factor!r} must be in (0, 1): the most that a range narrows")
    branches = as_branches(space)
    ranked, failed = _ranked(search, metric)
    placed = _placed(ranked, branches)
    if not placed:
        raise ValueError(
            f"no candidate with a score has the parameters of the space: {_names(branches)}"
        )
    n_kept = max(1, math.ceil(keep * len(placed)))
    placed += _placed(failed, branches)
    narrower = []
    for i, branch in enumerate(branches):
        kept = [candidate for j, candidate in placed[:n_kept] if i == j]
        tried = [candidate for j, candidate in placed if i == j]
        if kept:
            narrower.append(_zoomed(branch, kept, tried, factor))
        elif not tried:
            narrower.append(branch)
    return narrower[0] if isinstance(space, Mapping) else narrower


def _ranked(search: Any, metric: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The candidates that have a score, best first; and those that have none."""
    results = search if isinstance(search, Mapping) else getattr(search, "cv_results_", None)
    if not isinstance(results, Mapping) or "params" not in results:
        raise TypeError(
            f"search={search!r} must be a search that has been fitted, or its cv_results_"
        )
    refit = getattr(search, "refit", None)
    scores = np.asarray(results[_column(results, metric, refit)], dtype=float)
    given = read(results).resources
    order = np.lexsort((-scores, np.zeros(len(scores)) if given is None else -given))
    params = [results["params"][i] for i in order]
    has_score = np.isfinite(scores)[order]
    if not has_score.any():
        raise ValueError("no candidate of the search has a finite score")
    ranked = [one for one, has in zip(params, has_score, strict=True) if has]
    return ranked, [one for one, has in zip(params, has_score, strict=True) if not has]


def _column(results: Mapping[str, Any], metric: str | None, refit: Any) -> str:
    prefix = "mean_test_"
    known = [name.removeprefix(prefix) for name in results if name.startswith(prefix)]
    if metric is None and isinstance(refit, str):
        metric = refit
    if metric is None and len(known) == 1:
        metric = known[0]
    if metric is None and "score" in known:
        metric = "score"
    if metric not in known:
        given = "give metric" if metric is None else f"metric={metric!r} is not there"
        raise ValueError(f"{given}: the search has {', '.join(known) or 'no scores'}")
    return prefix + metric


def _placed(
    candidates: Sequence[Mapping[str, Any]], branches: Sequence[Branch]
) -> list[tuple[int, dict[str, Any]]]:
    """The parameters of each that are searched, and the branch; once, if in several rungs."""
    placed: dict[Any, tuple[int, dict[str, Any]]] = {}
    for candidate in candidates:
        i = _branch_of(candidate, branches)
        if i is not None:
            searched = {name: candidate[name] for name in branches[i]}
            placed.setdefault(candidate_identity(searched), (i, searched))
    return list(placed.values())


def _branch_of(candidate: Mapping[str, Any], branches: Sequence[Branch]) -> int | None:
    """The branch with the most parameters of the candidate; among such, the one with its values."""
    fitting = [i for i, branch in enumerate(branches) if branch.keys() <= candidate.keys()]
    if not fitting:
        return None
    most = max(len(branches[i]) for i in fitting)
    fitting = [i for i in fitting if len(branches[i]) == most]
    return max(fitting, key=lambda i: _n_shared(candidate, branches[i]))


def _n_shared(candidate: Mapping[str, Any], branch: Branch) -> int:
    return sum(
        identity(candidate[name]) in set(map(identity, spec))
        for name, spec in branch.items()
        if isinstance(spec, list | Choice)
    )


def _names(branches: Sequence[Branch]) -> str:
    return " or ".join(", ".join(branch) for branch in branches)


def _zoomed(
    branch: Branch, kept: Sequence[Mapping[str, Any]], tried: Sequence[Mapping[str, Any]], f: float
) -> Branch:
    """Narrow each parameter of one dict; the best candidate is the first of `kept`."""
    return {
        name: _narrowed(name, spec, [c[name] for c in kept], [c[name] for c in tried], f)
        for name, spec in branch.items()
    }


def _narrowed(
    name: str, spec: Any, kept: Sequence[Any], tried: Sequence[Any], factor: float
) -> Any:
    if isinstance(spec, list) and not _is_range(spec):
        return _that_did_well(spec, kept, tried)
    if isinstance(spec, Choice):
        return _choice_that_did_well(spec, kept, tried)
    if isinstance(spec, list):
        return _Range(name, min(spec), max(spec), **_scale_of(spec)).numbers(
            kept, factor, len(spec)
        )
    try:
        distribution = as_distribution(spec)
    except TypeError:  # draws alone do not tell a range
        return spec
    if isinstance(distribution, Layers):
        return _layers(name, distribution, kept, factor)
    if isinstance(distribution, Quantiles):
        return _quantiles(distribution, kept, factor)
    if not isinstance(distribution, Uniform | LogUniform | Integers | LogIntegers):
        return spec
    kind: Any = type(distribution)
    log = kind in (LogUniform, LogIntegers)
    step = getattr(distribution, "step", 1 if kind is LogIntegers else 0)
    ends = distribution.support()
    low, high = _Range(name, ends[0], ends[1], log, step).narrowed(kept, factor)
    if low == high:
        return [low]
    return Integers(low, high, step) if kind is Integers else kind(low, high)


def _is_range(values: list[Any]) -> bool:
    return len(values) >= 3 and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return False
    return math.isfinite(value)


def _that_did_well(values: Sequence[Any], kept: Sequence[Any], tried: Sequence[Any]) -> list[Any]:
    """Leave out what was tried and is not among the best; all stay if none is left."""
    did_well, was_tried = set(map(identity, kept)), set(map(identity, tried))
    left = [v for v in values if identity(v) in did_well or identity(v) not in was_tried]
    return left or list(values)


def _choice_that_did_well(spec: Choice, kept: Sequence[Any], tried: Sequence[Any]) -> Choice:
    left = _that_did_well(spec.values, kept, tried)
    if spec.p is None:
        return Choice(tuple(left))
    probability = dict(zip(map(identity, spec.values), spec.p, strict=True))
    p = [probability[identity(value)] for value in left]
    return Choice(tuple(left), tuple(x / sum(p) for x in p)) if sum(p) else spec


def _layers(name: str, spec: Layers, kept: Sequence[Any], factor: float) -> Layers:
    widths = [[int(width) for width in np.atleast_1d(value)] for value in kept]
    depths = [len(each) for each in widths]
    middle = [round(math.exp(np.mean(np.log(each)))) for each in widths[:1] if each]
    all_widths = [width for each in widths for width in each]
    depth = _Range(f"{name}, number of layers", *spec.depth, step=1).narrowed(depths, factor)
    units = _Range(f"{name}, units", *spec.units, log=True, step=1)
    return Layers(depth, units.narrowed([*middle, *all_widths], factor), spec.shape)


def _quantiles(spec: Quantiles, kept: Sequence[Any], factor: float) -> Quantiles:
    ends = spec.low_q, spec.high_q
    q = [float(spec.frozen.cdf(value)) for value in kept if _is_number(value)]
    low, high = _window(q, *ends, factor, (True, True)) if q else ends
    return Quantiles(spec.frozen, max(low, ends[0]), min(high, ends[1]))


@dataclass(frozen=True)
class _Range:
    """A range of numbers in its own scale; whole steps where `step` is not 0."""

    name: str
    low: Any
    high: Any
    log: bool = False
    step: int = 0

    def narrowed(self, kept: Sequence[Any], factor: float) -> tuple[Any, Any]:
        """The new ends; `kept` has the best value first. Says so where they lie outside."""
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
            self._say(f"goes down to {low!r}, past {self.low!r}", values[0])
        if high > self.high:
            self._say(f"goes up to {high!r}, past {self.high!r}", values[0])
        return low, high

    def numbers(self, kept: Sequence[Any], factor: float, n: int) -> list[Any]:
        """As many as `n` numbers in the narrowed range, the best value among them."""
        low, high = self.narrowed(kept, factor)
        points = np.linspace(self._scaled(low), self._scaled(high), n)
        rounded = round if self.step else _significant
        inner = [rounded(self._unscaled(point)) for point in points[1:-1]]
        numbers = [low, *inner, high]
        for best in self._numbers(kept)[:1]:
            nearest = min(range(n), key=lambda i: abs(points[i] - self._scaled(best)))
            numbers[nearest] = best
        return unique(sorted(numbers))

    def _say(self, what: str, best: Any) -> None:
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
    """Where the values lie, not narrower than `factor` has it.

    Outside of the old range only where the best value, the first, is at an end of it, and that end
    is not a natural one, as 0 is.
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


def _scale_of(values: Sequence[Any]) -> dict[str, Any]:
    """Whether the steps are more even in the logarithm, and whether numbers are whole."""
    ordered = np.sort(np.asarray(values, dtype=float))
    log = False
    if ordered[0] > 0:
        steps, factors = np.diff(ordered), np.diff(np.log(ordered))
        log = bool(factors.std() / factors.mean() < steps.std() / steps.mean())
    return {"log": log, "step": int(all(isinstance(value, int) for value in values))}


def _significant(value: float, rounding: str = decimal.ROUND_HALF_EVEN) -> float:
    """Round to three significant digits."""
    context = decimal.Context(prec=3, rounding=rounding)
    return float(context.create_decimal(repr(float(f"{value:.12g}"))))
