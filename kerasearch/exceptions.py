"""The errors of kerasearch that callers may want to tell apart."""

from __future__ import annotations

from typing import Any


class DivergenceError(ValueError):
    """Training stopped because the loss was no longer a finite number.

    In a search it costs the candidate it happened to and nothing else (``error_score``).

    Attributes
    ----------
    epoch : int
        The epoch, counted from 0, after which the loss was not finite.
    history : dict of str to list
        Everything recorded until then, that epoch included, with Keras' own keys.
    """

    def __init__(self, message: str, epoch: int, history: dict[str, list[Any]]):
        super().__init__(message)
        self.epoch = epoch
        self.history = history

    def __reduce__(self) -> tuple[Any, ...]:
        # the default hands over the message alone, and a worker process could not send the error
        return type(self), (self.args[0], self.epoch, self.history)
