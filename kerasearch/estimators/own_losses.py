"""A trial of a user's own loss on a few rows before training."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .._utils.text import one_line
from . import keras_objects
from .model_outputs import ModelOutput
from .output_layers import losses_of
from .target_reading import Reading

_N_ROWS = 7  # the smallest number of rows; it must differ from the sizes of the output's axes


def check_own_losses(
    outputs: Sequence[ModelOutput], loss: Any, reading: Reading, target: Any
) -> None:
    """Raise if a loss cannot compare its output with the encoded target.

    Parameters
    ----------
    outputs : sequence of ModelOutput
        The outputs of the model.
    loss : any
        The loss that the model is compiled with.
    reading : Reading
        How y is interpreted. Only outputs that Keras' losses cannot interpret are tried.
    target : array, or dict of arrays
        One row of y as the model gets it.

    Raises
    ------
    ValueError
        If the loss fails. The message has the shapes and the error of the loss.
    """
    if not reading.heads:
        return  # the target comes from a subclass's encoder, or from the model itself
    losses = losses_of(loss, len(outputs), [output.name for output in outputs])
    for head, output, its_loss in zip(reading.heads, outputs, losses, strict=True):
        if head.output.is_free and its_loss is not None:
            part = target[str(head.name)] if isinstance(target, Mapping) else target
            if part.dtype.kind in "fiub":
                _try(its_loss, part, output)


def n_axes_of_values(loss: Any, target: np.ndarray, shape: tuple[int, ...]) -> int:
    """Count the axes of the values that a loss returns before Keras takes their mean.

    Parameters
    ----------
    loss : callable
        A loss of the user.
    target : ndarray
        The target as the model gets it; only one row is used.
    shape : tuple of int
        The shape of a row of the model's output.
    """
    return len(_values(loss, target, shape).shape)


def _try(loss: Any, row: np.ndarray, output: ModelOutput) -> None:
    shape = tuple(1 if size is None else size for size in output.shape[1:])
    name = getattr(loss, "__name__", type(loss).__name__)
    got = f"y of shape (n, {', '.join(map(str, row.shape[1:]))})".replace("(n, )", "(n,)")
    got += f" and an output of shape {output.shape}"
    advice = "to give y a last axis, write y_true = keras.ops.reshape(y_true, (-1, 1)) in the loss"
    try:
        values = np.asarray(_values(loss, row, shape))
    except Exception as error:  # code of the user or of Keras may raise any error
        raise ValueError(
            f"the loss {name} fails on {got}: {one_line(str(error), 200)}; {advice}"
        ) from error
    if values.ndim > 1 and values.shape[1] == _n_rows(shape):
        raise ValueError(
            f"the loss {name} compares every row with every other row: it returns values of shape "
            f"(n, n{', ...' * (values.ndim > 2)}) for {got}; {advice}"
        )


def _values(loss: Any, row: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Compute a loss for some equal rows of a target and constant outputs."""
    n_rows = _n_rows(shape)
    y_true = np.repeat(row[:1], n_rows, axis=0).astype(keras.config.floatx())
    y_pred = np.full((n_rows, *shape), 0.5, keras.config.floatx())
    return keras_objects.comparison(loss)(keras.ops.convert_to_tensor(y_true), y_pred)


def _n_rows(shape: tuple[int, ...]) -> int:
    return next(n for n in itertools.count(_N_ROWS) if n not in shape)
