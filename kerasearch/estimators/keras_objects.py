"""Making of Keras objects from parameters: optimizers, losses and metrics.

Every fit gets its own objects. Names and classes are instantiated with the routed parameters. An
instance of the user is a template, which is copied. Losses are not copied, because they have no
state.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import keras

from .._utils.names import did_you_mean
from ..training import serialization
from ..training.trusted_libraries import package_of
from .label_encoder import unflatten_params
from .number_checks import check_numbers

INSTANCES = (keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric)
UNKNOWN = object()  # a name that Keras does not know


def make_optimizer(optimizer: Any, params: Mapping[str, Any]) -> Any:
    """Make the optimizer of one fit.

    Parameters
    ----------
    optimizer : str, class, instance, dict or None
        The estimator's parameter; None is Adam.
    params : mapping
        The parameters routed to the optimizer, by their names without prefix.

    Raises
    ------
    ValueError
        If no optimizer has this name; the message suggests similar names. Also if a number is not
        valid, such as a negative learning rate.
    """
    params = dict(params)
    rate = params.get("learning_rate")
    if isinstance(rate, int) and not isinstance(rate, bool):
        params["learning_rate"] = float(rate)  # Keras needs a float
    if isinstance(optimizer, Mapping):
        optimizer = keras.optimizers.deserialize(dict(optimizer))
    if isinstance(optimizer, keras.optimizers.Optimizer):
        made = serialization.copy_object(optimizer, **params)
    elif (cls := optimizer_class(optimizer)) is not None:
        made = unflatten_params(cls, params)
    else:
        raise ValueError(_unknown("optimizer", optimizer, _classes("optimizers")))
    check_numbers("optimizer", made, params)
    return made


def make_loss(loss: Any, params: Mapping[str, Any]) -> Any:
    """Make the loss of one fit; without parameters, names and functions do not change."""
    for name in filter(_is_name, leaves(loss)):
        if resolve("loss", name) is UNKNOWN:
            raise ValueError(_unknown("loss", name, _classes("losses")))
    if not params:
        made = unflatten_params(loss, {})
    elif isinstance(loss, keras.losses.Loss):
        made = type(loss).from_config({**config(loss), **params})
    else:
        made = unflatten_params(resolve("loss", loss), dict(params))
    check_numbers("loss", made, params)
    return made


def make_metrics(metrics: Any, params: Mapping[str, Any]) -> Any:
    """Make the metrics of one fit, as a list or dict, or None."""
    if metrics is None:
        return None
    for name in filter(_is_name, leaves(metrics)):
        if resolve("metrics", name) is UNKNOWN:
            raise ValueError(_unknown("metrics", name, _classes("metrics")))
    if params:
        metrics = resolve("metrics", metrics)
    # copy them, because metrics have variables, which belong to one model
    metrics = map_instances(keras.metrics.Metric, serialization.copy_object, metrics)
    metrics = unflatten_params(metrics, dict(params))
    return metrics if isinstance(metrics, (list, dict)) else [metrics]


def optimizer_class(optimizer: Any) -> type | None:
    """Get the class of an `optimizer` parameter, Adam for None; None if there is no class.

    Keras' own look-up is slow, because it makes an instance.
    """
    if optimizer is None:
        return keras.optimizers.Adam
    if isinstance(optimizer, str):
        registered = keras.saving.get_registered_object(optimizer)
        return registered or _classes("optimizers").get(optimizer.lower())
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer)
    if inspect.isclass(optimizer):
        return optimizer
    return None


def resolve(kind: str, value: Any) -> Any:
    """Replace names by their classes or functions, also in lists and dicts."""
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(kind, v) for v in value)
    if isinstance(value, dict):
        return {k: resolve(kind, v) for k, v in value.items()}
    if kind == "optimizer" and (value is None or isinstance(value, str)):
        return optimizer_class(value) or UNKNOWN
    if not isinstance(value, str):
        return value
    if kind == "callbacks":
        return value
    return _loss_or_metric(kind, value)


def config(instance: Any) -> dict[str, Any]:
    """Get the configuration of an instance; {} if it has no configuration."""
    get_config = getattr(instance, "get_config", None)
    if get_config is None:
        return {}
    # get_config omits some arguments, such as delta of Huber; checked with Keras 3.10 to 3.15
    return {**get_config(), **vars(instance).get("_fn_kwargs", {})}


def comparison(loss: Any) -> Any:
    """Get the function of a loss that computes values before Keras weights and averages them."""
    return loss.call if isinstance(loss, keras.losses.Loss) else loss


def is_keras_loss(loss: Any) -> bool:
    """Tell whether a loss (a name, function, class or instance) is part of Keras."""
    loss = resolve("loss", loss)
    if isinstance(loss, keras.losses.Loss):
        loss = type(loss)
    return package_of(loss) == "keras"


def loss_label(loss: Any) -> str:
    """Get a name for a loss that is equal for the string, function, class and instance."""
    loss = resolve("loss", loss)
    if isinstance(loss, keras.losses.Loss):
        loss = type(loss)
    return getattr(loss, "__name__", str(loss)).replace("_", "").lower()


def leaves(items: Any) -> list[Any]:
    """List the leaves of nested lists, tuples and dicts in order."""
    if isinstance(items, Mapping):
        items = list(items.values())
    if isinstance(items, (list, tuple)):
        return [leaf for item in items for leaf in leaves(item)]
    return [items]


def map_instances(kind: type, function: Callable[[Any], Any], items: Any) -> Any:
    """Apply `function` to the instances of `kind` in nested lists and dicts."""
    if isinstance(items, (list, tuple)):
        return [map_instances(kind, function, item) for item in items]
    if isinstance(items, dict):
        return {key: map_instances(kind, function, item) for key, item in items.items()}
    return function(items) if isinstance(items, kind) else items


def _loss_or_metric(kind: str, name: str) -> Any:
    module = keras.losses if kind == "loss" else keras.metrics
    if kind == "metrics" and name in ("acc", "accuracy", "ce", "crossentropy"):
        return name  # Keras chooses the metric class by the output and the loss
    registered = keras.saving.get_registered_object(name)
    if registered is not None:
        return registered
    classes = _classes("losses" if kind == "loss" else "metrics")
    bare = name.replace("_", "").lower()
    if bare in classes and name in (classes[bare].__name__, _snake_case(classes[bare].__name__)):
        return classes[bare]  # Keras' own look-up makes an instance
    try:
        found = module.get(name)
    except ValueError:
        return UNKNOWN
    function_name = getattr(found, "__name__", "").replace("_", "").lower()
    return classes.get(function_name, found)


@lru_cache
def _classes(module: str) -> dict[str, type]:
    """Get the public classes of ``keras.<module>`` by lower-case name."""
    base = {
        "optimizers": keras.optimizers.Optimizer,
        "losses": keras.losses.Loss,
        "metrics": keras.metrics.Metric,
    }[module]
    found = vars(getattr(keras, module)).items()
    return {n.lower(): c for n, c in found if inspect.isclass(c) and issubclass(c, base)}


def _snake_case(name: str) -> str:
    """Convert the name of a class to snake case as Keras does, such as ``mean_squared_error``."""
    parted = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()


def _unknown(kind: str, name: Any, known: Mapping[str, Any]) -> str:
    module = {"optimizer": "optimizers", "loss": "losses"}.get(kind, kind)
    names = [cls.__name__ for cls in known.values()]
    typed = str(name).replace("_", "").lower()
    # users write "rmse" and "f1" for RootMeanSquaredError and F1Score
    short = [n for n in names if typed == re.sub("[a-z]", "", n).lower()]
    short += [n for n in names if len(typed) > 1 and n.lower().startswith(typed) and n not in short]
    hint = f"; did you mean {' or '.join(short[:2])}?" if short else did_you_mean(typed, names, n=2)
    return f"{kind}={name!r} is not in keras.{module}{hint}"


def _is_name(item: Any) -> bool:
    return isinstance(item, str)
