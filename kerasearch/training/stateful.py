"""Layers that carry a state from batch to batch, as a recurrent one with ``stateful=True`` does.

What a fit or a prediction gives must follow from its own inputs: it begins with the states reset.
Between the epochs of a fit they stay, as in Keras, and a prediction leaves them as they were, so
that the next epoch goes on from where training was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from . import data
from .trusted_libraries import package_of


def stateful_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a model, however nested, that carry a state.

    Those with a true `stateful`, and of the user's own those with a `reset_state` or a
    `reset_states`: with some of Keras' layers this forgets a vocabulary.
    """
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if _is_stateful(layer)]


def reset_states(model: keras.Model) -> None:
    """Reset the state of every layer that has one."""
    _reset(stateful_layers(model))


@contextlib.contextmanager
def with_states_reset(model: keras.Model) -> Iterator[None]:
    """Reset the states for a prediction or an evaluation; afterwards they are as before."""
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
    """Raise unless rows come in batches of the size that a stateful layer was built for.

    Parameters
    ----------
    model : keras.Model
        Any.
    arrays : packed arrays
        The rows.
    name : str
        What the size of a batch is called.
    batch_size : int
        Its value.
    steps : int, default=None
        How many batches are used; all of them by default.

    Raises
    ------
    ValueError
        If a batch would have another size; the message names both.
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
            f"the model is stateful and was built for batches of {fixed} rows, which do not divide "
            f"the {n_rows} rows that it got: the last batch would have {last}. Choose rows, or "
            f"folds, that are multiples of {fixed}, or build the model for batches that divide them"
        )


def fixed_batch_size(model: keras.Model) -> int | None:
    """The number of rows that a stateful layer was built for; None without one."""
    states = [variable for layer in stateful_layers(model) for variable in _states_of(layer)]
    return min((variable.shape[0] for variable in states), default=None)


def _reset(layers: list[keras.Layer]) -> None:
    for layer in layers:
        variables = _states_of(layer)
        # Keras' own method fails where a cell has states in a list of their own
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
    """The variables of a recurrent layer of Keras', which are no weights of it."""
    if not isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
        return []
    return keras.tree.flatten(layer.states) if layer.states is not None else []
