"""Sample weights that are all 1, which are left out if they do not change a fit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import data
from .serialization import compiled_metrics
from .trusted_libraries import has_own

_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")


def without_unit_weights(model: keras.Model, arrays: data.Arrays | None) -> data.Arrays | None:
    """Remove sample weights that are all 1 from arrays, unless they could change the results.

    In Keras, such weights do not change the results, to the last bit; a test checks this for many
    kinds of models. They may change the results under XLA, and if a model, loss or metric of the
    user gets the weights.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
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
    """Tell whether code outside Keras gets the weights."""
    if any(has_own(model, name) for name in _STEPS):
        return True
    compiled = keras.tree.flatten([model.loss, compiled_metrics(model)])
    return any(map(_may_look, compiled))


def _may_look(compiled: Any) -> bool:
    """Tell whether a loss or metric is an object of a user's class that gets the weights.

    A function never gets the weights, because Keras applies them to its result.
    """
    if isinstance(compiled, str):
        return keras.saving.get_registered_object(compiled) is not None
    if isinstance(compiled, keras.Loss):
        return has_own(compiled, "__call__")
    if isinstance(compiled, keras.Metric):
        return has_own(compiled, "update_state")
    return isinstance(compiled, type)
