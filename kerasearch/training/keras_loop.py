"""A fit through ``model.fit``, fed the batches that the compiled loop would see."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from . import data
from .seeds import fresh_names


def fit(
    model: keras.Model,
    arrays: data.Arrays,
    *,
    order: Callable[[int], np.ndarray],
    batch_size: int,
    callbacks: list[keras.callbacks.Callback],
    **settings: Any,
) -> dict[str, list[Any]]:
    """Train by ``model.fit``; `order` gives the rows of an epoch. Returns Keras' history."""
    batches = _Batches(arrays, order, batch_size)
    with _no_leak(model):
        history = model.fit(
            batches, callbacks=[_SetEpoch(batches), *callbacks], shuffle=False, **settings
        )
    return history.history


def evaluate(
    model: keras.Model,
    arrays: data.Arrays,
    batch_size: int,
    steps: int | None = None,
    events: Any = None,
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
    if keras.backend.backend() != "tensorflow" or model._distribute_strategy is not None:
        return contextlib.nullcontext()
    from . import tensorflow_backend

    return tensorflow_backend.no_leak(model)


class _Batches(keras.utils.PyDataset):
    """The rows of the present epoch, batch by batch."""

    def __init__(self, arrays: data.Arrays, order: Any, batch_size: int) -> None:
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

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.begin(epoch)
