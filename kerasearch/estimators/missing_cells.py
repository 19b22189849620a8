"""Missing cells of y, which are left out of Keras' losses.

A missing cell has weight 0 in the loss of its head. If a head has one value for each row, or one
label at each position, this is a sample weight. If one output has several columns, the loss is
computed for each column separately. A user's own loss must handle NaN itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..training import serialization
from . import keras_objects
from .model_outputs import ModelOutput
from .output_layers import loss_text, losses_of
from .target_reading import Head, Reading, TargetFacts, is_own_loss
from .targets import is_missing_in

# Keras' losses that are the mean of the losses of single cells over the last axis
_OF_CELLS = {
    "binarycrossentropy",
    "binaryfocalcrossentropy",
    "hinge",
    "huber",
    "logcosh",
    "meanabsoluteerror",
    "meanabsolutepercentageerror",
    "meansquarederror",
    "meansquaredlogarithmicerror",
    "poisson",
    "squaredhinge",
}


def known_target(estimator: Any, y: np.ndarray) -> np.ndarray:
    """Get the target for the encoders; with `allow_nan`, missing cells are filled."""
    return filled(y) if estimator.allow_nan else y


def filled(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fill the missing cells of a target with a known value, if possible of the same column."""
    if y.dtype.names is not None:
        y = y.copy()
        for name in y.dtype.names or ():
            y[name] = filled(y[name])
        return y
    missing = is_missing_in(y)
    if not missing.any():
        return y
    known = y[~missing]
    if not len(known):
        return np.zeros(y.shape, dtype=y.dtype if y.dtype.kind == "f" else np.float64)
    values = y.copy()
    if y.ndim != 2:
        values[missing] = known[0]
        return values
    for j in np.flatnonzero(missing.any(axis=0)):
        of_column = y[~missing[:, j], j]
        values[missing[:, j], j] = of_column[0] if len(of_column) else known[0]
    return values


def are_columns(head: Head, row: tuple[int, ...]) -> bool:
    """Tell whether a head has several values in a row or at a position, with one loss."""
    if head.is_labels:
        return head.target_type == "multilabel-indicator"
    return row[-1:] > (1,) and head.row is None


def leave_out(
    model: keras.Model,
    outputs: Sequence[ModelOutput],
    reading: Reading,
    facts: TargetFacts,
    own_step: bool,
) -> None:
    """Compile a model with losses that leave missing cells out, if weights are not sufficient.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
    outputs : sequence of ModelOutput
        The outputs of the model.
    reading : Reading
        How y is interpreted.
    facts : TargetFacts
        Properties of y.
    own_step : bool
        Whether the model overrides ``compute_loss`` or ``train_step``.

    Raises
    ------
    ValueError
        If a loss compares whole rows, a metric would count missing cells, or the model overrides
        ``compile``.
    """
    fields = [facts.fields.get(head.name, facts.whole) for head in reading.heads]
    if not any(known.has_missing for known in fields):
        return
    losses = losses_of(model.loss, len(outputs), [output.name for output in outputs])
    left_out = list(losses)
    for i, (head, known) in enumerate(zip(reading.heads, fields, strict=True)):
        if known.has_missing and not is_own_loss(losses[i], own_step):
            _check_no_metrics(model)
            if are_columns(head, known.shape):
                left_out[i] = _of_known_cells(losses[i])
    if any(one is not other for one, other in zip(left_out, losses, strict=True)):
        if type(model).compile is not keras.Model.compile:
            raise ValueError(
                "y has missing cells (NaN), and the model has its own compile method: "
                "give it a loss that handles NaN"
            )
        # Keras has no public name for the compile arguments; checked with Keras 3.10 to 3.15.
        loss = left_out[0] if len(left_out) == 1 else left_out
        model.compile(**{**model._compile_config.config, "loss": loss})


def check_left_out(model: keras.Model) -> None:
    """Raise if the losses of a model do not leave missing cells out.

    This is so if no cell was missing when the model was built.
    """
    if not any(isinstance(one, LossOfKnownCells) for one in keras.tree.flatten(model.loss)):
        raise ValueError(
            "y has missing cells (NaN), but the model was built for a y without missing cells: "
            "pass a y with missing cells in the first call, or call fit again"
        )


def loss_of(model: keras.Model) -> Any:
    """Get the loss that a model was compiled with, before missing cells were left out."""
    return keras.tree.map_structure(
        lambda one: one.loss if isinstance(one, LossOfKnownCells) else one, model.loss
    )


def _of_known_cells(loss: Any) -> LossOfKnownCells:
    """Make a loss that leaves NaN cells out, from a loss of Keras."""
    if keras_objects.loss_label(loss) not in _OF_CELLS:
        raise ValueError(
            f"y has missing cells (NaN) among the columns of one output, and {loss_text(loss)} "
            "compares whole rows: use a loss such as 'mean_squared_error', remove these rows, or "
            "write a loss that handles NaN"
        )
    return LossOfKnownCells(loss)


def _check_no_metrics(model: keras.Model) -> None:
    # check only the unweighted metrics: in weighted metrics, cells with weight 0 do not count
    metrics = serialization.compiled_metrics(model)[:1]
    if any(metric is not None for metric in keras_objects.leaves(metrics)):
        raise ValueError(
            "y has missing cells (NaN), which metrics= would count: pass the metrics as "
            "compile__weighted_metrics=, which leaves missing cells out"
        )


def known_weights(
    head: Head, part: np.ndarray, weights: np.ndarray | None, *, scale: bool
) -> np.ndarray:
    """Get the weights of a head's rows or positions, with weight 0 for missing cells.

    Parameters
    ----------
    head : Head
        The head.
    part : ndarray
        The target of the head as the user passed it.
    weights : ndarray or None
        The weights of the rows, or of their positions.
    scale : bool
        Whether to scale the weights to mean 1.
    """
    known: Any = ~is_missing_in(part)
    if are_columns(head, part.shape[1:]):
        known = known.any(axis=-1)
    else:
        shape = (len(part), *head.output.positions)
        known = known.reshape(shape) if known.size == np.prod(shape) else known.any(axis=-1)
    found = known.astype(np.float64)
    if weights is not None:
        found = found * weights.reshape(weights.shape + (1,) * (found.ndim - weights.ndim))
    total = found.mean()
    return found / total if scale and total > 0 else found


@keras.saving.register_keras_serializable(package="kerasearch")
class LossOfKnownCells(keras.losses.Loss):
    """A loss of Keras over columns, in which NaN cells have weight 0.

    Parameters
    ----------
    loss : str, function, class or instance of keras.losses.Loss
        A loss that is a mean over the last axis.
    name : str, default="known_cells"
        The name of the loss, as in Keras.
    """

    def __init__(self, loss: Any, name: str = "known_cells") -> None:
        super().__init__(name=name)
        if isinstance(loss, type):
            loss = loss()
        self.loss = keras.losses.get(loss)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the mean over the columns, in which missing cells have loss 0."""
        ops = keras.ops
        known = ops.logical_not(ops.isnan(y_true))
        values = ops.where(known, y_true, ops.zeros_like(y_true))
        compare = keras_objects.comparison(self.loss)
        cells = compare(ops.expand_dims(values, -1), ops.expand_dims(y_pred, -1))
        return ops.mean(ops.where(known, cells, ops.zeros_like(cells)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Get the configuration that recreates the loss."""
        return {"loss": keras.losses.serialize(self.loss), "name": self.name}


def any_missing(parts: Sequence[np.ndarray]) -> bool:
    """Tell whether the arrays have a missing cell."""
    return any(bool(is_missing_in(part).any()) for part in parts)
