"""Conversion between candidates of a search space and Optuna's trials, in both directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._utils.checks import as_real
from .._utils.plain_values import as_python
from .._utils.values import candidate_identity, identity, unique
from ..space.branches import as_distributions, cartesian, n_candidates
from ..space.distributions import Choice, Distribution, Integers, Uniform
from ..space.layer_widths import LayerSizes
from ..space.scipy_distributions import Quantiles
from .optuna_import import import_optuna

if TYPE_CHECKING:
    from optuna.trial import BaseTrial, FixedTrial, FrozenTrial

_MOST_LISTED = 100_000
_BRANCH = "branch"  # a trial's parameter: the index in a list of dicts


class TrialSpace:
    """A search space for Optuna's trials.

    Parameters
    ----------
    space : dict, list of dict or callable
        Lists or distributions by parameter name, or a function ``space(trial) -> params``.
    """

    def __init__(self, space: Any) -> None:
        self.function: Callable[[Any], Any] | None = None
        self.branches: list[dict[str, Distribution]] = []
        if callable(space):
            self.function = space
        else:
            self.branches = as_distributions(space)
        self.n_values = math.inf if self.function else n_candidates(self.branches)

    @property
    def names(self) -> set[str]:
        """The names of the searched parameters; empty if the space is a function."""
        return {name for branch in self.branches for name in branch}

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """Get a candidate from a trial; a finished trial gives its own candidate."""
        if self.function is not None:
            params = self.function(trial)
            if not isinstance(params, Mapping):
                raise TypeError(f"space(trial) must return a dict of parameters; got {params!r}")
            return dict(params)
        i = 0
        if len(self.branches) > 1:
            i = trial.suggest_categorical(_BRANCH, list(range(len(self.branches))))
        return {
            name: _suggest(trial, self._label(i, name), values)
            for name, values in self.branches[i].items()
        }

    def encode(self, params: Mapping[str, Any], partial: bool = False) -> dict[str, Any] | None:
        """Convert a candidate to a trial's parameters; None if it is outside the space.

        Parameters that the space does not have are ignored. With `partial`, the candidate may lack
        parameters of the space.
        """
        if self.function is not None:
            return dict(params)
        for i, branch in enumerate(self.branches):
            if not partial and not branch.keys() <= params.keys():
                continue
            encoded: dict[str, Any] | None = {_BRANCH: i} if len(self.branches) > 1 else {}
            for name in branch.keys() & params.keys():
                code = _encode(self._label(i, name), branch[name], params[name])
                if code is None or encoded is None:
                    encoded = None
                else:
                    encoded.update(code)
            if encoded:
                return encoded
        return None

    def finished_trial(self, params: Mapping[str, Any], score: float) -> FrozenTrial | None:
        """Convert a candidate to a finished trial; None if it is outside the space."""
        fixed = self.trial_of(params)
        return None if fixed is None else finished_trial(fixed.params, fixed.distributions, score)

    def trial_of(self, params: Mapping[str, Any]) -> FixedTrial | None:
        """Convert a candidate to a trial; None if it is outside the space."""
        encoded = self.encode(params)
        if encoded is None:
            return None
        fixed = import_optuna().trial.FixedTrial(encoded)
        try:
            self.suggest(fixed)
        except (ValueError, KeyError):  # the function asks for other parameters or values
            return None
        return fixed

    def untried(self, known: Container[Hashable]) -> list[dict[str, Any]] | None:
        """List the candidates that are not in `known`; None if the space cannot be listed."""
        if self.n_values > _MOST_LISTED:
            return None
        return [
            params
            for branch in self.branches
            for params in cartesian(branch)
            if candidate_identity(params) not in known
        ]

    def _label(self, i: int, name: str) -> str:
        return name if len(self.branches) == 1 else f"{i}:{name}"


def finished_trial(
    params: Mapping[str, Any], distributions: Mapping[str, Any], score: float, **more: Any
) -> FrozenTrial:
    """Make a finished trial of Optuna. Without a finite score, it is a failed trial."""
    trial = import_optuna().trial
    succeeded = math.isfinite(score)
    return trial.create_trial(
        params=dict(params),
        distributions=dict(distributions),
        value=float(score) if succeeded else None,
        state=trial.TrialState.COMPLETE if succeeded else trial.TrialState.FAIL,
        **more,
    )


def _suggest(trial: BaseTrial, name: str, values: Distribution) -> Any:
    if isinstance(values, Uniform):
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    if isinstance(values, Integers):
        return trial.suggest_int(name, values.low, values.high, step=values.step, log=values.log)
    if isinstance(values, Choice):
        if are_optunas(values.values):
            return trial.suggest_categorical(name, list(values.values))
        return values.values[trial.suggest_categorical(name, list(range(len(values.values))))]
    if isinstance(values, LayerSizes):
        return _suggest_layers(trial, name, values)
    return values.at([trial.suggest_float(name, 0.0, 1.0)])


def _suggest_layers(trial: BaseTrial, name: str, layers: LayerSizes) -> tuple[int, ...]:
    """Suggest layer sizes. The depth and each width are separate parameters of the trial."""
    n = trial.suggest_int(f"{name}.depth", *layers.depth)
    if n == 0:
        return ()
    if layers.shape == "constant":
        return (trial.suggest_int(f"{name}.units", *layers.units, log=True),) * n
    if layers.shape == "free":
        return tuple(
            trial.suggest_int(f"{name}.units_{i}", *layers.units, log=True) for i in range(1, n + 1)
        )
    first = trial.suggest_float(f"{name}.first", 0.0, 1.0)
    last = trial.suggest_float(f"{name}.last", 0.0, 1.0) if n > 1 else 0.0
    return layers.at([_midpoint(n, *layers.depth), first, last])


def _encode(name: str, values: Distribution, value: Any) -> dict[str, Any] | None:
    """Convert one value to the trial's parameters; None if the distribution does not have it."""
    if isinstance(values, Choice):
        known = [identity(v) for v in values.values]
        if identity(value) not in known:
            return None
        i = known.index(identity(value))
        return {name: values.values[i] if are_optunas(values.values) else i}
    if isinstance(values, LayerSizes):
        return _encode_layers(name, values, value)
    number = as_python(value)
    if as_real(number) is None:
        return None
    if isinstance(values, Quantiles):
        u = (float(values.frozen.cdf(number)) - values.low_q) / (values.high_q - values.low_q)
        return {name: u} if 0 <= u <= 1 else None
    if not isinstance(values, Uniform | Integers) or not values.low <= number <= values.high:
        return None
    if isinstance(values, Uniform):
        return {name: float(number)}
    return {name: int(number)} if (number - values.low) % values.step == 0 else None


def _encode_layers(name: str, layers: LayerSizes, value: Any) -> dict[str, Any] | None:
    low, high = layers.units
    if not isinstance(value, tuple | list) or not layers.depth[0] <= len(value) <= layers.depth[1]:
        return None
    if not all(low <= width <= high for width in value):
        return None
    code: dict[str, Any] = {f"{name}.depth": len(value)}
    if not value:
        return code
    if layers.shape == "free":
        return {**code, **{f"{name}.units_{i}": w for i, w in enumerate(value, start=1)}}
    if layers.shape == "constant":
        return {**code, f"{name}.units": value[0]} if len(set(value)) == 1 else None
    first, last = _log_midpoint(value[0], low, high), _log_midpoint(value[-1], low, value[0])
    code |= {f"{name}.first": first} | ({f"{name}.last": last} if len(value) > 1 else {})
    point = [_midpoint(len(value), *layers.depth), first, last]
    return code if 0 <= last <= 1 and layers.at(point) == tuple(value) else None


def _midpoint(k: int, low: int, high: int) -> float:
    """Get the midpoint of the part of [0, 1] that is mapped to the integer `k`."""
    return (k - low + 0.5) / (high - low + 1)


def _log_midpoint(k: int, low: int, high: int) -> float:
    """Get the same midpoint on a logarithmic scale."""
    return math.log((k + 0.5) / low) / math.log((high + 1) / low)


def are_optunas(values: Sequence[Any]) -> bool:
    """Tell whether Optuna accepts the values: it compares with ``==`` and stores JSON."""
    simple = all(type(v) in (type(None), bool, int, float, str) for v in values)
    distinct = len(set(values)) == len(values) == len(unique(values)) if simple else False
    return distinct and all(value == value for value in values)  # False for NaN
