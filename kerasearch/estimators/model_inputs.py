"""What a built model asks of its inputs, compared with the features before anything is trained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from .._utils.text import counted, one_line


def check_inputs(model: keras.Model, features: Any) -> None:
    """Raise for features of another shape or number than a model's inputs have.

    Parameters
    ----------
    model : keras.Model
        One that does not tell its inputs before it is called is left alone.
    features : array, or list or dict of arrays
        Rows as the model gets them.

    Raises
    ------
    ValueError
        Naming both shapes, and how to make them agree.
    """
    inputs = _inputs_of(model)
    arrays = keras.tree.flatten(features)
    if not inputs:
        return
    if len(inputs) != len(arrays):
        raise ValueError(
            f"the model has {counted(len(inputs), 'input')} "
            f"({', '.join(str(tuple(i.shape)) for i in inputs)}), but X is "
            f"{counted(len(arrays), 'array')} with rows of shape {_shapes(arrays)}: take X apart "
            "inside the model, or in a `feature_encoder` of a subclass"
        )
    for tensor, array in zip(inputs, arrays, strict=True):
        wanted, got = tuple(tensor.shape)[1:], np.shape(array)[1:]
        # Keras adds and takes away a last axis of length one
        if _agree(wanted, got) or _agree(wanted, (*got, 1)) or _agree((*wanted, 1), got):
            continue
        advice = ""
        if None not in wanted and len(wanted) != len(got) and np.prod(wanted) == np.prod(got):
            advice = (
                f", or begin the model with keras.layers.Reshape({wanted}) on an input of {got}"
            )
        raise ValueError(
            f"X has rows of shape {got}, but the model's input has shape {tuple(tensor.shape)}: "
            "let the model-building function take `meta` and begin with "
            f"keras.Input(meta['X_shape_'][1:]){advice}"
        )


def called_on(model: keras.Model, features: Any) -> Any:
    """Call a model that has not been built on a row; an error says what came of X's shape."""
    try:
        return model(features)
    except ValueError as error:
        raise ValueError(
            f"the model cannot be called on X, whose rows have shape "
            f"{_shapes(keras.tree.flatten(features))}: {one_line(_plain(str(error)))}"
        ) from error


def check_categories(model: keras.Model, features: Any) -> None:
    """Raise for numbers that an Embedding right behind an input has no row for.

    TensorFlow fails on them in the middle of a fit; some devices give zeros instead.

    Raises
    ------
    ValueError
        Naming the value, its column and the Embedding's ``input_dim``.
    """
    inputs = _inputs_of(model)
    arrays = keras.tree.flatten(features)
    if len(inputs) != len(arrays):
        return
    for tensor, array in zip(inputs, arrays, strict=True):
        layers = [layer for layer in _embeddings(model) if _reads(layer, tensor)]
        if not layers or np.asarray(array).dtype.kind not in "fiub" or not np.size(array):
            continue
        n_known = min(layer.input_dim for layer in layers)
        numbers = np.asarray(array)
        unknown = (numbers < 0) | (numbers >= n_known)
        if unknown.any():
            where = np.argwhere(unknown)[0]
            column = f" in column {where[1]}" if len(where) > 1 else ""
            raise ValueError(
                f"X has {numbers[tuple(where)].item()!r}{column}, but the model's Embedding has "
                f"input_dim={n_known}, so it knows 0 to {n_known - 1}: make input_dim the number "
                "of categories there may be, and one more for those not seen before, to which "
                "OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=...) can send "
                "them"
            )


def _inputs_of(model: keras.Model) -> list[Any]:
    # a subclass has none; a Sequential has them once it is built
    return list(getattr(model, "inputs", None) or []) if model.built else []


def _embeddings(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if type(layer) is keras.layers.Embedding]


def _reads(layer: Any, tensor: Any) -> bool:
    try:
        return layer.input is tensor
    except (AttributeError, ValueError):  # it was called several times, or never
        return False


def _agree(wanted: tuple[int | None, ...], got: tuple[int, ...]) -> bool:
    return len(wanted) == len(got) and all(w in (None, g) for w, g in zip(wanted, got, strict=True))


def _shapes(arrays: list[Any]) -> str:
    return ", ".join(str(np.shape(array)[1:]) for array in arrays)


def _plain(text: str) -> str:
    """A message of Keras' without its colors and its list of arguments."""
    text = text.replace("\x1b[1m", "").replace("\x1b[0m", "")
    return text.partition("Arguments received by")[0].strip()
