"""Advice for error messages about unknown parameters, beyond similar names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from .._utils.names import RENAMED, last_part
from .._utils.text import listed
from . import keras_objects
from .arguments import arguments

# by the last part of a name that other libraries or older versions of Keras use
_ELSEWHERE = {
    **{
        old: f"The {what} is {new if '__' in new else f'`{new}`'}"
        for old, (what, new) in RENAMED.items()
    },
    "decay": "For a decaying learning rate, pass the schedule "
    "optimizer__learning_rate=keras.optimizers.schedules.ExponentialDecay and its arguments as "
    "optimizer__learning_rate__<argument>",
    "n_jobs": "Searches and cross-validation have n_jobs; for a fit, Keras chooses the cores",
    "early_stopping": "For early stopping, pass callbacks=keras.callbacks.EarlyStopping",
    "n_iter_no_change": "For early stopping, pass callbacks=keras.callbacks.EarlyStopping",
    "patience": "Pass the class that has this argument, callbacks=keras.callbacks.EarlyStopping, "
    "and callbacks__patience=",
    "validation_data": "Pass X_val and y_val to fit",
    "feature_encoder": "It is a property: override it in a subclass, or put a transformer before "
    "the network in a pipeline",
    "target_encoder": "It is a property: override it in a subclass, or use "
    "sklearn.compose.TransformedTargetRegressor",
    "n_features_in": "A model-building function gets it in its argument `meta`",
    "X": "The argument X of a model-building function gets the training rows; to set a value "
    "yourself, rename the argument",
    "input_shape": "A model-building function gets it in its argument `meta`, as X_shape_",
    "input_dim": "A model-building function gets it in its argument `meta`, as n_features_in_",
}
_NAME_IT = {
    "loss": 'loss="binary_crossentropy"',
    "metrics": "metrics=[keras.metrics.BinaryAccuracy]",
    "callbacks": "callbacks=keras.callbacks.EarlyStopping",
}


def advice(name: str, params: Mapping[str, Any]) -> str:
    """Advise what to do instead of setting an unknown parameter.

    Parameters
    ----------
    name : str
        The full name of the parameter.
    params : mapping
        The estimator's current parameters.

    Returns
    -------
    sentence : str
        The advice; "" if there is no advice.
    """
    route, _, rest = name.partition("__")
    sentence = _about_target(route, rest, params[route]) if rest and route in _PARTS else ""
    return sentence or _ELSEWHERE.get(last_part(name), "")


_PARTS = ("optimizer", "loss", "metrics", "callbacks")


def _about_target(route: str, rest: str, target: Any) -> str:
    """Explain why the object that an argument is routed to does not accept it."""
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
        return f"{route} is None: set it, for example {_NAME_IT[route]}, to pass {argument!r}"
    if isinstance(target, keras.callbacks.Callback):
        cls = type(target).__name__
        return f"{where} is an instance of {cls}, whose arguments are fixed: pass the class, {cls}"
    return _about_optimizer(target, argument) if route == "optimizer" else ""


def _about_optimizer(optimizer: Any, argument: str) -> str:
    """Name the optimizers that have an argument that this optimizer does not have."""
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
    return f"{cls.__name__} has no {argument!r}, but {listed(sorted(takers))} {have} it"
