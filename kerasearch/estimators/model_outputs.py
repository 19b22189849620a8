"""Descriptions of the outputs of a built model: names, shapes and activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class ModelOutput:
    """One output of a model.

    Attributes
    ----------
    name : str or None
        The key of the output in a dict of losses; None if it is not known.
    shape : tuple of int or None
        The shape. None is the axis of the rows, or an axis of unknown size. If the first axis is a
        number, it is not the axis of the rows.
    activation : str or None
        The name of the last activation; None if it is not known.
    layer : keras.Layer or None
        The layer that computes the output; None if it is not known.
    """

    name: str | None
    shape: tuple[int | None, ...]
    activation: str | None = None
    layer: Any = None

    @property
    def units(self) -> int | None:
        """The size of the last axis; None if it is not known."""
        return self.shape[-1] if len(self.shape) > 1 else 1


def outputs_of(model: keras.Model, predict_one: Callable[[], Any]) -> list[ModelOutput]:
    """Describe the outputs of a model, in the order in which Keras flattens them.

    Parameters
    ----------
    model : keras.Model
        A built model.
    predict_one : callable
        A function that returns the model's output for one row. It is called if the model has no
        known outputs, as a subclass of Model, or if an output has more than two axes.
    """
    tensors = getattr(model, "outputs", None)
    if tensors:
        shapes = [(None, *tensor.shape[1:]) for tensor in tensors]
        if any(len(shape) > 2 for shape in shapes):
            shapes = _shapes_found(predict_one, shapes)
        return [
            ModelOutput(name, shape, *_end(tensor))
            for name, tensor, shape in zip(_names(model, tensors), tensors, shapes, strict=True)
        ]
    structure = predict_one()
    shapes = [tuple(int(n) for n in o.shape) for o in keras.tree.flatten(structure)]
    names = sorted(structure) if isinstance(structure, dict) else [None] * len(shapes)
    return [
        ModelOutput(name, (None, *shape[1:]) if shape[:1] == (1,) else shape)
        for name, shape in zip(names, shapes, strict=True)
    ]


def _shapes_found(
    predict_one: Callable[[], Any], said: list[tuple[int | None, ...]]
) -> list[tuple[int | None, ...]]:
    """Get the shapes from the output for one row, because some of Keras' layers declare wrong ones.

    For example, `TextVectorization` of one column with ``output_mode="multi_hot"`` declares one
    axis too many.
    """
    try:
        found = [tuple(int(n) for n in o.shape) for o in keras.tree.flatten(predict_one())]
    except Exception:  # the model may not accept a batch of one row: use the declared shapes
        return said
    return [(None, *shape[1:]) if shape[:1] == (1,) else shape for shape in found]


def _names(model: keras.Model, tensors: list[Any]) -> list[str | None]:
    structure = getattr(model, "output", None)
    if isinstance(structure, dict):  # Keras sorts the keys when it flattens
        return sorted(structure)
    names = getattr(model, "output_names", None)  # a Sequential has no such attribute
    histories = [getattr(tensor, "_keras_history", None) for tensor in tensors]
    return list(names or [h.operation.name if h else None for h in histories])


def _end(tensor: Any) -> tuple[str | None, Any]:
    """Get the last activation of a tensor of a functional model, and the layer of the tensor."""
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None, None
    layer = history.operation
    if isinstance(layer, keras.layers.Softmax):
        return "softmax", layer
    if isinstance(layer, keras.layers.ReLU):
        bounded_below = not layer.negative_slope and not layer.threshold
        return ("relu" if bounded_below else None), layer
    if hasattr(layer, "activation") and isinstance(layer, _WITH_ACTIVATION):
        return getattr(layer.activation, "__name__", None), layer
    # a subclass of Model, and a Sequential before its first call, have no outputs
    outputs = getattr(layer, "outputs", None) if isinstance(layer, keras.Model) else None
    return _end(outputs[history.tensor_index]) if outputs else (None, layer)


_WITH_ACTIVATION = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Activation,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)
