"""Which fits whole epochs in one call cannot reproduce, all conditions in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
from keras.src.backend import config as keras_config
from keras.src.utils import python_utils

# how the reason begins where tracing was tried and failed
NOT_TRACED = "the loop cannot be traced"

# Methods of a model that drive the loop, or that the loop's own order of events replaces
_FIT = ("fit", "evaluate", "make_train_function", "make_test_function", "reset_metrics")
_PREDICT = ("predict", "make_predict_function")
_BATCH_EVENTS = (
    *("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_batch_begin", "on_test_batch_end"),
)


def why_not_compiled(
    model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]
) -> str | None:
    """Why a fit must go through ``model.fit``; None where the compiled loop does the same."""
    return (
        _about_process()
        or _about_model(model, _FIT)
        or next(filter(None, map(why_needs_batches, callbacks)), None)
    )


def why_not_predicted(
    model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]
) -> str | None:
    """Why a prediction must go through ``model.predict``."""
    if any(True for _ in callbacks):
        return "callbacks watch the prediction"
    return _about_process() or _about_model(model, _PREDICT)


def why_not_evaluated(model: keras.Model) -> str | None:
    """Why an evaluation must go through ``model.evaluate``."""
    return _about_process() or _about_model(model, _FIT)


def why_needs_batches(callback: keras.callbacks.Callback) -> str | None:
    """Why a callback must be called at every batch; None where epochs are enough.

    It does when it overrides one of the batch events. Three of Keras' own override one and then
    only use it if their settings say so.
    """
    name = type(callback).__name__
    own = type(callback).__module__.startswith("keras.")
    if own and isinstance(callback, keras.callbacks.ProgbarLogger):
        return None
    if own and isinstance(
        callback, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
    ):
        if callback.save_freq == "epoch":
            return None
        return f"callback {name} saves every {callback.save_freq} batches"
    if own and isinstance(callback, keras.callbacks.TensorBoard):
        if callback.update_freq != "epoch":
            return f"callback {name} writes every {callback.update_freq} batches"
        if getattr(callback, "_should_trace", False):
            return f"callback {name} profiles batches"
        return None
    for event in _BATCH_EVENTS:
        if not python_utils.is_default(getattr(callback, event)):
            return f"callback {name} overrides {event}"
    return None


def overrides_the_loop(model: keras.Model) -> str | None:
    """Which part of the loop a model brings itself; None for one that Keras' own loop trains."""
    if getattr(model, "_distribute_strategy", None) is not None:
        return "the model was built under a distribution strategy"
    return _overridden(model, _FIT)


def limits_the_loop() -> str | None:
    """Whether Keras is told to end fits early, for the whole process; None if not."""
    if _limit("max_epochs") or _limit("max_steps_per_epoch"):
        return "Keras is told to limit epochs or steps"
    return None


def _about_process() -> str | None:
    if keras.backend.backend() != "tensorflow":
        return f"the backend is {keras.backend.backend()}"
    import tensorflow as tf

    if tf.distribute.has_strategy():
        return "a distribution strategy is in use"
    if tf.config.functions_run_eagerly():
        return "TensorFlow runs functions eagerly"
    return limits_the_loop()


def _about_model(model: keras.Model, methods: Iterable[str]) -> str | None:
    if getattr(model, "_distribute_strategy", None) is not None:
        return "the model was built under a distribution strategy"
    if model.run_eagerly:
        return "the model was compiled with run_eagerly=True"
    return _overridden(model, methods)


def _overridden(model: keras.Model, methods: Iterable[str]) -> str | None:
    for name in methods:
        overridden = getattr(type(model), name) is not getattr(keras.Model, name)
        if overridden or name in vars(model):
            return f"the model overrides {name}"
    return None


def _limit(name: str) -> Any:
    return getattr(keras_config, name, lambda: None)()
