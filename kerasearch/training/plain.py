"""A fit through ``model.fit``, fed the batches that the compiled loop would see."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from . import data


def fit(model: keras.Model, arrays: data.Arrays, *, order: Any, batch_size: int, **kwargs: Any):
    """Train by ``model.fit``; `order` gives the rows of an epoch. Returns Keras' History."""
    batches = _Batches(arrays, order, batch_size)
    callbacks = [_SetEpoch(batches), *kwargs.pop("callbacks")]
    return model.fit(batches, callbacks=callbacks, shuffle=False, **kwargs)


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
