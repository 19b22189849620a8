"""Detection of divergence in a fit, and its probable cause."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from ..exceptions import DivergenceError
from . import data
from .history import History
from .loaded_rows import is_loaded
from .serialization import to_numpy
from .sparse_rows import is_sparse


class DivergenceWatch(keras.callbacks.Callback):
    """A callback that stops training after an epoch with a loss that is NaN or infinite.

    It does nothing if another callback has stopped training. It must therefore be the last
    callback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop training if the training loss is not finite."""
        loss = (logs or {}).get("loss", 0.0)
        if not _is_finite_loss(loss) and not self.model.stop_training:
            self.epoch = epoch
            self.model.stop_training = True

    def error(
        self, model: keras.Model, arrays: data.Arrays, history: History, last_epoch: int
    ) -> DivergenceError | None:
        """Make the error of a fit that has ended; None if the fit did not diverge."""
        if self.epoch is not None:
            return _error(self.epoch, history, model, arrays)
        if _diverged_in_the_last_step(model, history):
            return _error(last_epoch, history, model, arrays)
        return None


def handled_by(callbacks: list[keras.callbacks.Callback]) -> bool:
    """Tell whether the user's callbacks handle a loss that is not finite."""
    return any(isinstance(callback, keras.callbacks.TerminateOnNaN) for callback in callbacks)


def has_finite_weights(model: keras.Model) -> bool:
    """Tell whether all trainable weights are finite."""
    weights = map(to_numpy, model.trainable_variables)
    return all(bool(np.isfinite(w.astype(np.float32, copy=False)).all()) for w in weights)


def _is_finite_loss(loss: Any) -> bool:
    # the loss is usually a float, for which `math` is faster than NumPy
    return math.isfinite(loss) if isinstance(loss, float) else bool(np.all(np.isfinite(loss)))


def _diverged_in_the_last_step(model: keras.Model, history: History) -> bool:
    """Tell whether the weights diverged after the last loss, which was still finite."""
    if not _is_finite_loss((history.get("loss") or [0.0])[-1]):
        return False  # a callback has noticed the loss and stopped training
    return not has_finite_weights(model)


def _error(
    epoch: int, history: History, model: keras.Model, arrays: data.Arrays
) -> DivergenceError:
    """Make the error of a fit that diverged in `epoch`, counted from 0."""
    loss = history["loss"][-1] if history.get("loss") else float("nan")
    what = "the weights were no longer finite numbers"
    if not np.all(np.isfinite(loss)):
        what = f"the training loss was {loss}"
    message = f"{what} after epoch {epoch + 1}: {_cause(model, arrays)}"
    return DivergenceError(message, epoch, history)


def _cause(model: keras.Model, arrays: data.Arrays) -> str:
    for name, part in zip(("features", "target", "sample weights"), arrays, strict=False):
        if not all(_is_finite(array) for array in keras.tree.flatten(part)):
            return f"the {name} contain NaN or infinite values"
    largest = max(_largest(array) for array in keras.tree.flatten(arrays[0]))
    if largest > 1e3:
        return f"the features are not scaled (values up to {largest:.3g}); standardize them"
    if len(arrays) > 1:
        largest = max(_largest(array) for array in keras.tree.flatten(arrays[1]))
        if largest > 1e3:
            return f"the target is not scaled (values up to {largest:.3g}); standardize it"
    try:
        rate = f" ({float(model.optimizer.learning_rate):.3g})"
    except (AttributeError, TypeError, ValueError):
        rate = ""
    return f"the learning rate{rate} is probably too high for this model and data"


def _is_finite(array: Any) -> bool:
    if is_sparse(array):
        array = array.data
    if is_loaded(array):
        return True  # each batch is checked when it is loaded
    return array is None or array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _largest(array: Any) -> float:
    if is_sparse(array):
        array = array.data
    if array is None or is_loaded(array) or array.dtype.kind not in "fiu" or not array.size:
        return 0.0
    return float(np.abs(array).max())
