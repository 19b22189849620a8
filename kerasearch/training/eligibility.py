"""All conditions under which a fit cannot use compiled programs, and must use ``model.fit``."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from . import backends
from .stateful import stateful_layers
from .trusted_libraries import has_own, package_of

# methods of a model that the compiled loop replaces
_FIT = ("fit", "evaluate", "make_train_function", "make_test_function", "reset_metrics")
_PREDICT = ("predict", "make_predict_function")
# Methods of Keras that a program contains. A program serves many models, and may have been traced
# before such a method was replaced.
_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
_BATCH_EVENTS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


def why_not_compiled(
    model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]
) -> str | None:
    """Explain why a fit must use ``model.fit``; None if it can use the compiled loop."""
    return (
        _about_process()
        or _about_replacements(_FIT)
        or _about_model(model, _FIT)
        or next(filter(None, map(why_needs_batches, callbacks)), None)
    )


def why_not_predicted(
    model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]
) -> str | None:
    """Explain why a prediction must use ``model.predict``; None if it can use a program."""
    if any(True for _ in callbacks):
        return "callbacks watch the prediction"
    return _about_process() or _about_replacements(_PREDICT) or _about_model(model, _PREDICT)


def why_not_evaluated(model: keras.Model) -> str | None:
    """Explain why an evaluation must use ``model.evaluate``; None if it can use a program."""
    return _about_process() or _about_replacements(_FIT) or _about_model(model, _FIT)


def why_needs_batches(callback: keras.callbacks.Callback) -> str | None:
    """Explain why a callback must be called at every batch; None if it needs only epochs.

    A callback must be called at every batch if it overrides a batch event. Some of Keras' callbacks
    override such an event, but use it only with certain settings.
    """
    name = type(callback).__name__
    own = package_of(type(callback)) == "keras"
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
        # `profile_batch` sets this attribute; checked with Keras 3.10 to 3.15
        if getattr(callback, "_should_trace", False):
            return f"callback {name} profiles batches"
        return None
    for event in _BATCH_EVENTS:
        default = getattr(keras.callbacks.Callback, event)
        if getattr(getattr(callback, event), "__func__", None) is not default:
            return f"callback {name} overrides {event}"
    return None


def why_not_repeatable(model: keras.Model) -> str | None:
    """Explain why the results of a fit may depend on more than its inputs; None if they do not."""
    for layer in stateful_layers(model):
        return f"the layer {layer.name!r} is stateful"
    return (
        _about_limits()
        or _about_strategy(model)
        or _about_replacements(_FIT)
        or _about_methods(model, _FIT)
    )


def has_own_fit(model: keras.Model) -> bool:
    """Tell whether the class of a model overrides `fit`."""
    return has_own(model, "fit")


def _about_process() -> str | None:
    if not backends.has_programs():
        return f"the backend is {backends.NAME}"
    about_backend = _about_tensorflow if backends.NAME == "tensorflow" else _about_jax
    return about_backend() or _about_limits()


def _about_tensorflow() -> str | None:
    import tensorflow as tf  # imported here, because other backends do not need it

    if tf.distribute.has_strategy():
        return "a distribution strategy is in use"
    if tf.config.functions_run_eagerly():
        return "TensorFlow runs functions eagerly"
    return None


def _about_jax() -> str | None:
    import jax  # imported here, because other backends do not need it

    if keras.distribution.distribution() is not None:
        return "a distribution is in use"
    if getattr(keras.config, "is_nnx_enabled", bool)():  # Keras 3.10 has no such function
        return "Keras uses variables of Flax"
    for name in ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs"):
        if getattr(jax.config, name):
            return f"{name} is set"
    return None


def _about_limits() -> str | None:
    """Tell whether the configuration of Keras limits epochs or steps in this process."""
    for name in ("max_epochs", "max_steps_per_epoch"):
        if getattr(keras.config, name)():
            return "keras.config limits epochs or steps"
    return None


def _about_replacements(methods: Iterable[str]) -> str | None:
    """Tell whether a method of ``keras.Model`` was replaced in this process.

    The replacement must be called in every fit. An example is mlflow's autologging.
    """
    for name in (*methods, *_STEPS):
        # a wrapper may copy the name and module of the original function, but not its globals
        module = getattr(getattr(keras.Model, name), "__globals__", {}).get("__name__")
        if module is None or not module.startswith("keras."):
            return f"keras.Model.{name} was replaced, by {module or 'something unnamed'}"
    return None


def _about_model(model: keras.Model, methods: Iterable[str]) -> str | None:
    return _about_strategy(model) or _about_eagerness(model) or _about_methods(model, methods)


def _about_eagerness(model: keras.Model) -> str | None:
    if model.run_eagerly:
        return "the model was compiled with run_eagerly=True"
    if backends.NAME == "jax" and not model.jit_compile:
        return "without jit_compile, Keras runs JAX operation by operation"
    return None


def _about_strategy(model: keras.Model) -> str | None:
    # Keras keeps the strategy of a model in this attribute; checked with Keras 3.10 to 3.15
    if getattr(model, "_distribute_strategy", None) is not None:
        return "the model was built under a distribution strategy"
    return None


def _about_methods(model: keras.Model, methods: Iterable[str]) -> str | None:
    for name in methods:
        overridden = getattr(type(model), name) is not getattr(keras.Model, name)
        if overridden or name in vars(model):
            return f"the model overrides {name}"
    return None
