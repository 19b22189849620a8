"""What is asked of one fit, besides the model and its rows."""

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
    """The arguments of ``training.fit``, checked and with the defaults filled in.

    Attributes
    ----------
    epochs, initial_epoch : int
        The epochs from `initial_epoch` up to `epochs` are trained.
    batch_size : int
        Rows of a step.
    shuffle : bool
        Whether each epoch has an order of its own.
    seed : int
        Decides the order of the rows, and every random number that is drawn in the loop.
    validation : packed arrays or None
        The rows to validate on.
    validation_batch_size : int
        Rows of a step of the validation.
    validation_steps : int or None
        How many batches of the validation rows are used; None for all of them.
    validation_freq : int or list of int
        Every how many epochs to validate, or after which (counted from 1).
    steps_per_epoch : int or None
        How many batches make an epoch; None for all of them.
    own_arguments : mapping
        What else the model's own `fit` gets; empty for a model that has none.
    callbacks : list of keras.callbacks.Callback
        The user's.
    watch : DivergenceWatch or None
        Stops the fit when it diverges; None where nothing or somebody else does.
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
        """The user's callbacks, and the watch last, so that it sees what they have decided."""
        return [*self.callbacks, *([] if self.watch is None else [self.watch])]

    def order(self, epoch: int, n_rows: int) -> np.ndarray:
        """The rows in the order in which an epoch (counted from 0) sees them."""
        return data.order_of_epoch(self.seed, epoch, n_rows, self.shuffle, self.rows_per_epoch)

    @property
    def rows_per_epoch(self) -> int | None:
        """How many rows an epoch has at most; None where it has all of them."""
        return None if self.steps_per_epoch is None else self.steps_per_epoch * self.batch_size
