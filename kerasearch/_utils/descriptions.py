"""Values of hyperparameters as text: an object is written as its class with its arguments."""

from __future__ import annotations

import enum
import functools
import inspect
import re
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .plain_values import as_python, attributes, equal

_MOST_ENTRIES = 1000  # of a larger array only the shape is written
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_INCIDENTAL = ("name", "dtype", "trainable")  # arguments that Keras numbers or sets by itself


def describe(value: Any, detail: int = 0) -> str:
    """Write a value as readable text.

    An object is written as its class with the arguments that differ from their defaults.

    Parameters
    ----------
    value : object
        Any value of a hyperparameter.
    detail : {0, 1, 2}, default=0
        How much to write. A higher level distinguishes values whose texts are equal at a lower
        level. Level 1 puts text in quotes, and adds the variables that a function closes over.
        Level 2 also adds the names of modules and layers.

    Returns
    -------
    text : str
        One line without memory addresses, so that it is the same in every process.

    Examples
    --------
    >>> from kerasearch._utils.descriptions import describe
    >>> describe([len, None, ("a", 1.5)])
    '[len, None, (a, 1.5)]'
    """
    return _write(value, _How(detail))


def describe_all(values: Sequence[Any], detail: int = 0) -> list[str]:
    """Write several values as text; all objects of one class show the same arguments.

    If an argument differs from its default in one object, it is written for all objects of that
    class.

    Parameters
    ----------
    values : sequence of object
        Values of a hyperparameter.
    detail : {0, 1, 2}, default=0
        How much to write, as in `describe`.

    Returns
    -------
    texts : list of str
        One text for each value.

    Examples
    --------
    >>> from kerasearch._utils.descriptions import describe_all
    >>> describe_all([len, None, 1.5])
    ['len', 'None', '1.5']
    """
    how = _How(detail)
    for value in values:
        _write(value, how)
    how = _How(detail, how.told)
    return [_write(value, how) for value in values]


@dataclass
class _How:
    """How values are written.

    Attributes
    ----------
    detail : int
        How much to write.
    also : mapping of type to set of str
        For each class, the arguments that are written although they have their defaults.
    told : dict of type to set of str
        For each class, the arguments that were found to differ from their defaults.
    """

    detail: int
    also: Mapping[Any, set[str]] = field(default_factory=dict)
    told: dict[Any, set[str]] = field(default_factory=dict)


def configuration(value: Any) -> dict[str, Any] | None:
    """Get the configuration from which an object can be created again; None if it has none.

    The configuration is the result of Keras' ``get_config`` or scikit-learn's ``get_params``. An
    object with more state than its arguments, such as a layer with weights, has none. A
    configuration that lacks an argument of the constructor does not count either.
    """
    if isinstance(value, type):
        return None
    if hasattr(value, "get_config") and not hasattr(value, "get_weights"):
        config = _given(value)
        is_whole = bool(config) and _arguments(type(value)).keys() <= config.keys()
        if not is_whole:
            return None
        # the configuration of a dtype policy consists of the name alone
        return {n: inner for n, inner in config.items() if n != "name"} or config
    if hasattr(value, "get_params") and hasattr(value, "set_params"):
        # an estimator with its own way of cloning may keep fitted state, as FrozenEstimator does
        cloning = getattr(type(value), "__sklearn_clone__", None)
        if getattr(cloning, "__module__", "") == "sklearn.base":
            return dict(value.get_params(deep=False))
    return None


def _write(value: Any, how: _How) -> str:
    value = as_python(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        return repr(value) if how.detail else value
    within = functools.partial(_write, how=how)
    if isinstance(value, np.ndarray):
        if value.size > _MOST_ENTRIES:
            return f"array of shape {value.shape}"
        text = within(value.tolist())
        return f"array({text}, {value.dtype})" if how.detail else text
    if isinstance(value, tuple) and type(value) is tuple:
        inner = ", ".join(map(within, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(map(within, value))}]"
    if isinstance(value, set | frozenset) and value:
        return "{" + ", ".join(sorted(map(within, value))) + "}"
    if isinstance(value, dict):
        if _is_serialized(value):
            kind = getattr(sys.modules.get(value["module"]), value["class_name"], None)
            return _call(value["class_name"], _told(kind, value["config"], how), how)
        return "{" + ", ".join(f"{within(k)}: {within(v)}" for k, v in value.items()) + "}"
    if isinstance(value, functools.partial):
        given = [f"{name}={within(part)}" for name, part in value.keywords.items()]
        return f"partial({', '.join([*map(within, [value.func, *value.args]), *given])})"
    if callable(value) and hasattr(value, "__name__"):
        return _function(value, how)
    return _object(value, how)


def _function(value: Any, how: _How) -> str:
    name = value.__name__
    if how.detail and isinstance(value, types.MethodType):
        return f"{_write(value.__self__, how)}.{name}"
    if how.detail > 1:
        name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', name)}"
    code = getattr(value, "__code__", None)
    if not how.detail or code is None:
        return str(name)
    cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
    held = {name: cell.cell_contents for name, cell in cells if is_filled(cell)}
    held |= {
        name: given.default
        for name, given in inspect.signature(value).parameters.items()
        if given.default is not given.empty
    }
    held = {k: inner for k, inner in held.items() if inner is not None and inner is not value}
    return _call(name, held, _How(0)) if held else str(name)


def is_filled(cell: Any) -> bool:
    """Tell whether the variable of a closure already has a value."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _object(value: Any, how: _How) -> str:
    """Write an object as its class with arguments, or as its own ``repr`` if it defines one."""
    kind = type(value)
    if not hasattr(value, "get_config") and kind.__repr__ is not object.__repr__:
        text = _ADDRESS.sub("", " ".join(repr(value).split()))
        if not text.startswith("<"):
            return text
    if hasattr(value, "layers"):  # a model, whose configuration would fill pages
        return _call(kind.__name__, {"name": value.name} if how.detail > 1 else {}, how)
    given = _given(value)
    if how.detail and not given:  # the constructor may have stored its arguments by other names
        held = {n: inner for n, inner in attributes(value).items() if _is_plain(inner)}
        return _call(kind.__name__, held, how)
    return _call(kind.__name__, _told(kind, given, how), how)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a number, a text, an array, or a container of such values."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str | np.generic | np.ndarray)


def _told(kind: Any, given: Mapping[str, Any], how: _How) -> dict[str, Any]:
    """Select the arguments of a class that are written."""
    arguments = _arguments(kind)
    if arguments and not _takes_more(kind):
        given = {name: inner for name, inner in given.items() if name in arguments}
    defaults = {name: arguments[name].default if name in arguments else None for name in given}
    told = {
        name
        for name, inner in given.items()
        if not _is_default(inner, defaults[name]) and (how.detail > 1 or name not in _INCIDENTAL)
    }
    how.told.setdefault(kind, set()).update(told)
    told |= how.also.get(kind, set())
    return {name: inner for name, inner in given.items() if name in told}


def _given(value: Any) -> dict[str, Any]:
    """Find the arguments of an object in its configuration and in its attributes."""
    kept = getattr(value, "__dict__", {})
    found: dict[str, Any] = {}
    for name in _arguments(type(value)):
        # a Keras loss keeps the arguments of its function in a dict
        for place in (kept, kept.get("_fn_kwargs")):
            if isinstance(place, Mapping):
                found |= {name: place[k] for k in (f"_{name}", name) if k in place}  # noqa: B035
    if hasattr(value, "get_config"):
        try:
            found |= value.get_config()
        except Exception:  # get_config may be the user's code; then only the attributes are used
            return found
    return found


def _call(kind: str, arguments: Mapping[str, Any], how: _How) -> str:
    """Write the call that creates an object: its class with the arguments."""
    texts = [f"{name}={_argument(inner, how)}" for name, inner in arguments.items()]
    return f"{kind}({', '.join(texts)})"


def _argument(value: Any, how: _How) -> str:
    value = as_python(value)
    if isinstance(value, float):
        return repr(_single(value))
    return repr(value) if isinstance(value, str) else _write(value, how)


def _arguments(kind: Any) -> dict[str, inspect.Parameter]:
    """Get the arguments of a class, without ``*args`` and ``**kwargs``."""
    return {name: each for name, each in _signature(kind).items() if each.kind not in _VARIABLE}


def _takes_more(kind: Any) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in _signature(kind).values())


def _signature(kind: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return {}


def _is_default(value: Any, default: Any) -> bool:
    """Tell whether an argument has its default value.

    The default may be a name from which Keras created an object.
    """
    if _is_serialized(value) and isinstance(default, str):
        return str(value["class_name"]).lower() == default.replace("_", "")
    if isinstance(value, float) and isinstance(default, float):
        return _single(value) == _single(default)
    return equal(value, default)


def _single(value: float) -> float:
    """Undo the rounding to float32, in which Keras keeps a learning rate, so that 0.1 stays 0.1."""
    single = np.float32(value)
    return float(str(single)) if float(single) == value else value


def _is_serialized(value: Any) -> bool:
    """Tell whether a value is an object that Keras serialized into a configuration."""
    return (
        isinstance(value, Mapping)
        and {"module", "class_name", "config"} <= value.keys()
        and isinstance(value["config"], Mapping)
    )
