"""The settings of one fit, in addition to the model and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from . import data
from .divergence import DivergenceWatch


@dataclass(frozen=True)
class FitSettings:
    """The checked arguments of ``training.fit``, with defaults.

    Attributes
    ----------
    epochs, initial_epoch : int
        The epochs from `initial_epoch` up to `epochs` are trained.
    batch_size : int
        The number of rows in a step.
    shuffle : bool
        Whether each epoch has its own order of rows.
    seed : int
        The seed of the order of the rows, and of every random number in the loop.
    validation : packed arrays or None
        The validation rows.
    validation_batch_size : int
        The number of rows in a validation step.
    validation_steps : int or None
        The number of validation batches; None means all batches.
    validation_freq : int or list of int
        The number of epochs between validations, or a list of epochs (counted from 1).
    steps_per_epoch : int or None
        The number of batches in an epoch; None means all batches.
    own_arguments : mapping
        Further arguments for a model that overrides `fit`; empty for other models.
    callbacks : list of keras.callbacks.Callback
        The user's callbacks.
    watch : DivergenceWatch or None
        The callback that stops the fit when it diverges. None if divergence is not checked, or if a
        user's callback handles it.
    verbose : int or str
        As in Keras.
    """

    epochs: int
    initial_epoch: int
    batch_size: int
    shuffle: bool
    seed: int
    validation: data.Arrays | None
    validation_batch_size: int
    validation_steps: int | None
    validation_freq: int | list[int]
    steps_per_epoch: int | None
    own_arguments: Mapping[str, Any]
    callbacks: list[keras.callbacks.Callback]
    watch: DivergenceWatch | None
    verbose: int | str

    @property
    def all_callbacks(self) -> list[keras.callbacks.Callback]:
        """The user's callbacks and the watch, which is last, as it checks if they have stopped."""
        return [*self.callbacks, *([] if self.watch is None else [self.watch])]

    def order(self, epoch: int, n_rows: int) -> np.ndarray:
        """Get the indices of the rows of an epoch (counted from 0), in order."""
        return data.order_of_epoch(self.seed, epoch, n_rows, self.shuffle, self.rows_per_epoch)

    @property
    def rows_per_epoch(self) -> int | None:
        """The largest number of rows in an epoch; None if an epoch has all rows."""
        return None if self.steps_per_epoch is None else self.steps_per_epoch * self.batch_size
