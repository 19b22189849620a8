"""What to do instead of setting a parameter that nothing takes, where more than a name helps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from .._utils.names import RENAMED, last_part
from .._utils.text import listed
from . import keras_objects
from .arguments import arguments

# by the last part of a name that is in use elsewhere, or was in older versions of Keras
_ELSEWHERE = {
    **{
        old: f"The {what} is {new if '__' in new else f'`{new}`'}"
        for old, (what, new) in RENAMED.items()
    },
    "decay": "A rate that decays is a schedule: "
    "optimizer__learning_rate=keras.optimizers.schedules.ExponentialDecay and its arguments below",
    "n_jobs": "Searches and cross-validation have n_jobs; a fit takes the cores that Keras takes",
    "early_stopping": "Stop early by callbacks=keras.callbacks.EarlyStopping",
    "n_iter_no_change": "Stop early by callbacks=keras.callbacks.EarlyStopping",
    "patience": "Name the class that takes it: callbacks=keras.callbacks.EarlyStopping, "
    "callbacks__patience=",
    "validation_data": "Pass X_val and y_val to fit",
    "feature_encoder": "It is a property: override it in a subclass, or put a transformer before "
    "the network in a pipeline",
    "target_encoder": "It is a property: override it in a subclass, or use "
    "sklearn.compose.TransformedTargetRegressor",
    "n_features_in": "A model-building function gets it in its argument `meta`",
    "X": "The argument X of a model-building function is filled in with the rows that train; to "
    "set it, rename the argument",
    "input_shape": "A model-building function gets it in its argument `meta`, as X_shape_",
    "input_dim": "A model-building function gets it in its argument `meta`, as n_features_in_",
}
_NAME_IT = {
    "loss": 'loss="binary_crossentropy"',
    "metrics": "metrics=[keras.metrics.BinaryAccuracy]",
    "callbacks": "callbacks=keras.callbacks.EarlyStopping",
}


def advice(name: str, params: Mapping[str, Any]) -> str:
    """Say what to do instead of setting a parameter that nothing takes.

    Parameters
    ----------
    name : str
        The full name of the parameter.
    params : mapping
        The estimator's present parameters.

    Returns
    -------
    sentence : str
        "" where nothing better is known than which names are near.
    """
    route, _, rest = name.partition("__")
    sentence = _about_target(route, rest, params[route]) if rest and route in _PARTS else ""
    return sentence or _ELSEWHERE.get(last_part(name), "")


_PARTS = ("optimizer", "loss", "metrics", "callbacks")


def _about_target(route: str, rest: str, target: Any) -> str:
    """Say why the part of the network that an argument is routed to does not take it."""
    *path, argument = rest.split("__")
    where = route
    for step in path:
        members = target if isinstance(target, Mapping) else {}
        if isinstance(target, list | tuple):
            members = {str(i): member for i, member in enumerate(target)}
        if step not in members:
            break
        target, where = members[step], f"{where}[{step}]"
    if isinstance(target, list | tuple) and len(target) == 1:
        target, where = target[0], f"{where}[0]"
    if target is None and route in _NAME_IT:
        return f"{route} is None: name the one that takes {argument!r}, as {_NAME_IT[route]}"
    if isinstance(target, keras.callbacks.Callback):
        cls = type(target).__name__
        return f"{where} is an instance of {cls}, whose arguments are set: give the class, {cls}"
    return _about_optimizer(target, argument) if route == "optimizer" else ""


def _about_optimizer(optimizer: Any, argument: str) -> str:
    """Name the optimizers that take an argument, where this one does not."""
    cls = keras_objects.optimizer_class(optimizer if optimizer is not None else "adam")
    takers = [
        other.__name__
        for other in {id(c): c for c in vars(keras.optimizers).values()}.values()
        if inspect.isclass(other)
        and issubclass(other, keras.optimizers.Optimizer)
        and argument in arguments(other).names
    ]
    if cls is None or not takers:
        return ""
    have = "has" if len(takers) == 1 else "have"
    return f"{cls.__name__} has no {argument!r}; {listed(sorted(takers))} {have}"
