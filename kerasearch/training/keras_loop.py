"""A fit through ``model.fit``, fed the batches that the compiled loop would see."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from . import data, stateful
from .eligibility import has_own_fit
from .fit_settings import FitSettings
from .seeds import fresh_names

if keras.backend.backend() == "tensorflow":  # on another one, TensorFlow need not be loaded
    from . import tensorflow_backend, tensorflow_memory


def fit(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> dict[str, list[Any]]:
    """Train by ``model.fit``. Returns Keras' history."""
    with _no_leak(model):
        if has_own_fit(model):
            return _own_fit(model, arrays, settings)
        n_rows = data.n_rows(arrays)
        _check_epochs_are_even(settings, n_rows)
        order = functools.partial(
            data.order_of_epoch,
            settings.seed,
            n_rows=n_rows,
            shuffle=settings.shuffle,
            rows_per_epoch=settings.rows_per_epoch,
        )
        n_first = min(n_rows, settings.rows_per_epoch or n_rows)
        batches = _Batches(arrays, order, settings.batch_size, n_first)
        source: Any = batches
        # Keras leaves the number of rows open, of which a recurrent layer with a state of one row
        # makes nothing
        if stateful.fixed_batch_size(model) == 1 and keras.backend.backend() == "tensorflow":
            source = tensorflow_backend.in_batches_of_fixed_size(batches)
        history = model.fit(
            source,
            callbacks=[_SetEpoch(batches), *settings.all_callbacks],
            epochs=settings.epochs,
            initial_epoch=settings.initial_epoch,
            shuffle=False,  # the batches come in the order of the seed
            validation_data=settings.validation,
            validation_batch_size=settings.validation_batch_size,
            validation_steps=settings.validation_steps,
            validation_freq=settings.validation_freq,
            verbose=settings.verbose,
        )
    return history.history


def evaluate(
    model: keras.Model,
    arrays: data.Arrays,
    batch_size: int,
    steps: int | None = None,
    events: keras.callbacks.CallbackList | None = None,
) -> dict[str, Any]:
    """Evaluate by ``model.evaluate``."""
    x, y, weights = (*arrays, None, None)[:3]
    with fresh_names():
        return model.evaluate(
            x,
            y,
            sample_weight=weights,
            batch_size=batch_size,
            steps=steps,
            callbacks=events,
            verbose=0,
            return_dict=True,
        )


def predict(
    model: keras.Model,
    arrays: data.Arrays,
    batch_size: int,
    verbose: int | str,
    callbacks: list[keras.callbacks.Callback],
    steps: int | None,
) -> Any:
    """Predict by ``model.predict``."""
    return model.predict(
        arrays[0], batch_size=batch_size, verbose=verbose, callbacks=callbacks, steps=steps
    )


def _own_fit(
    model: keras.Model, arrays: data.Arrays, settings: FitSettings
) -> dict[str, list[Any]]:
    """Train by the `fit` of the model's own class, which gets what it would get without us."""
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
        # these change no number: a `fit` without callbacks cannot be watched, and is silent or not
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
    # some return Keras' History, some a dict, some nothing
    for history in (returned, model.history):
        recorded = history if isinstance(history, dict) else getattr(history, "history", None)
        if isinstance(recorded, dict):
            return {n: v if isinstance(v, list) else [v] for n, v in recorded.items()}
    return {}


def _check_epochs_are_even(settings: FitSettings, n_rows: int) -> None:
    """Raise where Keras would run into the end of the rows in the middle of an epoch.

    It would count a step too many there, which optimizers read.
    """
    n_batches, steps = math.ceil(n_rows / settings.batch_size), settings.steps_per_epoch
    if steps is not None and steps < n_batches and n_batches % steps:
        raise ValueError(
            f"steps_per_epoch={steps} does not divide the {n_batches} batches of a pass over the "
            "rows, and this fit goes through model.fit (a callback, the model or the process needs "
            "it), which counts a step too many where a pass ends. Choose a divisor"
        )


def _no_leak(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    # the strategy that a model was built under has no public name; checked for Keras 3.10 to 3.15
    if keras.backend.backend() != "tensorflow" or model._distribute_strategy is not None:
        return contextlib.nullcontext()
    return tensorflow_memory.no_leak(model)


class _Batches(keras.utils.PyDataset):
    """The rows of the present epoch, batch by batch.

    TensorFlow keeps a data set of Python's for the life of the process: nothing in it may lead to
    the model, as the callbacks in the settings of the fit would.
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
        # Keras reads two batches ahead of the first epoch, for their shapes alone
        self._indices = np.arange(n_first)

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> data.Arrays:
        start = index * self._batch_size
        return data.rows_of(self._arrays, self._indices[start : start + self._batch_size])

    def begin(self, epoch: int) -> None:
        self._indices = self._order(epoch)


class _SetEpoch(keras.callbacks.Callback):
    """Tells the batches which epoch it is.

    ``PyDataset.on_epoch_begin`` is not told, and a callback such as BackupAndRestore may begin at
    a later epoch; ``on_epoch_end`` fires once before the first epoch.
    """

    def __init__(self, batches: _Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.begin(epoch)
