"""What is asked of one fit, besides the model and its rows."""

from __future__ import annotations

from dataclasses import dataclass

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
    callbacks: list[keras.callbacks.Callback]
    watch: DivergenceWatch | None
    verbose: int | str

    @property
    def all_callbacks(self) -> list[keras.callbacks.Callback]:
        """The user's callbacks, and the watch last, so that it sees what they have decided."""
        return [*self.callbacks, *([] if self.watch is None else [self.watch])]

    def order(self, epoch: int, n_rows: int) -> np.ndarray:
        """The rows in the order in which an epoch (counted from 0) sees them."""
        return data.order_of_epoch(self.seed, epoch, n_rows, self.shuffle)
