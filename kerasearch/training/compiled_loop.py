"""A fit in compiled epochs: Keras' order of events around a program."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras.src import callbacks as keras_callbacks
from keras.src.models.functional import Functional

from . import data, program_cache, seeds

# Ctrl-C is answered between two calls of the program
_SECONDS_PER_CALL = 0.25
_MAX_GROWTH = 64


def prepare(model: keras.Model, arrays: data.Arrays, seed: int) -> None:
    """Create the variables that Keras would create at the first batch."""
    with seeds.fresh_names():
        if not all(layer.built for layer in model._flatten_layers()):
            with seeds.seeded(seed):  # weights are drawn
                model._symbolic_build(data_batch=data.head(arrays))
        elif not _prepare_quickly(model, arrays):
            model._symbolic_build(data_batch=data.head(arrays))


def find(model: keras.Model, arrays: data.Arrays, seed: int) -> tuple[Any, str]:
    """The program to train `model` on `arrays`, and what kind of program it is.

    Raises whatever makes the loop impossible, before anything has changed.
    """
    from . import tensorflow_backend

    return program_cache.find("train", model, arrays, tensorflow_backend.trace_training, seed)


def fit(
    model: keras.Model,
    arrays: data.Arrays,
    found: tuple[Any, str],
    *,
    order: Callable[[int], np.ndarray],
    batch_size: int,
    epochs: int,
    initial_epoch: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int | str,
    validate: Callable[[keras_callbacks.CallbackList], dict[str, Any]] | None,
    validation_freq: int | list[int],
    seed: int,
    may_change: bool,
    slot: Any = None,
) -> tuple[dict[str, list[Any]], str]:
    """Train as ``model.fit`` does, on a program from `find`; return history and kind.

    `may_change` tells whether the callbacks' first events may set what a trace reads. `slot` is
    where a store wants to be told of epochs and of the state before it is finalized.
    """
    from . import tensorflow_backend

    tensors = tensorflow_backend.tensors(arrays)
    n_steps = math.ceil(data.n_rows(arrays) / batch_size)
    events = keras_callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs,
        steps=n_steps,
        model=model,
    )
    model.stop_training = False
    events.on_train_begin()
    logs: dict[str, Any] | None = None
    run = None
    for epoch in range(model._initial_epoch or initial_epoch, epochs):
        events.on_epoch_begin(epoch)
        if run is None:
            if may_change:
                found = find(model, arrays, seed)
            run = found[0].bind(model)
        rows = tensorflow_backend.tensors(order(epoch))
        logs = _run_steps(run, found[0], [*tensors, *rows], batch_size, n_steps, events)
        if validate is not None and model._should_eval(epoch, validation_freq):
            logs.update({f"val_{name}": value for name, value in validate(events).items()})
        events.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
        if slot is not None:
            slot.after_epoch(epoch + 1, model)
    if slot is not None:
        slot.before_end(model)
    if epochs > 0:
        finalize(model)
    events.on_train_end(logs)
    return model.history.history, found[1]


def join_histories(
    before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]
) -> dict[str, list[Any]]:
    """One history of two stretches of a fit."""
    return {n: [*before.get(n, []), *after.get(n, [])] for n in {**before, **after}}


def finalize(model: keras.Model) -> None:
    """Let the optimizer have the last word on the weights, as at the end of ``model.fit``."""
    if isinstance(model.optimizer, keras.optimizers.Optimizer):
        model.optimizer.finalize_variable_values(model.trainable_weights)


class Evaluation:
    """``model.evaluate`` on the same arrays, as often as wanted.

    Raises whatever makes the loop impossible, when it is made.
    """

    def __init__(
        self,
        model: keras.Model,
        arrays: data.Arrays,
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
    ) -> None:
        from . import tensorflow_backend

        self._program, _ = program_cache.find(
            "test", model, arrays, tensorflow_backend.trace_evaluation, seed
        )
        self._run = self._program.bind(model)
        self._tensors = tensorflow_backend.tensors(arrays)
        self._batch_size = batch_size
        n_steps = math.ceil(data.n_rows(arrays) / batch_size)
        self._n_steps = min(n_steps, steps or n_steps)

    def __call__(self, events: keras_callbacks.CallbackList | None = None) -> dict[str, Any]:
        """Evaluate, with the callbacks of a fit if it is part of one."""
        if events is not None:
            events.on_test_begin()
        logs = _run_steps(self._run, self._program, self._tensors, self._batch_size, self._n_steps)
        if events is not None:
            events.on_test_end(logs)
        return logs


class Prediction:
    """``model.predict`` on some arrays. Raises, when it is made, if the loop is impossible."""

    def __init__(
        self, model: keras.Model, arrays: data.Arrays, *, batch_size: int, seed: int
    ) -> None:
        from . import tensorflow_backend

        trace = tensorflow_backend.trace_prediction
        self._program, _ = program_cache.find("predict", model, arrays, trace, seed)
        self._run = self._program.bind(model)
        self._tensors = tensorflow_backend.tensors(arrays)
        self._batch_size = batch_size
        self._n_steps = math.ceil(data.n_rows(arrays) / batch_size)

    def __call__(self) -> Any:
        """The model's structure of arrays, with a row for each row."""
        from . import tensorflow_backend

        parts = [
            self._run(
                *self._tensors, *map(tensorflow_backend.scalar, (self._batch_size, begin, end))
            )
            for begin, end in _calls(self._program, self._n_steps)
        ]
        return keras.tree.map_structure(_join, *parts)


def _join(*parts: Any) -> np.ndarray:
    return parts[0].numpy() if len(parts) == 1 else np.concatenate([p.numpy() for p in parts])


def _run_steps(
    run: Callable[..., Any],
    found: Any,
    tensors: list[Any],
    batch_size: int,
    n_steps: int,
    events: keras_callbacks.CallbackList | None = None,
) -> dict[str, Any]:
    """One epoch, in as many calls as its length asks for."""
    from . import tensorflow_backend

    bar = getattr(events, "_progbar", None)
    logs: dict[str, Any] = {}
    for begin, end in _calls(found, n_steps):
        logs = run(*tensors, *map(tensorflow_backend.scalar, (batch_size, begin, end)))
        if bar is not None and end < n_steps:
            bar.on_train_batch_end(end - 1, _as_python(logs))
    return _as_python(logs)


def _calls(found: Any, n_steps: int) -> Any:
    """Cut an epoch into calls of about a quarter of a second, by the pace of the last one."""
    begin, size = 0, 1
    while begin < n_steps:
        if found.pace:
            size = max(1, min(int(_SECONDS_PER_CALL / found.pace), size * _MAX_GROWTH))
        end = min(n_steps, begin + size)
        started = time.perf_counter()
        yield begin, end
        found.pace = (time.perf_counter() - started) / (end - begin)
        begin = end


def _as_python(logs: dict[str, Any]) -> dict[str, Any]:
    """Keras' own flattening of logs: floats, or arrays for a metric that is a vector."""
    flat: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            flat.update(_as_python(value))
        else:
            array = np.asarray(value)
            flat[name] = float(array) if array.ndim == 0 else array
    return flat


def _prepare_quickly(model: keras.Model, arrays: data.Arrays) -> bool:
    """Build loss, metrics and optimizer from shapes alone, without calling the model.

    Keras builds loss and metrics by running the model on symbolic tensors, which takes longer
    than an epoch. Where there is one output, they only look at two shapes.
    """
    network = getattr(model, "_functional", None) or model
    output = getattr(network, "_outputs_struct", None)
    if (
        len(arrays) < 2
        or keras.tree.is_nested(arrays[1])
        or not isinstance(output, keras.KerasTensor)
        or type(model).call not in (keras.Sequential.call, Functional.call)
        or any(getattr(type(model), m) is not getattr(keras.Model, m) for m in _STEP_METHODS)
    ):
        return False
    for part in (model._compile_loss, model._compile_metrics):
        if part is not None and not part.built:
            part.build(keras.KerasTensor(arrays[1].shape, str(arrays[1].dtype)), output)
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return True


_STEP_METHODS = ("train_step", "compute_loss", "compute_metrics", "test_step")
