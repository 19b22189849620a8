"""Checks of numbers that Keras accepts without an error, such as a negative learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from ..training.serialization import to_numpy
from ..training.trusted_libraries import package_of

_Bound = tuple[str, Callable[[float], bool]]

_NOT_NEGATIVE: _Bound = ("a finite number of at least 0", lambda v: 0 <= v < math.inf)
_POSITIVE: _Bound = ("a finite number above 0", lambda v: 0 < v < math.inf)
_SHARE: _Bound = ("a number from 0 to 1", lambda v: 0 <= v <= 1)

# arguments of Keras' optimizers, schedules and losses with their bounds, in Keras 3.10 to 3.15
_BOUNDS: dict[str, _Bound] = {
    **dict.fromkeys(
        (
            "learning_rate",
            "initial_learning_rate",
            "end_learning_rate",
            "warmup_target",
            "values",
            "alpha",
            "gamma",
            "epsilon",
            "epsilon_1",
            "epsilon_2",
            "weight_decay",
            "adam_weight_decay",
        ),
        _NOT_NEGATIVE,
    ),
    **dict.fromkeys(
        (
            "clipnorm",
            "clipvalue",
            "global_clipnorm",
            "clip_threshold",
            "decay_rate",
            "delta",
            "loss_scale_factor",
        ),
        _POSITIVE,
    ),
    **dict.fromkeys(
        (
            "beta_1",
            "beta_2",
            "adam_beta_1",
            "adam_beta_2",
            "rho",
            "momentum",
            "ema_momentum",
            "label_smoothing",
        ),
        _SHARE,
    ),
}


def check_numbers(what: str, made: Any, given: Mapping[str, Any] | None = None) -> None:
    """Raise if a number of an optimizer or a loss is outside its bounds.

    Parameters
    ----------
    what : str
        A description for the message: ``"optimizer"``, the prefix of routed parameters, or words.
    made : optimizer, loss, or list or dict of losses
        The Keras objects. Other objects are not checked.
    given : mapping, default=None
        The parameters routed to these objects, by their names without prefix. The message uses
        their full names.

    Raises
    ------
    ValueError
        If a number is outside its bounds. The message has its name, its value and the bounds.
    """
    for one in keras.tree.flatten(made):
        for path, name, value in _numbers(one):
            words, is_allowed = _BOUNDS[name]
            if is_allowed(value):
                continue
            keys = [key for key in given or {} if key == path or key.endswith(f"__{path}")]
            where = f"{what}__{keys[0]}" if keys else f"{what}: {type(one).__name__}'s {path}"
            raise ValueError(f"{where}={value!r} must be {words}")


def _numbers(one: Any) -> Iterator[tuple[str, str, float]]:
    """List path, name and value of each number that has bounds."""
    if isinstance(one, keras.losses.Loss):
        # The configuration lacks some of the numbers; checked with Keras 3.10 to 3.15.
        settings = _kept_by_keras(one).get("_fn_kwargs", {})
    elif isinstance(one, keras.optimizers.Optimizer):
        # a model with reduced precision wraps its optimizer
        one = getattr(one, "inner_optimizer", one)
        # With a schedule, the public `learning_rate` is the current value; same Keras versions.
        rate = one._learning_rate
        rate = float(str(to_numpy(rate))) if isinstance(rate, keras.Variable) else rate
        settings = {
            **(vars(one) if package_of(type(one)) == "keras" else {}),
            "learning_rate": rate,
        }
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            settings.update({f"learning_rate__{n}": v for n, v in _kept_by_keras(rate).items()})
    else:
        return
    for path, value in settings.items():
        name = path.rpartition("__")[2]
        for number in value if isinstance(value, list | tuple) else [value]:
            is_number = isinstance(number, int | float | np.number) and not isinstance(number, bool)
            if name in _BOUNDS and is_number:
                yield path, name, float(number)


def _kept_by_keras(one: Any) -> dict[str, Any]:
    """Get the attributes of an object of a Keras class; {} for other classes.

    In other classes, an attribute of the same name may have another meaning.
    """
    return vars(one) if package_of(type(one)) == "keras" else {}
