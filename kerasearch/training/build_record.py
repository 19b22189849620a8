"""A record of the layers that a model-building function makes, and of older layers that it uses.

An older layer that the build used is restored afterwards. If the builder's closure, globals, object
or arguments lead to the layer, it gets its state before the build; otherwise, its state before the
first use.

Keras keeps two stacks in its thread-local state. Each new layer reads the stack of
rematerialization scopes. Each layer pushes itself on the stack of name scopes before it is built or
called. During a build, both stacks are replaced by lists that notify a `BuildRecord`. Therefore no
class is patched, other threads are not affected, and a build without outer layers costs only
microseconds.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras

# Keras has no public notification of new layers. Checked with Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

from .cleared_session import ClearingWatch, kept_when_cleared
from .reachable_layers import reachable_layers

_SCOPES = "remat_scope_stack"
_NAME_SCOPES = "name_scope_stack"


class BuildRecord:
    """The layers that one build makes, and the outer layers (made before) that it uses."""

    def __init__(self) -> None:
        self._made: dict[int, keras.Operation] = {}  # keeps the layers, so that ids stay unique
        self._used: dict[int, keras.Layer] = {}
        self._before: dict[int, LayerState] = {}
        self._held: set[int] = set()
        self.watch: ClearingWatch  # whether ``keras.utils.clear_session`` was called
        # pairs of an outer layer, and the layer of this build whose code called it
        self.called_unheld: list[tuple[keras.Layer, keras.Layer]] = []

    def is_outside(self, layer: keras.Layer) -> bool:
        """Tell whether a layer was made before the build."""
        return id(layer) not in self._made

    def made(self, layer: keras.Operation) -> None:
        """Note a new layer."""
        self._made[id(layer)] = layer

    def used(self, layer: Any, callers: list[Any]) -> None:
        """Note that a layer is about to be built or called, if it comes from outside."""
        if id(layer) in self._made or not isinstance(layer, keras.Layer):
            return
        ours = [caller for caller in callers if id(caller) in self._made]
        if ours:
            self.called_unheld.append((layer, ours[-1]))
        if id(layer) not in self._used:
            self._used[id(layer)] = layer
            self.keep(layer)
            if not layer.built:
                draw_anew(vars(layer))

    def keep(self, layer: keras.Layer) -> None:
        """Note the state of an outer layer, which is restored if the build uses the layer."""
        if id(layer) not in self._before:
            self._before[id(layer)] = LayerState(layer)

    def layers(self) -> list[Any]:
        """List all layers that were made or used so far."""
        return [*self._made.values(), *self._used.values()]

    def held(self, layers: list[keras.Layer]) -> None:
        """Note that the model holds layers, so that each fit gets its own."""
        ids = {id(layer) for layer in layers}
        self._held |= ids
        self.called_unheld = [pair for pair in self.called_unheld if id(pair[0]) not in ids]

    def restore(self) -> None:
        """Restore the state before the build of the outer layers that the build used.

        A layer that only the code of a layer calls is not copied. It must stay frozen if the
        builder has frozen it.
        """
        shared = {id(part) for layer, _ in self.called_unheld for part in layer._flatten_layers()}
        for key, state in self._before.items():
            if key in self._used or key in self._held:
                state.restore(with_flags=key not in shared)


@contextlib.contextmanager
def recorded(builder: Callable[..., Any]) -> Iterator[BuildRecord]:
    """Record the layers that this thread makes and uses, and restore outer layers at the end."""
    record = BuildRecord()
    for layer in reachable_layers(builder):
        for part in layer._flatten_layers():
            record.keep(part)
    stacks = {_SCOPES: _Makes(record), _NAME_SCOPES: _Uses(record)}
    kept = {name: global_state.get_global_attribute(name) for name in stacks}
    for name, stack in stacks.items():
        stack.extend(kept[name] or ())
        global_state.set_global_attribute(name, stack)
    try:
        with kept_when_cleared(stacks) as record.watch:
            yield record
    finally:
        for name, value in kept.items():
            global_state.set_global_attribute(name, value)
        record.restore()


def draw_anew(attributes: dict[str, Any]) -> None:
    """Replace the initializers of a layer that is not built by initializers with new seeds.

    An initializer without a seed draws a seed when it is made. If it is made outside the build,
    all fits would have the same seed.
    """
    for name, value in attributes.items():
        if isinstance(value, keras.initializers.Initializer) and "seed" in vars(value):
            config = value.get_config()
            if config.get("seed", 0) is None:
                attributes[name] = type(value).from_config(config)


def plain(container: Any) -> Any:
    """Unwrap TensorFlow's wrapper of a list or dict; return other objects unchanged."""
    kind = type(container)
    if kind.__module__.startswith("tensorflow."):
        for name in ("_storage", "__wrapped__"):
            if isinstance(inner := getattr(container, name, None), (list, dict)):
                return inner
    return container


class LayerState:
    """The attributes and containers of a layer, without the values of its variables."""

    def __init__(self, layer: keras.Layer) -> None:
        self.layer = layer
        tracker = getattr(layer, "_tracker", None)
        self._objects = [part for part in (layer, tracker) if part is not None]
        self._attributes = [dict(vars(part)) for part in self._objects]
        self._trainable = [
            (variable, variable.trainable) for variable in layer._trainable_variables
        ]
        self._containers: list[tuple[Any, Any]] = []
        for attributes in self._attributes:
            for value in attributes.values():
                self._keep(value, depth=3)

    def _keep(self, value: Any, depth: int) -> None:
        value = plain(value)
        if not depth or not isinstance(value, (list, dict, set, tuple)):
            return
        if not isinstance(value, tuple):
            self._containers.append((value, _items(value)))
        for item in value.values() if isinstance(value, dict) else value:
            self._keep(item, depth - 1)

    def restore(self, with_flags: bool) -> None:
        """Restore the layer, and with `with_flags` whether it and its variables are trainable."""
        for part, before in zip(self._objects, self._attributes, strict=True):
            now = vars(part)
            for name in now.keys() | before.keys():
                if name == "_trainable" and not with_flags:
                    continue
                if name not in before:
                    del now[name]
                elif name not in now or now[name] is not before[name]:
                    now[name] = before[name]
        for container, items in self._containers:
            refill(container, items)
        for variable, trainable in self._trainable if with_flags else ():
            if variable.trainable != trainable:
                variable.trainable = trainable


def refill(container: Any, items: Any) -> None:
    """Replace the items of a list, dict or set, without Keras' tracking."""
    kind: Any = next(kind for kind in (list, dict, set) if isinstance(container, kind))
    kind.clear(container)
    (list.extend if kind is list else kind.update)(container, items)


def _items(container: Any) -> Any:
    return dict(container) if isinstance(container, dict) else [*container]


class _Makes(list):
    """A replacement of the stack of rematerialization scopes, which notes new layers."""

    def __init__(self, record: BuildRecord) -> None:
        super().__init__()
        self._record = record

    def __bool__(self) -> bool:
        asks, maker = sys._getframe(1).f_code.co_name, sys._getframe(2)
        if asks == "get_current_remat_mode" and maker.f_code.co_name == "__init__":
            layer = maker.f_locals.get("self")
            if isinstance(layer, keras.Operation):
                self._record.made(layer)
        return len(self) > 0


class _Uses(list):
    """A replacement of the stack of name scopes, which notes layers that are used."""

    def __init__(self, record: BuildRecord) -> None:
        super().__init__()
        self._record = record

    def append(self, scope: Any) -> None:
        self._record.used(scope.caller, [scope.caller for scope in self])
        super().append(scope)
