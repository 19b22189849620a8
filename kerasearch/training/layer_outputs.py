"""What a layer of a trained model gives, by the layer's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from .seeds import fresh_names


def layer_names(model: keras.Model) -> list[str]:
    """The names by which `up_to_layer` finds a layer: those in the model's graph, however nested.

    Empty where the model has no graph, as a subclass with a `call` of its own.
    """
    names = list(structure) if isinstance(structure := _output(model), dict) else []
    for node in _nodes(model):
        names += [node.operation.name, *layer_names(node.operation)]
    return list(dict.fromkeys(names))


def up_to_layer(model: keras.Model, name: str) -> list[keras.Model]:
    """Cut a model off behind one of its layers.

    Parameters
    ----------
    model : keras.Model
        With a graph.
    name : str
        One of `layer_names`.

    Returns
    -------
    models : list of keras.Model
        To be called one on the output of the other. They share the layers of `model`, and nothing
        is added to its graph.

    Raises
    ------
    ValueError
        If the layer is called several times, so that it has no one output.
    """
    structure = _output(model)
    if isinstance(structure, dict) and name in structure:
        return [_part(model, structure[name])]
    nodes = list(_nodes(model))
    found = [node for node in nodes if node.operation.name == name]
    if len(found) > 1:
        raise ValueError(
            f"the layer {name!r} is called {len(found)} times in the model, so that it has no one "
            "output: name a layer that is called once"
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
    """Cut a model down to one of its outputs; None where it has no graph, or not so many."""
    tensors = keras.tree.flatten(_output(model))
    return _part(model, tensors[index]) if len(tensors) > index else None


def _part(model: keras.Model, outputs: Any) -> keras.Model:
    with fresh_names():  # whose counters belong to the user's process
        part = keras.Model(getattr(model, "input", model.inputs), outputs)
        part.compile(optimizer=None)  # a program is for a compiled model
    return part


def _output(model: Any) -> Any:
    """The symbolic outputs of a model with a graph, in their structure."""
    if not isinstance(model, keras.Model) or not model.built or not getattr(model, "outputs", None):
        return []
    return getattr(model, "output", model.outputs)  # of which a Sequential has the latter alone


def _nodes(model: Any) -> Iterator[Any]:
    """The calls of layers that a model's outputs come from, the first ones first.

    How a tensor tells where it comes from has no public name; checked for Keras 3.10 to 3.15.
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
