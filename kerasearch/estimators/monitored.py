"""A check before training that the quantities that callbacks monitor will exist.

Keras reports a missing quantity after the first epoch, or never. The callback then has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from .._utils.names import did_you_mean
from .._utils.text import listed
from ..training import serialization
from ..training.trusted_libraries import package_of
from . import keras_objects

_MONITORING = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.ModelCheckpoint,
)
# hooks in which a callback can add quantities to the logs of other callbacks
_HOOKS = ("on_epoch_end", "on_batch_end", "on_train_batch_end", "on_test_batch_end", "on_test_end")
# methods of a model that may return other logs if they are overridden
_STEPS = ("fit", "train_step", "test_step", "compute_metrics", "get_metrics_result", "evaluate")

_SEVERAL = (list, tuple, Mapping)


def check_monitored(
    callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, validates: bool
) -> None:
    """Raise if the `monitor` of a Keras callback will not be in the logs.

    Nothing is raised if a training step or a callback of the user may add quantities to the logs.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        The callbacks of the fit.
    model : keras.Model
        A compiled model.
    validates : bool
        Whether the fit has validation rows.

    Raises
    ------
    ValueError
        If a monitored quantity will not be in the logs. The message names the available quantities.
    """
    monitoring = [callback for callback in callbacks if _needs_its_quantity(callback)]
    if not monitoring or _may_add(callbacks, model):
        return
    names = _names_in_training(model)
    if names is None:
        return
    known = [*names, *(f"val_{name}" for name in names)] if validates else list(names)
    always = {"learning_rate"} if any(map(_logs_the_rate, callbacks)) else set()
    for callback in monitoring:
        if callback.monitor not in {*known, *always}:
            _raise(callback, known, names, validates)


def _raise(callback: Any, known: Sequence[str], names: Sequence[str], validates: bool) -> None:
    monitor = callback.monitor
    of_training = monitor.removeprefix("val_")
    ways = []
    if monitor.startswith("val_") and not validates:
        ways.append("set validation_split=0.2, or pass X_val and y_val to fit")
    if of_training not in names:
        near = did_you_mean(monitor, known)
        ways.append(f"record it with metrics=[{of_training!r}]{near}")
    shown = dict.fromkeys(known)
    raise ValueError(
        f"callbacks: {type(callback).__name__} monitors {monitor!r}, which this fit does not "
        f"record: it records {listed(map(repr, shown))}"
        f"{'' if validates else ' and has no validation rows'}; {', and '.join(ways)}"
    )


def _needs_its_quantity(callback: Any) -> bool:
    if not isinstance(callback, _MONITORING) or not isinstance(callback.monitor, str):
        return False
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only:
        return False
    own_way = ("on_epoch_end", "on_train_batch_end", "get_monitor_value", "_save_model")
    return not any(_is_the_users(callback, method) for method in own_way)


def _may_add(callbacks: Iterable[keras.callbacks.Callback], model: keras.Model) -> bool:
    if any(getattr(type(model), m) is not getattr(keras.Model, m) for m in _STEPS):
        return True
    return any(
        isinstance(callback, keras.callbacks.LambdaCallback)
        or any(_is_the_users(callback, hook) for hook in _HOOKS)
        for callback in callbacks
    )


def _is_the_users(callback: keras.callbacks.Callback, method: str) -> bool:
    """Tell whether a method is not defined by Keras."""
    if method in vars(callback):
        return True
    owner = next((cls for cls in type(callback).__mro__ if method in vars(cls)), None)
    return owner is not None and package_of(owner) != "keras"


def _logs_the_rate(callback: keras.callbacks.Callback) -> bool:
    rate = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    return isinstance(callback, rate)


def _names_in_training(model: keras.Model) -> list[str] | None:
    """List the quantities that a training step may log; None if they are not known."""
    compiled = keras_objects.leaves(serialization.compiled_metrics(model))
    given = [metric for metric in compiled if metric is not None]
    owned = [m for m in model.metrics if m.name != "compile_metrics"]
    for metric in (*given, *owned):  # the result of a user's metric may be a dict
        if isinstance(metric, keras.metrics.Metric) and package_of(type(metric)) != "keras":
            return None
    names: list[str] = []
    for name in map(_name, given):  # Keras adds a prefix or number to the second equal name
        names += [name] if name not in names else [f"weighted_{name}", f"{name}_{len(names)}"]
    outputs = [str(name) for name in getattr(model, "output_names", None) or []]
    if len(outputs) > 1:
        names = [f"{output}_{name}" for output in outputs for name in [*names, "loss"]]
    elif not outputs and not getattr(model, "outputs", None) and isinstance(model.loss, _SEVERAL):
        return None  # the number of outputs of a subclass of Model is not known
    return list(dict.fromkeys(["loss", *names, *(m.name for m in owned)]))


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    if isinstance(metric, keras.metrics.Metric):
        return str(metric.name)
    return str(getattr(metric, "__name__", type(metric).__name__))
