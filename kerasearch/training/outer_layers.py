"""Replacement of outer layers (made outside a model-building function) by copies for each fit.

The model that the function returned keeps its compile settings, and the layers that the function
made. Only outer layers are replaced, in the graph of the model, in graphs of inner models, in
wrappers and in lists. A layer is copied attribute by attribute. Keras' own copy, by saving and
loading, would lose functions that are not registered, flags of inner layers and the state of seeds.
"""

from __future__ import annotations

import copy
import functools
import types
import weakref
from collections.abc import Callable
from typing import Any

import keras

# The parts of a graph have no public names. Checked with Keras 3.10 to 3.15.
from keras.src.models.functional import Functional
from keras.src.ops.node import Node

from .build_record import BuildRecord, draw_anew, plain, refill
from .model_layers import layers_by_path
from .serialization import copy_object, to_numpy

# attributes of a functional model that describe its graph, and are made with a new graph
_GRAPH = {
    "_inputs_struct",
    "_outputs_struct",
    "_inputs",
    "_outputs",
    "_nodes",
    "_nodes_by_depth",
    "_operations",
    "_operations_by_depth",
}
_NODES = {"_inbound_nodes", "_outbound_nodes"}
# attributes that must not be copied, because they belong to one object or to its traced functions
_OWN = {"build", "quantize", "_loss_ids", "_losses", "_losses_override", "history", "_kerasearch"}
_TRACED = {"train_function", "test_function", "predict_function"}
_STATEFUL = (keras.random.SeedGenerator, keras.metrics.Metric, keras.losses.Loss)

# the layers that fits have trained, with the code of the function that made them
_TRAINED: weakref.WeakKeyDictionary[keras.Layer, Any] = weakref.WeakKeyDictionary()


def with_own_layers(
    model: keras.Model, record: BuildRecord, builder: Callable[..., Any]
) -> keras.Model:
    """Replace the outer layers in the model of a builder by copies.

    Parameters
    ----------
    model : keras.Model
        The model that the builder returned. It is changed in place, unless it is an outer model.
    record : BuildRecord
        The record of the build.
    builder : callable
        The function that built the model.

    Raises
    ------
    ValueError
        If a subclassed model has an outer layer, or an earlier call of the builder made a layer.
    """
    layers = [layer for _, layer in layers_by_path(model)]
    record.held(layers)
    outer = [layer for layer in layers if record.is_outside(layer)]
    if outer:
        _check_not_trained(outer, builder)
        _check_can_be_replaced(layers, record)
        model = _Replacement(record).of_model(model, layers)
    for _, layer in layers_by_path(model):
        _TRAINED[layer] = _code(builder)
    return model


def copied(layer: keras.Layer, record: BuildRecord) -> keras.Layer:
    """Copy an outer layer or model attribute by attribute, and note the copy in the record."""
    return _Replacement(record).copied(layer)


def check_called(model: keras.Model, record: BuildRecord) -> None:
    """Check that the first call of the model used no outer layers that the model does not contain.

    Parameters
    ----------
    model : keras.Model
        The built model, after the replacement of outer layers.
    record : BuildRecord
        The record of the build and of the first call.

    Raises
    ------
    ValueError
        If the code of a layer calls such an outer layer, and it has weights that training could
        change. Keras would not train these weights, and all fits would share the layer's state.
    """
    layers = [layer for _, layer in layers_by_path(model)]
    _check_can_be_replaced(layers, record)  # `build` or `call` may have added an outer layer
    callers = {id(layer) for layer in layers}
    for layer, caller in record.called_unheld:
        alone = not layer._layers  # a model is trainable even if all its layers are frozen
        if id(caller) in callers and (
            layer.trainable_weights or (alone and layer.trainable and layer.weights)
        ):
            raise ValueError(
                f"{type(caller).__name__} {caller.name!r} calls the layer {layer.name!r}, which "
                "was made outside the model-building function, but no layer of the model has it "
                "as an attribute: it would not be trained, and all fits would share it. Make it "
                "in the function, or pass it as an argument of the function, and set it as an "
                "attribute of a layer; or set its trainable = False"
            )


def _check_not_trained(outer: list[keras.Layer], builder: Callable[..., Any]) -> None:
    for layer in outer:
        if _TRAINED.get(layer) is _code(builder):
            kind = "model" if isinstance(layer, keras.Model) else "layer"
            raise ValueError(
                f"model={builder!r} returned a {kind} that an earlier fit has trained, "
                f"{layer.name!r}: an earlier call of the function made it. Make a new {kind} in "
                "each call, or make it outside the function, so that each fit trains a copy"
            )


def _check_can_be_replaced(layers: list[keras.Layer], record: BuildRecord) -> None:
    for model in layers:
        if (
            isinstance(model, keras.Model)
            and not isinstance(model, (Functional, keras.Sequential))
            and not record.is_outside(model)
        ):
            for layer in model._layers:
                if record.is_outside(layer):
                    raise ValueError(
                        f"{type(model).__name__}, a subclass of keras.Model, has the layer "
                        f"{layer.name!r}, which was made outside the model-building function: "
                        "all fits would train it. Make it in the function, or pass it as an "
                        "argument of the function, so that each fit gets a copy"
                    )


def _code(builder: Any) -> Any:
    """Get the code of a builder, which is equal for all calls and keeps no objects alive."""
    while isinstance(builder, functools.partial):
        builder = builder.func
    function = getattr(builder, "__func__", builder)
    if not hasattr(function, "__code__"):  # an instance that can be called
        function = type(builder).__call__
    return getattr(function, "__code__", type(builder))


class _Replacement:
    """The copies of the outer layers of one build; each layer is copied once."""

    def __init__(self, record: BuildRecord) -> None:
        self._record = record
        self._new: dict[int, Any] = {}
        self._alive: list[Any] = []  # keeps objects alive, so that their ids stay unique

    def of_model(self, model: keras.Model, layers: list[keras.Layer]) -> keras.Model:
        """Copy the outer layers in `layers`, and put the copies into the other layers."""
        outer = [layer for layer in layers if self._record.is_outside(layer)]
        for layer in outer:
            self.copied(layer)
        for layer in layers:
            if not self._record.is_outside(layer):
                self._put_into(layer)
        self._release(layers)
        return self._new.get(id(model), model)

    # ---------------------------------------------------------- copying what is outside

    def copied(self, value: Any) -> Any:
        """Copy layers, variables, and containers of them; share everything else."""
        value = plain(value)
        if id(value) in self._new:
            return self._new[id(value)]
        if isinstance(value, keras.Operation):
            inside = isinstance(value, keras.Layer) and not self._record.is_outside(value)
            return value if inside else self._copied_operation(value)
        if isinstance(value, keras.Variable):
            return self._known(value, _copied_variable(value))
        if isinstance(value, keras.optimizers.Optimizer):
            return self._copied_optimizer(value)
        cls: Any = type(value)
        if isinstance(value, _STATEFUL) or cls.__name__ == "Tracker":
            return self._copied_attributes(value, _bare(cls))
        if isinstance(value, (list, dict, set)):
            return self._copied_container(value)
        if isinstance(value, tuple):
            return _like(value, map(self.copied, value))
        if isinstance(value, types.MethodType) and id(value.__self__) in self._new:
            return types.MethodType(value.__func__, self._new[id(value.__self__)])
        if type(value).__name__ == "TrackableReference":  # TensorFlow's, for checkpoints
            return type(value)(value.name, self.copied(value.ref))
        return value

    def _known(self, old: Any, new: Any) -> Any:
        self._alive.append(old)
        self._new[id(old)] = new
        return new

    def _copied_operation(self, operation: keras.Operation) -> keras.Operation:
        cls: Any = type(operation)
        base = keras.Layer if isinstance(operation, keras.Layer) else keras.Operation
        new = base.__new__(cls)
        self._record.made(new)
        self._copied_attributes(operation, new)
        if isinstance(operation, keras.Layer) and not operation.built:
            draw_anew(vars(new))
        if isinstance(operation, Functional):
            self._draw_graph(operation, new)
        return new

    def _copied_attributes(self, old: Any, new: Any) -> Any:
        self._known(old, new)
        kept = {name: vars(new)[name] for name in _OWN if name in vars(new)}
        vars(new).clear()
        vars(new).update(kept)
        for name, value in vars(old).items():
            if name in _NODES or name in ("_losses", "_losses_override"):
                vars(new)[name] = []
            elif name == "_loss_ids":
                vars(new)[name] = set()
            elif name in _TRACED:
                vars(new)[name] = None
            elif name not in _OWN and not (isinstance(old, Functional) and name in _GRAPH):
                vars(new)[name] = self.copied(value)
        _note_what_is_tracked(new)
        return new

    def _copied_container(self, value: Any) -> Any:
        new = self._known(value, _bare(type(value)))
        if hasattr(value, "default_factory"):
            new.default_factory = value.default_factory
        for name, attribute in getattr(value, "__dict__", {}).items():
            vars(new)[name] = self.copied(attribute)
        if isinstance(value, dict):
            refill(new, {self.copied(key): self.copied(item) for key, item in value.items()})
        else:
            refill(new, [self.copied(item) for item in value])
        return new

    def _copied_optimizer(self, optimizer: keras.optimizers.Optimizer) -> Any:
        new = self._known(optimizer, copy_object(optimizer))
        if optimizer.built:
            # checked for Keras 3.10 to 3.15
            new.build([self.copied(variable) for variable in optimizer._trainable_variables])
            for mine, theirs in zip(new.variables, optimizer.variables, strict=True):
                mine.assign(to_numpy(theirs))
        return new

    # ------------------------------------------------- putting copies into what was built

    def _put_into(self, layer: keras.Layer) -> None:
        if isinstance(layer, Functional):
            self._draw_graph(layer, layer)
        for name, value in list(vars(layer).items()):
            if name not in _NODES and not (isinstance(layer, Functional) and name in _GRAPH):
                replaced = self._replaced(value)
                if replaced is not value:
                    vars(layer)[name] = replaced
        tracker = getattr(layer, "_tracker", None)
        if tracker is not None:
            for _, stored in tracker.config.values():
                self._replaced(stored)
        _note_what_is_tracked(layer)
        optimizer = getattr(layer, "optimizer", None)
        if optimizer is not None and optimizer.built:
            layer.optimizer = self._copied_optimizer(optimizer)

    def _replaced(self, value: Any) -> Any:
        """Get the copy of a value, if any; containers are changed in place."""
        held = plain(value)
        if id(held) in self._new:
            return self._new[id(held)]
        if isinstance(held, types.MethodType) and id(held.__self__) in self._new:
            return self.copied(held)
        if isinstance(held, tuple):
            items = [self._replaced(item) for item in held]
            changed = any(new is not old for new, old in zip(items, held, strict=True))
            return _like(held, items) if changed else value
        if not isinstance(held, (list, dict, set)):
            return value
        old: list[Any] = [*held.items()] if isinstance(held, dict) else [*held]
        new = [self._replaced(item) for item in old]
        if all(one is other for one, other in zip(new, old, strict=True)):
            return value
        refill(held, dict(new) if isinstance(held, dict) else new)
        return held

    # -------------------------------------------------------------------- graphs

    def _draw_graph(self, network: Functional, target: Functional) -> None:
        """Give `target` the graph of `network`, with copies instead of outer layers."""
        for depth in sorted(network._nodes_by_depth, reverse=True):
            for node in network._nodes_by_depth[depth]:
                self._draw_node(node)
        tensors = network._inputs_struct, network._outputs_struct
        inputs, outputs = keras.tree.map_structure(lambda t: self._new.get(id(t), t), tensors)
        drawn = keras.Model(inputs, outputs, name=network.name)
        vars(target).update({name: vars(drawn)[name] for name in _GRAPH})

    def _draw_node(self, node: Node) -> None:
        operation = node.operation
        changed = any(id(tensor) in self._new for tensor in node.input_tensors)
        is_layer = isinstance(operation, keras.Layer)
        if is_layer and self._record.is_outside(operation):
            new_operation = self.copied(operation)
        elif not changed:
            return
        else:  # an operation that is no layer has no state
            new_operation = operation if is_layer else self.copied(operation)
        if id(node) in self._new:
            return
        args, kwargs = node.arguments.convert(lambda value: self._new.get(id(value), value))
        outputs = [self._known(tensor, _fresh_tensor(tensor)) for tensor in node.outputs]
        self._known(node, Node(new_operation, args, kwargs, outputs))
        if new_operation is operation:
            self._put_in_place(node, self._new[id(node)])

    def _put_in_place(self, old: Node, new: Node) -> None:
        """Replace the old node of an operation that is not copied by the new node."""
        nodes = plain(old.operation._inbound_nodes)
        nodes.remove(new)
        nodes[nodes.index(old)] = new
        for index, node in enumerate(nodes):
            for tensor in node.outputs:
                tensor._keras_history = tensor._keras_history._replace(node_index=index)
        _forget(old)

    def _release(self, layers: list[keras.Layer]) -> None:
        """Remove the nodes of this build from outer layers."""
        for layer in layers:
            if not self._record.is_outside(layer):
                continue
            for node in list(layer._outbound_nodes):
                user = node.operation
                if isinstance(user, keras.Layer) and not self._record.is_outside(user):
                    _forget(node)


def _forget(node: Node) -> None:
    for tensor in node.input_tensors:
        nodes = plain(tensor._keras_history.operation._outbound_nodes)
        if node in nodes:
            nodes.remove(node)


def _fresh_tensor(tensor: keras.KerasTensor) -> keras.KerasTensor:
    new = copy.copy(tensor)
    for name in ("_keras_history", "_keras_mask"):
        vars(new).pop(name, None)
    return new


def _copied_variable(variable: keras.Variable) -> keras.Variable:
    new = keras.Variable(
        to_numpy(variable),
        dtype=variable.dtype,
        trainable=variable.trainable,
        autocast=variable._autocast,
        aggregation=variable.aggregation,
        name=variable.name,
    )
    for name, value in vars(variable).items():
        if name != "_value" and not name.startswith("_self_"):
            vars(new)[name] = value
    return new


def _bare(cls: Any) -> Any:
    """Make an instance without calling its constructor."""
    return cls.__new__(cls)


def _note_what_is_tracked(owner: Any) -> None:
    """Update the ids in a tracker after its owner's attributes were replaced."""
    tracker = getattr(owner, "_tracker", None)
    if tracker is not None:
        tracker.stored_ids = {
            name: {id(item) for item in stored} for name, (_, stored) in tracker.config.items()
        }


def _like(value: tuple, items: Any) -> tuple:
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
