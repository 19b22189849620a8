"""The exceptions of kerasearch that callers may want to catch by their class."""

from __future__ import annotations

from typing import Any


class DivergenceError(ValueError):
    """Training stopped because the loss was not a finite number.

    In a search only the affected candidate fails: it gets the score ``error_score``, and the search
    continues.

    Parameters
    ----------
    message : str
        The text of the error.
    epoch : int
        The epoch, counted from 0, after which the loss was not finite.
    history : dict of str to list
        The training history up to this epoch, with Keras' keys. The list of each key has one
        value for each epoch; the last value belongs to `epoch`.

    Attributes
    ----------
    epoch : int
        The epoch, counted from 0, after which the loss was not finite.
    history : dict of str to list
        The training history up to this epoch, with Keras' keys.

    See Also
    --------
    KerasClassifier, KerasRegressor : Estimators whose ``fit`` raises this error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from kerasearch import DivergenceError, KerasRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = KerasRegressor(epochs=3, optimizer="sgd", optimizer__learning_rate=1e9)
    >>> try:
    ...     network.fit(X, y)
    ... except DivergenceError as error:
    ...     print("loss" in error.history)
    True
    """

    def __init__(self, message: str, epoch: int, history: dict[str, list[Any]]):
        super().__init__(message)
        self.epoch = epoch
        self.history = history

    def __reduce__(self) -> tuple[Any, ...]:
        # the default passes on only the message, so a worker process could not send the error
        return type(self), (self.args[0], self.epoch, self.history)
