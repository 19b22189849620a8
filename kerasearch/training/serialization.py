"""Copies and pickles of Keras objects, including objects of custom classes.

Keras copies and pickles only its own and registered classes. This module converts an object to
plain data, and to the classes and functions that it needs. Pickle saves these by reference and
cloudpickle by value, so that nothing has to be registered.
"""

from __future__ import annotations

import io
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

# ``model.save`` and `keras.models.load_model` need a path. They call `saving_lib`, which also
# accepts an open file. Checked with Keras 3.10 to 3.15.
from keras.src.saving import saving_lib

from .trusted_libraries import FRAMEWORKS, package_of

if keras.backend.backend() == "tensorflow":  # other backends do not need TensorFlow
    import tensorflow as tf

__all__ = [
    "ModelState",
    "PackedModel",
    "PackedObject",
    "compiled_metrics",
    "contains_keras_objects",
    "copy_containers",
    "copy_contents",
    "copy_model",
    "copy_object",
    "pack",
    "to_numpy",
    "unpack",
]


def copy_model(model: keras.Model) -> keras.Model:
    """Copy a model with its weights and its compile settings.

    Raises
    ------
    TypeError
        If Keras cannot serialize the model, such as a subclassed model without ``get_config``.
    """
    return PackedModel.of(model).model()


def copy_object(value: Any, **overrides: Any) -> Any:
    """Make a new optimizer or metric with the configuration of `value`, and with `overrides`."""
    return PackedObject.of(value, **overrides).object()


def copy_contents(value: Any, copy_layer: Callable[[keras.Layer], keras.Layer]) -> Any:
    """Copy lists, tuples and dicts, and the models, layers, optimizers and metrics in them.

    `copy_layer` copies a layer or model that its configuration cannot recreate.
    """
    return _replace(value, lambda one: _copy_one(one, copy_layer), {})


def copy_containers(value: Any) -> Any:
    """Copy lists, tuples and dicts, but not the objects in them."""
    return _replace(value, lambda leaf: leaf, {})


def to_numpy(variable: keras.Variable) -> np.ndarray:
    """Get the value of a variable; Keras' own conversion warns on NumPy 2 with TensorFlow."""
    if keras.backend.backend() == "tensorflow":
        value = variable.value
        if isinstance(value, tf.Variable) and not isinstance(
            value, tf.distribute.DistributedValues
        ):
            # a third of the time that the variable itself takes to read
            value = tf.raw_ops.ReadVariableOp(resource=value.handle, dtype=value.dtype)
        return value.numpy()
    return np.array(keras.ops.convert_to_numpy(variable.value))


def compiled_metrics(model: keras.Model) -> list[Any]:
    """Get the metrics and weighted metrics that were passed to ``compile``.

    Keras has no public access to them before the first batch. Checked with Keras 3.10 to 3.15.
    """
    compiled = model._compile_metrics if model.compiled else None
    return [] if compiled is None else [compiled._user_metrics, compiled._user_weighted_metrics]


def pack(value: Any) -> Any:
    """Replace the Keras objects in `value`, nested lists, tuples and dicts, by plain data."""
    return _replace(value, _pack_one, {})


def unpack(value: Any) -> Any:
    """Undo `pack`."""
    return _replace(value, _unpack_one, {})


def contains_keras_objects(value: Any) -> bool:
    """Tell whether `value` is a Keras object or a list, tuple or dict with one in it."""
    if isinstance(value, dict):
        return any(contains_keras_objects(v) for v in value.values())
    if type(value) in (list, tuple):
        return any(contains_keras_objects(v) for v in value)
    return isinstance(value, (keras.Layer, keras.callbacks.Callback, *_OBJECTS))


@dataclass(frozen=True)
class PackedModel:
    """A model as the bytes of a ``.keras`` file, and the custom classes and functions in it."""

    data: bytes
    custom_objects: dict[str, Any]

    @classmethod
    def of(cls, model: keras.Model) -> PackedModel:
        """Pack `model`."""
        buffer = io.BytesIO()
        try:
            with warnings.catch_warnings():
                # a template need not be built or trained
                warnings.filterwarnings("ignore", "You are saving a model that has not yet been")
                warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy")
                saving_lib.save_model(model, buffer)
        except NotImplementedError as error:
            raise TypeError(
                f"the model {model.name!r} cannot be copied, since Keras cannot serialize it: "
                f"{error}\nPass a function that builds it instead."
            ) from error
        return cls(buffer.getvalue(), dict(_custom_objects(model)))

    def model(self, compiled: bool = True) -> keras.Model:
        """Load the model, with or without its compile settings."""
        # unpickling can run any code, so that Keras' safe mode would not protect anybody
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return saving_lib.load_model(
                io.BytesIO(self.data),
                custom_objects=self.custom_objects,
                compile=compiled,
                safe_mode=False,
            )


@dataclass(frozen=True)
class PackedObject:
    """An optimizer, metric, loss or schedule as its class and plain data."""

    cls: Any
    state: dict[str, Any]
    from_config: bool

    @classmethod
    def of(cls, value: Any, **overrides: Any) -> PackedObject:
        """Pack `value`, with some entries of its configuration replaced."""
        if isinstance(value, keras.losses.Loss):
            # a loss has no variables, and many custom ones have no complete get_config
            return cls(type(value), {**vars(value), **overrides}, False)
        config = value.get_config()
        # With a schedule, `learning_rate` is its current value. Checked with Keras 3.10 to 3.15.
        schedule = getattr(value, "_learning_rate", None)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            # as an object: Keras would look for its class among the registered ones
            config["learning_rate"] = schedule
        return cls(type(value), {**config, **overrides}, True)

    def object(self) -> Any:
        """Recreate the object."""
        if self.from_config:
            return self.cls.from_config(dict(self.state))
        value = self.cls.__new__(self.cls)
        vars(value).update(self.state)
        return value


@dataclass(frozen=True)
class ModelState:
    """The state of a model that training changes: weights, seed generators, optimizer variables."""

    variables: list[np.ndarray]
    optimizer: list[np.ndarray]

    @classmethod
    def of(cls, model: keras.Model) -> ModelState:
        """Read the state of `model`."""
        return cls(*([to_numpy(v) for v in group] for group in _state_variables(model)))

    def restore(self, model: keras.Model) -> None:
        """Write the state into `model`, which the same builder has built.

        Raises
        ------
        ValueError
            If the model has other variables, because its builder has changed.
        """
        if self.optimizer and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        for variables, values in zip(
            _state_variables(model), (self.variables, self.optimizer), strict=True
        ):
            if not values:  # a model without weights, or an optimizer that was not built
                continue
            if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
                raise ValueError(
                    "the model-building function no longer builds the model that was fitted: "
                    f"its variables have shapes {[tuple(v.shape) for v in variables]}, "
                    f"those saved have {[value.shape for value in values]}"
                )
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def _state_variables(model: keras.Model) -> tuple[list[Any], list[Any]]:
    optimizer = model.optimizer if model.compiled else None
    return list(model.variables), list(optimizer.variables) if optimizer is not None else []


_OBJECTS = (
    keras.optimizers.Optimizer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.schedules.LearningRateSchedule,
)


def _copy_one(value: Any, copy_layer: Callable[[keras.Layer], keras.Layer]) -> Any:
    if isinstance(value, keras.Layer):
        try:
            return copy_model(value) if isinstance(value, keras.Model) else _from_config(value)
        except Exception:  # a class without a configuration may raise any error
            return copy_layer(value)
    carries_state = isinstance(value, (keras.optimizers.Optimizer, keras.metrics.Metric))
    return copy_object(value) if carries_state else value


def _from_config(layer: keras.Layer) -> keras.Layer:
    new = type(layer).from_config(layer.get_config())
    if layer.built:
        new.build_from_config(layer.get_build_config())
        new.set_weights(layer.get_weights())
    return new


def _pack_one(value: Any) -> Any:
    if isinstance(value, keras.Model):
        return PackedModel.of(value)
    return PackedObject.of(value) if isinstance(value, _OBJECTS) else value


def _unpack_one(value: Any) -> Any:
    if isinstance(value, PackedModel):
        return value.model()
    return value.object() if isinstance(value, PackedObject) else value


def _replace(value: Any, replace_one: Callable[[Any], Any], done: dict[int, Any]) -> Any:
    """Apply `replace_one` to the leaves; an object that occurs twice stays one object."""
    if type(value) in (list, tuple):
        return type(value)(_replace(v, replace_one, done) for v in value)
    if type(value) is dict:
        return {key: _replace(v, replace_one, done) for key, v in value.items()}
    if id(value) not in done:
        done[id(value)] = replace_one(value)
    return done[id(value)]


def _custom_objects(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Name and object of each class and function in `model` that is not Keras' own."""
    waiting: list[Any] = [model, *model._flatten_layers(include_self=False)]
    if model.compiled:
        waiting += [model.optimizer, model.loss, *compiled_metrics(model)]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, types.FunctionType):
            # Keras wraps a layer's methods in functions that belong to the instance
            wraps_method = hasattr(value, "__wrapped__")
            if not (_is_of_framework(value) or wraps_method or value.__name__ == "<lambda>"):
                yield value.__name__, value
        elif isinstance(value, type):
            if not _is_of_framework(value):
                yield value.__name__, value
        elif hasattr(value, "get_config"):
            waiting += [type(value), *vars(value).values()]


def _is_of_framework(value: Any) -> bool:
    return package_of(value) in FRAMEWORKS | {"builtins"}
