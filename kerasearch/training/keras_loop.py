"""Fits with ``model.fit``, on the same batches that the compiled loop would use."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from . import backends, data, stateful
from .eligibility import has_own_fit
from .fit_settings import FitSettings
from .loaded_batches import LoadedBatches
from .loaded_rows import is_loaded
from .seeds import fresh_names
from .sparse_rows import as_tensor

if keras.backend.backend() == "tensorflow":  # other backends do not need TensorFlow
    from . import tensorflow_backend


def fit(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> dict[str, list[Any]]:
    """Train with ``model.fit``, and return Keras' history."""
    with backends.no_leak(model):
        if has_own_fit(model):
            return _own_fit(model, arrays, settings)
        _check_epochs_are_even(settings, data.n_rows(arrays))
        with contextlib.ExitStack() as stack:
            batches = _batches(arrays, settings)
            history = model.fit(
                _source(model, batches, stack),
                callbacks=[_SetEpoch(batches), *settings.all_callbacks],
                epochs=settings.epochs,
                initial_epoch=settings.initial_epoch,
                shuffle=False,  # the batches come in the order of the seed
                validation_freq=settings.validation_freq,
                verbose=settings.verbose,
                **_validation(model, settings, stack),
            )
    return history.history


def evaluate(
    model: keras.Model,
    arrays: data.Arrays,
    batch_size: int,
    steps: int | None = None,
    events: keras.callbacks.CallbackList | None = None,
) -> dict[str, Any]:
    """Evaluate with ``model.evaluate``."""
    with fresh_names(), contextlib.ExitStack() as stack:
        if is_loaded(arrays[0]):
            batches = LoadedBatches(arrays, batch_size, "the rows to score", steps=steps)
            given = {"x": _source(model, batches, stack)}
        else:
            x, y, weights = (*arrays, None, None)[:3]
            given = {"x": x, "y": y, "sample_weight": weights}
            given |= {"batch_size": batch_size, "steps": steps}
        return model.evaluate(**given, callbacks=events, verbose=0, return_dict=True)


def predict(
    model: keras.Model,
    arrays: data.Arrays,
    batch_size: int,
    verbose: int | str,
    callbacks: list[keras.callbacks.Callback],
    steps: int | None,
) -> Any:
    """Predict with ``model.predict``."""
    with fresh_names(), contextlib.ExitStack() as stack:
        given = {"x": arrays[0], "batch_size": batch_size, "steps": steps}
        if is_loaded(arrays[0]):
            batches = LoadedBatches(arrays, batch_size, "the rows to predict", steps=steps)
            given = {"x": _source(model, batches, stack)}
        return model.predict(**given, verbose=verbose, callbacks=callbacks)


def _batches(arrays: data.Arrays, settings: FitSettings) -> _Batches | LoadedBatches:
    """Make the training batches."""
    n_rows = data.n_rows(arrays)
    order = functools.partial(
        data.order_of_epoch,
        settings.seed,
        n_rows=n_rows,
        shuffle=settings.shuffle,
        rows_per_epoch=settings.rows_per_epoch,
    )
    if is_loaded(arrays[0]):
        loaded = LoadedBatches(arrays, settings.batch_size, order=order, seed=settings.seed)
        loaded.begin(settings.initial_epoch)
        return loaded
    n_first = min(n_rows, settings.rows_per_epoch or n_rows)
    return _Batches(arrays, order, settings.batch_size, n_first)


def _source(
    model: keras.Model, batches: _Batches | LoadedBatches, stack: contextlib.ExitStack
) -> Any:
    """Convert batches to an argument for Keras; `stack` releases their resources at the end."""
    if isinstance(batches, LoadedBatches):
        return stack.enter_context(batches.opened()).for_keras(model)
    # Keras does not fix the number of rows, and a stateful recurrent layer with a batch size of 1
    # fails without it.
    if stateful.fixed_batch_size(model) == 1 and keras.backend.backend() == "tensorflow":
        return tensorflow_backend.in_batches_of_fixed_size(batches)
    return batches


def _validation(
    model: keras.Model, settings: FitSettings, stack: contextlib.ExitStack
) -> dict[str, Any]:
    """Get the arguments of ``model.fit`` for the validation rows."""
    size, steps = settings.validation_batch_size, settings.validation_steps
    if settings.validation is None or not is_loaded(settings.validation[0]):
        return {
            "validation_data": settings.validation,
            "validation_batch_size": size,
            "validation_steps": steps,
        }
    batches = LoadedBatches(settings.validation, size, "the rows that validate", steps=steps)
    return {"validation_data": _source(model, batches, stack)}


def _own_fit(
    model: keras.Model, arrays: data.Arrays, settings: FitSettings
) -> dict[str, list[Any]]:
    """Train with a `fit` that the model's class overrides, with Keras' usual arguments."""
    if is_loaded(arrays[0]):
        raise ValueError(
            f"{type(model).__name__} overrides `fit`, which needs arrays; loader= needs a model "
            "that is trained by Keras' `fit`, but may have its own train_step"
        )
    x, y, weights = (*arrays, None, None)[:3]
    arguments = {
        "sample_weight": weights,
        "batch_size": settings.batch_size,
        "epochs": settings.epochs,
        "initial_epoch": settings.initial_epoch,
        "steps_per_epoch": settings.steps_per_epoch,
        "shuffle": settings.shuffle,
        "callbacks": settings.all_callbacks,
        "verbose": settings.verbose,
        "validation_data": settings.validation,
        "validation_batch_size": settings.validation_batch_size,
        "validation_steps": settings.validation_steps,
        "validation_freq": settings.validation_freq,
    }
    at_defaults = {
        "sample_weight": None,
        "batch_size": 32,
        "initial_epoch": 0,
        "steps_per_epoch": None,
        "shuffle": True,
        "validation_data": None,
        "validation_batch_size": settings.batch_size,
        "validation_steps": None,
        "validation_freq": 1,
        # A `fit` without these arguments gives the same results, without a check for divergence.
        "callbacks": [w for w in [settings.watch] if w is not None],
        "verbose": settings.verbose,
    }
    parameters = inspect.signature(model.fit).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        arguments = {
            name: value
            for name, value in arguments.items()
            if name in parameters or name not in at_defaults or value != at_defaults[name]
        }
    returned = model.fit(x, y, **arguments, **settings.own_arguments)
    # a user's `fit` may return Keras' History, a dict, or nothing
    for history in (returned, model.history):
        recorded = history if isinstance(history, dict) else getattr(history, "history", None)
        if isinstance(recorded, dict):
            return {n: v if isinstance(v, list) else [v] for n, v in recorded.items()}
    return {}


def _check_epochs_are_even(settings: FitSettings, n_rows: int) -> None:
    """Raise if the rows would end in the middle of an epoch of Keras' loop.

    Keras would then count one step too many, and optimizers use this count.
    """
    n_batches, steps = math.ceil(n_rows / settings.batch_size), settings.steps_per_epoch
    if steps is not None and steps < n_batches and n_batches % steps:
        raise ValueError(
            f"steps_per_epoch={steps} does not divide the {n_batches} batches of a pass over the "
            "rows. This fit must use model.fit (because of a callback, the model or the process), "
            "which counts one step too many at the end of a pass. Choose a divisor"
        )


class _Batches(keras.utils.PyDataset):
    """The rows of the current epoch, batch by batch.

    TensorFlow never frees a Python data set. It must therefore not refer to the model, for example
    by the callbacks in the settings of the fit.
    """

    def __init__(
        self,
        arrays: data.Arrays,
        order: Callable[[int], np.ndarray],
        batch_size: int,
        n_first: int,
    ) -> None:
        super().__init__()
        self._arrays = arrays
        self._order = order
        self._batch_size = batch_size
        # Keras reads two batches before the first epoch, only for their shapes
        self._indices = np.arange(n_first)

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> data.Arrays:
        start = index * self._batch_size
        rows = data.rows_of(self._arrays, self._indices[start : start + self._batch_size])
        return keras.tree.map_structure(as_tensor, rows)

    def begin(self, epoch: int) -> None:
        self._indices = self._order(epoch)


class _SetEpoch(keras.callbacks.Callback):
    """A callback that tells the batches the number of the epoch.

    Methods of ``PyDataset`` are not sufficient: ``on_epoch_begin`` does not get the number, which
    BackupAndRestore may change, and ``on_epoch_end`` is also called before the first epoch.
    """

    def __init__(self, batches: _Batches | LoadedBatches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.begin(epoch)
