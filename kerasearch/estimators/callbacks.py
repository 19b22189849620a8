"""The callbacks of one fit or prediction: made from classes, or copied from instances.

Many fits, possibly in parallel, use the same callback of the parameter `callbacks`. Each fit
therefore gets a copy, with the callback's state before training. Objects that belong to the caller
are not copied: a callback can report to a trial, change a variable, or append to a caller's list.
"""

from __future__ import annotations

import collections
import copy
import functools
import inspect
import random
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from .._utils.descriptions import is_filled
from .._utils.plain_values import attributes
from . import keras_objects
from .arguments import route

# Types that can hold a callback's own state. A random generator is such a state, like an array: if
# fits shared it, the numbers of a fit would depend on earlier fits.
_CONTAINERS = {
    list,
    tuple,
    dict,
    set,
    bytearray,
    collections.Counter,
    collections.OrderedDict,
    collections.defaultdict,
    collections.deque,
}
_LEAVES = {np.ndarray, np.random.RandomState, np.random.Generator, random.Random}
# functions in a callback's state, which may refer to the callback
_STATE = _CONTAINERS | _LEAVES | {types.CellType, functools.partial}
_METHODS = (types.MethodType, types.BuiltinMethodType)

# Only one thread may count references at a time: counting itself holds references.
_COUNTING = threading.Lock()


def callbacks_of(
    params: Mapping[str, Any], method: str, given: Any
) -> list[keras.callbacks.Callback]:
    """Make the callbacks of one fit or one prediction.

    Parameters
    ----------
    params : mapping
        The estimator's parameters; routed parameters have their full names.
    method : {"fit", "predict"}
        The method that calls the callbacks. The parameter `callbacks` is only for `fit`.
    given : callback, class, list or dict of callbacks or classes, or None
        The callbacks passed to this call. Instances are not copied, as in Keras.

    Returns
    -------
    callbacks : list of keras.callbacks.Callback
        First the parameter `callbacks`, then the callbacks routed to the method, then `given`.

    Raises
    ------
    TypeError
        If an item is neither a Keras callback nor a callback class.
    """
    names = ["callbacks"] if method == "fit" else []
    names.append(f"{method}__callbacks")
    # all in one call, because one callback may refer to another
    templates = _replace_instances([params.get(name) for name in names])
    made = [
        callback
        for name, template in zip(names, templates, strict=True)
        for callback in _make(template, route(params, name))
    ]
    return made + _make(given, {})


def copy_callbacks(callbacks: list[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Copy callbacks together with the state that only these callbacks refer to.

    Plain containers, arrays, random generators and further callbacks are copied if nothing but
    `callbacks` refers to them. The copies share all other objects with the originals. If one
    callback refers to another, its copy refers to the copy of the other.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        The originals, which do not change.

    Returns
    -------
    copies : list of keras.callbacks.Callback
        The copies in the same order. They have no model yet.
    """
    with _COUNTING:
        own = _owned_by(callbacks)
        twins: dict[int, Any] = {id(callback): _blank(callback) for callback in callbacks}
        for callback in callbacks:
            _fill(twins[id(callback)], callback, own, twins)
        return [twins[id(callback)] for callback in callbacks]


def instances(callbacks: Any) -> list[keras.callbacks.Callback]:
    """List the distinct instances in nested lists and dicts of callbacks and classes."""
    found = (c for c in keras_objects.leaves(callbacks) if isinstance(c, keras.callbacks.Callback))
    return list({id(callback): callback for callback in found}.values())


def watches_prediction(callback: keras.callbacks.Callback) -> bool:
    """Tell whether a callback overrides a method ``on_predict...``."""
    return any(
        getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
        for hook in dir(keras.callbacks.Callback)
        if hook.startswith("on_predict")
    )


def _make(callbacks: Any, params: Mapping[str, Any]) -> list[keras.callbacks.Callback]:
    """Make instances of the classes, and return all callbacks in one list."""
    if callbacks is None:
        return []
    made = keras_objects.leaves(_instantiate(callbacks, params, {}))
    for callback in made:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                f"callbacks must be a keras.callbacks.Callback instance or class, or a list or "
                f"dict of them; got {callback!r}"
            )
    return made


def _instantiate(item: Any, params: Mapping[str, Any], general: Mapping[str, Any]) -> Any:
    """Make instances of classes in nested containers, as scikeras' ``unflatten_params`` does.

    A container without a class in it stays the same object, because a callback may collect values
    in it. `general` has the arguments for all members of the enclosing container.
    """
    own = {name: value for name, value in params.items() if "__" not in name}
    if inspect.isclass(item):
        values = {n: _instantiate(v, route(params, n), {}) for n, v in {**general, **own}.items()}
        positions = sorted((name for name in values if name.isdigit()), key=int)
        return item(*(values.pop(name) for name in positions), **values)
    if not isinstance(item, (list, tuple, dict)):
        return item
    keys = item.keys() if isinstance(item, dict) else range(len(item))
    made = {key: _instantiate(item[key], route(params, str(key)), own) for key in keys}
    if all(made[key] is item[key] for key in keys):
        return item
    return made if isinstance(item, dict) else type(item)(made.values())


def _replace_instances(callbacks: Any) -> Any:
    """Replace the callback instances in nested lists and dicts by copies."""
    originals = instances(callbacks)
    twins = dict(zip(map(id, originals), copy_callbacks(originals), strict=True))
    return keras_objects.map_instances(
        keras.callbacks.Callback, lambda callback: twins[id(callback)], callbacks
    )


# ------------------------------------------------- which objects belong to callbacks


def _owned_by(roots: list[keras.callbacks.Callback]) -> set[int]:
    """Get the ids of the objects that are referred to only by `roots` and their members.

    CPython counts the references to each object. This function counts the references that come
    from `roots` and from objects inside them. If CPython's count is larger, something else refers
    to the object, such as a variable of the caller, a closure or a class. The object and all its
    members then belong to the caller. CPython's garbage collector finds unreachable objects in the
    same way.
    """
    root_ids = set(map(id, roots))
    found: list[Any] = []
    places: dict[int, int] = {}
    inner: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    waiting = list(roots)
    while waiting:
        holder = waiting.pop()
        below = members.setdefault(id(holder), [])
        for member in _members(holder):
            if id(member) in root_ids or not _may_be_state(member):
                continue
            inner[id(member)] = inner.get(id(member), 0) + 1
            below.append(id(member))
            if isinstance(holder, np.ndarray):  # a view is owned only if its memory is owned
                members.setdefault(id(member), []).append(id(holder))
            if id(member) not in places:
                places[id(member)] = len(found)
                found.append(member)
                waiting.append(member)
    holder = member = None  # references from these variables would be counted
    others = [
        identity
        for identity, place in places.items()
        if sys.getrefcount(found[place]) - _IN_ONE_LIST > inner[identity]
        or _is_view_of_others(found[place])
    ]
    owned = set(places)
    while others:
        identity = others.pop()
        if identity in owned:
            owned.remove(identity)
            others += members.get(identity, [])
    return owned


_ONE_LIST: list[Any] = [[]]
# the `getrefcount` of an object that only one list refers to; it depends on Python's version
_IN_ONE_LIST = sys.getrefcount(_ONE_LIST[0])


def _is_view_of_others(value: Any) -> bool:
    """Tell whether an array is a view of memory that belongs to no plain array."""
    base = value.base if isinstance(value, np.ndarray) else None
    return base is not None and type(base) is not np.ndarray


def _may_be_state(value: Any) -> bool:
    if isinstance(value, _METHODS):
        return not isinstance(value.__self__, types.ModuleType | None)
    if isinstance(value, types.FunctionType):
        return value.__closure__ is not None
    return type(value) in _STATE or isinstance(value, keras.callbacks.Callback)


def _members(value: Any) -> Iterator[Any]:
    """List the objects that a possible state object refers to."""
    if isinstance(value, keras.callbacks.Callback):
        for name in _attributes(value):
            yield getattr(value, name)
    elif isinstance(value, _METHODS):
        yield value.__self__
    elif isinstance(value, types.FunctionType):
        yield from value.__closure__ or ()
    elif isinstance(value, types.CellType):
        yield from filter(_leads_back, [value.cell_contents] if is_filled(value) else [])
    elif isinstance(value, functools.partial):
        yield from filter(_leads_back, [value.func, *value.args, *value.keywords.values()])
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, collections.deque)):
        yield from value
    elif isinstance(value, np.ndarray) and value.base is not None:
        yield value.base  # the memory of a view may belong to the caller


def _leads_back(value: Any) -> bool:
    """Tell whether an object in a function may lead back to a callback.

    Other objects that a function refers to stay shared.
    """
    return callable(value) or isinstance(value, keras.callbacks.Callback)


def _attributes(callback: keras.callbacks.Callback) -> list[str]:
    """List the names of a callback's attributes, except the model, which each fit sets."""
    return [name for name in attributes(callback) if name != "_model"]


# ---------------------------------------------------------------------- the copies


def _blank(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    try:
        return object.__new__(type(callback))
    except TypeError:  # the class is also a list or a dict
        return copy.copy(callback)


def _fill(
    twin: keras.callbacks.Callback,
    callback: keras.callbacks.Callback,
    own: set[int],
    twins: dict[int, Any],
) -> None:
    twin.__dict__["_model"] = None
    for name in _attributes(callback):
        object.__setattr__(twin, name, _twin(getattr(callback, name), own, twins))


def _twin(value: Any, own: set[int], twins: dict[int, Any]) -> Any:
    """Copy an owned object; return any other object unchanged."""
    if id(value) in twins:
        return twins[id(value)]
    if id(value) not in own:
        return value
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, _twin(value.__self__, own, twins))
    if isinstance(value, types.BuiltinMethodType):
        return getattr(_twin(value.__self__, own, twins), value.__name__)
    if isinstance(value, types.FunctionType):
        return twins.setdefault(id(value), _with_closure(value, own, twins))
    if isinstance(value, functools.partial):
        func, *args = (_twin(part, own, twins) for part in (value.func, *value.args))
        keywords = {name: _twin(part, own, twins) for name, part in value.keywords.items()}
        return twins.setdefault(id(value), functools.partial(func, *args, **keywords))
    if isinstance(value, types.CellType):
        twins[id(value)] = cell = types.CellType()
        if is_filled(value):
            cell.cell_contents = _twin(value.cell_contents, own, twins)
        return cell
    if type(value) is tuple:
        return twins.setdefault(id(value), tuple(_twin(item, own, twins) for item in value))
    if type(value) in _LEAVES:
        return twins.setdefault(id(value), copy.deepcopy(value))
    twin = _blank(value) if isinstance(value, keras.callbacks.Callback) else copy.copy(value)
    twins[id(value)] = twin
    if isinstance(value, keras.callbacks.Callback):
        _fill(twin, value, own, twins)
    elif isinstance(value, (dict, list, collections.deque)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            twin[key] = _twin(item, own, twins)
    return twin


def _with_closure(function: Any, own: set[int], twins: dict[int, Any]) -> Any:
    """Copy a function with the variables that it closes over."""
    twin = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(_twin(cell, own, twins) for cell in function.__closure__),
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__qualname__ = function.__qualname__
    twin.__dict__.update(function.__dict__)
    return twin
