"""What a built model says of its outputs: names, shapes, and the activations at their ends."""

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
        What a dict of losses calls it; None where the model does not tell.
    shape : tuple of int or None
        None stands for the rows, and for an axis of unknown length. A first axis that is a number
        does not follow the rows.
    activation : str or None
        The name of the activation at its end; None where the model does not tell.
    layer : keras.Layer or None
        The layer that it comes from; None where the model does not tell.
    """

    name: str | None
    shape: tuple[int | None, ...]
    activation: str | None = None
    layer: Any = None

    @property
    def units(self) -> int | None:
        """The size of the last axis; None where that is not known."""
        return self.shape[-1] if len(self.shape) > 1 else 1


def outputs_of(model: keras.Model, predict_one: Callable[[], Any]) -> list[ModelOutput]:
    """Read the outputs of a model, in the order in which Keras flattens them.

    Parameters
    ----------
    model : keras.Model
        Built.
    predict_one : callable
        Gives the model's output for one row. It is called for a model that knows its outputs only
        when it is called, such as a subclass, and for one with outputs of more axes than two.
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
    """Look at the output for one row: some of Keras' layers say an axis more than they give.

    So does `TextVectorization` of one column with ``output_mode="multi_hot"``.
    """
    try:
        found = [tuple(int(n) for n in o.shape) for o in keras.tree.flatten(predict_one())]
    except Exception:  # one row may be no batch of the model's: then what Keras says counts
        return said
    return [(None, *shape[1:]) if shape[:1] == (1,) else shape for shape in found]


def _names(model: keras.Model, tensors: list[Any]) -> list[str | None]:
    structure = getattr(model, "output", None)
    if isinstance(structure, dict):  # Keras sorts the keys when it flattens
        return sorted(structure)
    names = getattr(model, "output_names", None)  # a Sequential has none
    histories = [getattr(tensor, "_keras_history", None) for tensor in tensors]
    return list(names or [h.operation.name if h else None for h in histories])


def _end(tensor: Any) -> tuple[str | None, Any]:
    """The activation that a tensor of a functional model ends in, and its layer."""
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
    # a subclass, or a Sequential that waits for its first call, has no outputs to look at
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
