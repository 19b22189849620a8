"""Layers that carry a state from batch to batch, such as an LSTM with ``stateful=True``.

The result of a fit or a prediction must depend only on its inputs, so that the states are reset
before it. As in Keras, the states are kept between the epochs of a fit. A prediction restores the
states, so that training can continue.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from . import data
from .trusted_libraries import package_of


def stateful_layers(model: keras.Model) -> list[keras.Layer]:
    """List the layers of a model that carry a state, also in nested models.

    These are layers with ``stateful=True``, and user's layers with a method `reset_state` or
    `reset_states`. In some of Keras' other layers, such a method deletes a vocabulary.
    """
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if _is_stateful(layer)]


def reset_states(model: keras.Model) -> None:
    """Reset the states of all layers."""
    _reset(stateful_layers(model))


@contextlib.contextmanager
def with_states_reset(model: keras.Model) -> Iterator[None]:
    """Reset the states for a prediction or an evaluation, and restore them afterwards."""
    layers = stateful_layers(model)
    variables = [
        variable
        for layer in layers
        for variable in [*_states_of(layer), *layer.non_trainable_weights]
    ]
    values = [keras.ops.copy(variable.value) for variable in variables]
    _reset(layers)
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def check_batches(
    model: keras.Model, arrays: data.Arrays, name: str, batch_size: int, steps: int | None = None
) -> None:
    """Raise unless all batches have the size that a stateful layer was built for.

    Parameters
    ----------
    model : keras.Model
        The model, with or without stateful layers.
    arrays : packed arrays
        The rows.
    name : str
        The name of the parameter for the batch size.
    batch_size : int
        The batch size.
    steps : int, default=None
        The number of batches; None means all batches.

    Raises
    ------
    ValueError
        If a batch would have another size. The message has both sizes.
    """
    fixed, n_rows = fixed_batch_size(model), data.n_rows(arrays)
    if fixed is None:
        return
    last = n_rows % batch_size
    if batch_size != fixed and n_rows != fixed:
        raise ValueError(
            f"{name}={batch_size}, but the model is stateful and was built for batches of {fixed} "
            f"rows: set {name}={fixed}"
        )
    if batch_size == fixed and last and not (steps and steps * batch_size <= n_rows):
        raise ValueError(
            f"the model is stateful and was built for batches of {fixed} rows, but {n_rows} rows "
            f"are not a multiple of {fixed}: the last batch would have {last} rows. Choose numbers "
            f"of rows (or sizes of folds) that are multiples of {fixed}, or build the model for "
            "another batch size"
        )


def fixed_batch_size(model: keras.Model) -> int | None:
    """Get the batch size that a stateful layer was built for; None without such a layer."""
    states = [variable for layer in stateful_layers(model) for variable in _states_of(layer)]
    return min((variable.shape[0] for variable in states), default=None)


def _reset(layers: list[keras.Layer]) -> None:
    for layer in layers:
        variables = _states_of(layer)
        # Keras' own method fails if a cell has a nested list of states
        if variables and package_of(_reset_method(layer)) == "keras":
            for variable in variables:
                variable.assign(keras.ops.zeros_like(variable.value))
        else:
            _reset_method(layer)()


def _is_stateful(layer: keras.Layer) -> bool:
    stateful = getattr(layer, "stateful", None)
    method = _reset_method(layer)
    if stateful is None and method is not None:
        return package_of(method) != "keras"
    return bool(stateful) and method is not None


def _reset_method(layer: keras.Layer) -> Any:
    return getattr(layer, "reset_state", None) or getattr(layer, "reset_states", None)


def _states_of(layer: keras.Layer) -> list[Any]:
    """Get the state variables of a recurrent layer of Keras, which are not among its weights."""
    if not isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
        return []
    return keras.tree.flatten(layer.states) if layer.states is not None else []
