"""A fit through ``model.fit``, fed the batches that the compiled loop would see."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from . import data
from .fit_settings import FitSettings
from .seeds import fresh_names

if keras.backend.backend() == "tensorflow":  # on another one, TensorFlow need not be loaded
    from . import tensorflow_memory


def fit(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> dict[str, list[Any]]:
    """Train by ``model.fit``. Returns Keras' history."""
    n_rows = data.n_rows(arrays)
    order = functools.partial(
        data.order_of_epoch, settings.seed, n_rows=n_rows, shuffle=settings.shuffle
    )
    batches = _Batches(arrays, order, settings.batch_size)
    with _no_leak(model):
        history = model.fit(
            batches,
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
        self, arrays: data.Arrays, order: Callable[[int], np.ndarray], batch_size: int
    ) -> None:
        super().__init__()
        self._arrays = arrays
        self._order = order
        self._batch_size = batch_size
        self._n_rows = data.n_rows(arrays)
        # Keras reads two batches ahead of the first epoch, for their shapes alone
        self._indices = np.arange(self._n_rows)

    def __len__(self) -> int:
        return math.ceil(self._n_rows / self._batch_size)

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
