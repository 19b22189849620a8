"""Models that compute the output of a layer of a trained model, by the layer's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from .seeds import fresh_names


def layer_names(model: keras.Model) -> list[str]:
    """List the names that `up_to_layer` accepts: all layers in the model's graph, also nested ones.

    The list is empty if the model has no graph, such as a subclass with its own `call`.
    """
    names = list(structure) if isinstance(structure := _output(model), dict) else []
    for node in _nodes(model):
        names += [node.operation.name, *layer_names(node.operation)]
    return list(dict.fromkeys(names))


def up_to_layer(model: keras.Model, name: str) -> list[keras.Model]:
    """Make models that end with a layer of a model.

    Parameters
    ----------
    model : keras.Model
        A model with a graph.
    name : str
        One of the names in `layer_names`.

    Returns
    -------
    models : list of keras.Model
        Models to call in order, each on the output of the previous model. They share the layers of
        `model`, and its graph does not change.

    Raises
    ------
    ValueError
        If the layer is called several times, so that its output is ambiguous.
    """
    structure = _output(model)
    if isinstance(structure, dict) and name in structure:
        return [_part(model, structure[name])]
    nodes = list(_nodes(model))
    found = [node for node in nodes if node.operation.name == name]
    if len(found) > 1:
        raise ValueError(
            f"the layer {name!r} is called {len(found)} times in the model, so that its output is "
            "ambiguous: pass the name of a layer that is called once"
        )
    if found:
        return [_part(model, found[0].output_tensors[0])]
    for node in nodes:
        if name in layer_names(node.operation):
            inner = up_to_layer(node.operation, name)
            before = list(node.input_tensors)
            if [id(t) for t in before] == [id(t) for t in keras.tree.flatten(model.inputs)]:
                return inner
            return [_part(model, before[0] if len(before) == 1 else before), *inner]
    raise KeyError(name)


def output_of(model: keras.Model, index: int) -> keras.Model | None:
    """Make a model with one output of a model; None if it has no graph or no such output."""
    tensors = keras.tree.flatten(_output(model))
    return _part(model, tensors[index]) if len(tensors) > index else None


def _part(model: keras.Model, outputs: Any) -> keras.Model:
    with fresh_names():  # do not change Keras' name counters of the process
        part = keras.Model(getattr(model, "input", model.inputs), outputs)
        part.compile(optimizer=None)  # programs need a compiled model
    return part


def _output(model: Any) -> Any:
    """Get the symbolic outputs of a model in their structure; [] if it has no graph."""
    if not isinstance(model, keras.Model) or not model.built or not getattr(model, "outputs", None):
        return []
    return getattr(model, "output", model.outputs)  # a Sequential has only `outputs`


def _nodes(model: Any) -> Iterator[Any]:
    """List the layer calls that compute a model's outputs, in order.

    The origin of a tensor has no public name; checked with Keras 3.10 to 3.15.
    """
    begins = {id(tensor) for tensor in getattr(model, "inputs", None) or []}
    found: dict[int, Any] = {}
    waiting = list(keras.tree.flatten(_output(model)))
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in begins:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if id(node) not in found:
            found[id(node)] = node
            waiting += node.input_tensors
    yield from reversed(found.values())
