"""State that layers keep outside their variables: tables, constant tensors, arrays, plain values.

For example, an adapted Normalization layer keeps its mean as a constant tensor, a StringLookup
keeps its vocabulary in a table, and a user's layer may keep values that its constructor has read.
The variables of a model do not include this state, and a second call of the builder may give other
values.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .content import entries_of_table, is_table
from .keras_bookkeeping import COMPILED_ATTRIBUTES, bookkeeping
from .model_layers import layers_by_path
from .trusted_libraries import is_library_class

_MISSING = object()


def holder_of_state(model: keras.Model) -> str | None:
    """Describe a layer that keeps state outside its variables; None if there is no such layer."""
    for _, layer in layers_by_path(model):
        if hasattr(layer, "adapt"):
            return f"the layer {layer.name!r} was adapted or given a vocabulary"
        for name, value in _own_attributes(layer):
            if (kind := _kind_of_state(value)) is not None:
                return f"the layer {layer.name!r} keeps {kind} as {name!r}"
    return None


def attributes_of(model: keras.Model) -> dict[str, dict[str, Any]]:
    """Get the plain values, arrays and tensors of layers as plain data, by layer and name."""
    found = {}
    for path, layer in layers_by_path(model):
        values = {name: _as_data(value) for name, value in _own_attributes(layer)}
        found[path] = {name: value for name, value in values.items() if value is not _MISSING}
    return {path: values for path, values in found.items() if values}


def put_attributes(model: keras.Model, attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Restore the attributes of the layers in a rebuilt model."""
    for path, layer in layers_by_path(model):
        for name, data in attributes.get(path, {}).items():
            now = vars(layer).get(name, _MISSING)
            if now is not _MISSING and not _equal(_as_data(now), data):
                _put(layer, name, now, data)


def holder_of_own_table(model: keras.Model) -> str | None:
    """Get the name of a user's layer with a lookup table, which Keras' archives do not save."""
    for _, layer in layers_by_path(model):
        cls: Any = type(layer)
        if not is_library_class(cls) and any(map(is_table, vars(layer).values())):
            return str(layer.name)
    return None


def tables_of(model: keras.Model) -> dict[str, list[Any]]:
    """Get the contents of the lookup tables of layers."""
    return {
        f"{path}.{name}": entries_of_table(value)
        for path, layer in layers_by_path(model)
        for name, value in vars(layer).items()
        if is_table(value)
    }


def attribute_that_differs(
    one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """Get the path of the first attribute that differs; None if all are equal."""
    for path, attributes in one.items():
        for name, data in attributes.items():
            if not _equal(data, other.get(path, {}).get(name, _MISSING)):
                return f"{path}.{name}"
    return None


def _own_attributes(layer: keras.Layer) -> Iterator[tuple[str, Any]]:
    """List the attributes of a layer that not every layer has."""
    cls: Any = type(layer)
    of_library = is_library_class(cls)
    if of_library and isinstance(layer, keras.Model):
        return
    skipped = _of_every_layer() | bookkeeping(cls) | COMPILED_ATTRIBUTES
    for name, value in vars(layer).items():
        hidden = name.startswith("_" if of_library else "_self_")
        if name not in skipped and not hidden:
            yield name, value


@functools.cache
def _of_every_layer() -> frozenset[str]:
    parts = keras.Layer(name="layer"), keras.Model(name="model")
    return frozenset({"output_names"}.union(*(vars(part) for part in parts)))


def _kind_of_state(value: Any) -> str | None:
    if is_table(value):
        return "a lookup table"
    if isinstance(value, np.ndarray):
        return "an array"
    if _is_tensor(value):
        return "a tensor"
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(_kind_of_state, value)), None)
    return None


def _as_data(value: Any) -> Any:
    """Convert a value to data that can be pickled and compared; `_MISSING` if not possible."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return value
    if isinstance(value, np.ndarray):
        return _MISSING if value.dtype.hasobject else value
    if _is_tensor(value):
        return _Tensor(_as_array(value))
    if isinstance(value, dict):
        items = {key: _as_data(item) for key, item in value.items()}
        return _MISSING if any(item is _MISSING for item in items.values()) else items
    if isinstance(value, (list, tuple)):
        listed = [_as_data(item) for item in value]
        if any(item is _MISSING for item in listed):
            return _MISSING
        return listed if isinstance(value, list) else tuple(listed)
    return _MISSING


@dataclass(frozen=True)
class _Tensor:
    """The array of a tensor."""

    array: np.ndarray


def _put(layer: keras.Layer, name: str, now: Any, data: Any) -> None:
    if hasattr(now, "assign"):
        now.assign(data.array)
    else:  # without Keras' tracking, which is locked after a layer is built
        vars(layer)[name] = _from_data(data)


def _from_data(data: Any) -> Any:
    if isinstance(data, _Tensor):
        return keras.ops.convert_to_tensor(data.array)
    if isinstance(data, dict):
        return {key: _from_data(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(map(_from_data, data))
    return data


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, _Tensor):
        return _equal(one.array, other.array)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other) or one != one


def _is_tensor(value: Any) -> bool:
    is_variable = isinstance(value, keras.Variable) or not hasattr(value, "dtype")
    return not is_variable and (
        keras.ops.is_tensor(value) or type(value).__name__ == "ResourceVariable"
    )


def _as_array(value: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(value))
