"""The layers that a model-building function reads from outside."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import keras

from .._utils.descriptions import is_filled
from .code_reading import names_read
from .trusted_libraries import is_trusted

_MAX_ITEMS = 1000  # a larger container holds data, and no layers
_MAX_DEPTH = 4  # for example: a method, the attributes of its object, a list in them, a layer


def reachable_layers(builder: Callable[..., Any]) -> list[keras.Layer]:
    """List the layers that a builder reads from its closure, globals, object or arguments."""
    found: dict[int, keras.Layer] = {}
    seen: set[int] = set()

    def look(value: Any, depth: int) -> None:
        if isinstance(value, keras.Layer):
            found[id(value)] = value
            return
        if not depth or id(value) in seen:
            return
        seen.add(id(value))
        for part in _parts(value):
            look(part, depth - 1)

    look(builder, _MAX_DEPTH)
    return [*found.values()]


def _parts(value: Any) -> list[Any]:
    """List the objects in a container, or the objects that a callable may read."""
    if isinstance(value, (dict, list, tuple, set)):
        items = value.values() if isinstance(value, dict) else value
        return [*items] if len(value) <= _MAX_ITEMS else []
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, types.MethodType):
        return [value.__func__, getattr(value.__self__, "__dict__", None)]
    if isinstance(value, types.FunctionType):
        if is_trusted(value.__module__):
            return []
        names = names_read(value.__code__).globals
        read = [value.__globals__.get(name) for name in names]
        held = [cell.cell_contents for cell in value.__closure__ or () if is_filled(cell)]
        return [*read, *held, value.__defaults__, value.__kwdefaults__]
    if callable(value) and not isinstance(value, type):
        return [getattr(value, "__dict__", None), type(value).__call__]
    return []
