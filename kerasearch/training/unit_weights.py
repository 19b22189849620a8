"""Weights of all ones: where they change no bit of a fit, they are as good as no weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import data
from .serialization import compiled_metrics
from .trusted_libraries import has_own

_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")


def without_unit_weights(model: keras.Model, arrays: data.Arrays | None) -> data.Arrays | None:
    """Leave weights of all ones out of arrays, unless the model's training could tell.

    Keras multiplies by the weights and divides by a number that is the same with ones, to the last
    bit (a test holds this over many kinds of models). XLA fuses the two programs differently, and
    what a model, loss or metric of the user's does with weights is unknown.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    arrays : packed arrays or None
        (x,), (x, y) or (x, y, weights).
    """
    if not isinstance(arrays, tuple) or len(arrays) != 3:
        return arrays
    weights = keras.tree.flatten(arrays[2])
    if any(weight is None or not np.all(np.asarray(weight) == 1) for weight in weights):
        return arrays
    return arrays if model.jit_compile or _looks_at_weights(model) else arrays[:2]


def _looks_at_weights(model: keras.Model) -> bool:
    """Tell whether code that is not Keras' own gets the weights."""
    if any(has_own(model, name) for name in _STEPS):
        return True
    compiled = keras.tree.flatten([model.loss, compiled_metrics(model)])
    return any(map(_may_look, compiled))


def _may_look(compiled: Any) -> bool:
    """Tell whether a loss or metric is of a class of the user's that gets the weights itself.

    A function never does: Keras weighs what it returns.
    """
    if isinstance(compiled, str):
        return keras.saving.get_registered_object(compiled) is not None
    if isinstance(compiled, keras.Loss):
        return has_own(compiled, "__call__")
    if isinstance(compiled, keras.Metric):
        return has_own(compiled, "update_state")
    return isinstance(compiled, type)
