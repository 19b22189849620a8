"""Layers that were made outside a model-building function are templates: a fit trains copies.

The model that the function returned stays as it is, with its compile settings, and the layers that
the function made stay in it. Only outer layers are replaced by copies, wherever the model holds
them: in its graph, in those of inner models, in wrappers and lists. A copy is made attribute by
attribute and not by Keras' way through files, which loses functions that are not registered, flags
of inner layers and the state of seeds.
"""

from __future__ import annotations

import copy
import functools
import types
import weakref
from collections.abc import Callable
from typing import Any

import keras

# A graph has no public name for its parts. Checked for Keras 3.10 to 3.15.
from keras.src.models.functional import Functional
from keras.src.ops.node import Node

from .build_record import BuildRecord, draw_anew, plain, refill
from .model_layers import layers_by_path
from .serialization import copy_object, to_numpy

# what a functional model knows of its graph, which is made anew with the graph
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
# what belongs to an object alone, or to what it was traced for
_OWN = {"build", "quantize", "_loss_ids", "_losses", "_losses_override", "history", "_kerasearch"}
_TRACED = {"train_function", "test_function", "predict_function"}
_STATEFUL = (keras.random.SeedGenerator, keras.metrics.Metric, keras.losses.Loss)

# the layers that fits have trained, and the code of the function that made them
_TRAINED: weakref.WeakKeyDictionary[keras.Layer, Any] = weakref.WeakKeyDictionary()


def with_own_layers(
    model: keras.Model, record: BuildRecord, builder: Callable[..., Any]
) -> keras.Model:
    """Get the model that a builder returned with copies in place of layers from outside.

    Parameters
    ----------
    model : keras.Model
        As returned. It is changed in place, unless it comes from outside itself.
    record : BuildRecord
        Of the build.
    builder : callable
        The function that built the model.

    Raises
    ------
    ValueError
        If a subclassed model holds a layer from outside, or an earlier call of the builder made it.
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
    """Copy a layer or model from outside attribute by attribute, as one that the build made."""
    return _Replacement(record).copied(layer)


def check_called(model: keras.Model, record: BuildRecord) -> None:
    """Check that the first call met no layers from outside that the model does not hold.

    Parameters
    ----------
    model : keras.Model
        With its own layers, built.
    record : BuildRecord
        Of the build and of the first call.

    Raises
    ------
    ValueError
        If code of one of its layers calls one that has weights which training would change. Keras
        would not train it, but all fits would share, and some would change, what it keeps.
    """
    layers = [layer for _, layer in layers_by_path(model)]
    _check_can_be_replaced(layers, record)  # one that `build` or `call` puts into the model
    callers = {id(layer) for layer in layers}
    for layer, caller in record.called_unheld:
        alone = not layer._layers  # a model counts as trainable, be all its layers frozen
        if id(caller) in callers and (
            layer.trainable_weights or (alone and layer.trainable and layer.weights)
        ):
            raise ValueError(
                f"{type(caller).__name__} {caller.name!r} calls the layer {layer.name!r}, which "
                "was made outside the model-building function, and no layer of the model holds "
                "it: it would not be trained, and all fits would share it. Make it in the "
                "function or pass it as an argument of the function, and let the model hold it; "
                "or set its trainable = False"
            )


def _check_not_trained(outer: list[keras.Layer], builder: Callable[..., Any]) -> None:
    for layer in outer:
        if _TRAINED.get(layer) is _code(builder):
            kind = "model" if isinstance(layer, keras.Model) else "layer"
            raise ValueError(
                f"model={builder!r} returned a {kind} that an earlier fit has trained, "
                f"{layer.name!r}: an earlier call made it and kept it. Make a new one in each "
                "call, or make it outside: then each fit trains a copy"
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
                        f"{type(model).__name__}, a subclass of keras.Model, holds the layer "
                        f"{layer.name!r}, which was made outside the model-building function: "
                        "all fits would train it. Make it in the function, or pass it as an "
                        "argument of the function: then each fit gets a copy"
                    )


def _code(builder: Any) -> Any:
    """What is the same for all calls of a builder, and keeps nothing alive."""
    while isinstance(builder, functools.partial):
        builder = builder.func
    function = getattr(builder, "__func__", builder)
    if not hasattr(function, "__code__"):  # an instance that can be called
        function = type(builder).__call__
    return getattr(function, "__code__", type(builder))


class _Replacement:
    """Copies of the outer layers of one build, each made once."""

    def __init__(self, record: BuildRecord) -> None:
        self._record = record
        self._new: dict[int, Any] = {}
        self._alive: list[Any] = []  # an id is good only while its object lives

    def of_model(self, model: keras.Model, layers: list[keras.Layer]) -> keras.Model:
        """Copy the outer ones among `layers`, and put the copies into those that were built."""
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
        """Replace what has a copy, in containers in place; the same object where nothing has."""
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
        """Give `target` the graph of `network`, of copies where there are some."""
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
        """Let an operation that stays forget the node that it had in the graph of originals."""
        nodes = plain(old.operation._inbound_nodes)
        nodes.remove(new)
        nodes[nodes.index(old)] = new
        for index, node in enumerate(nodes):
            for tensor in node.outputs:
                tensor._keras_history = tensor._keras_history._replace(node_index=index)
        _forget(old)

    def _release(self, layers: list[keras.Layer]) -> None:
        """Take the nodes of this build off the originals that the graph begins at."""
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
    """An instance whose constructor has not run."""
    return cls.__new__(cls)


def _note_what_is_tracked(owner: Any) -> None:
    """Let a tracker, which goes by ids, know what its owner holds now."""
    tracker = getattr(owner, "_tracker", None)
    if tracker is not None:
        tracker.stored_ids = {
            name: {id(item) for item in stored} for name, (_, stored) in tracker.config.items()
        }


def _like(value: tuple, items: Any) -> tuple:
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
