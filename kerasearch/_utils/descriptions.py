"""Values of hyperparameters as text: objects by their class and what they were made with."""

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

_MOST_ENTRIES = 1000  # an array that is larger is told by its shape
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_INCIDENTAL = ("name", "dtype", "trainable")  # what Keras numbers or sets by itself


def describe(value: Any, detail: int = 0) -> str:
    """Write a value for people: an object with its arguments that are not the defaults.

    Parameters
    ----------
    value : object
        Any value of a hyperparameter.
    detail : {0, 1, 2}, default=0
        How much to write, for values that less does not tell apart. 1: text in quotes, and the
        variables that a function closes over. 2: modules too, and the names of layers.

    Returns
    -------
    text : str
        On one line, the same in every process: without addresses.

    Examples
    --------
    >>> from kerasearch._utils.descriptions import describe
    >>> describe([len, None, ("a", 1.5)])
    '[len, None, (a, 1.5)]'
    """
    return _write(value, _How(detail))


def describe_all(values: Sequence[Any], detail: int = 0) -> list[str]:
    """Write several values, objects of one class with the same arguments.

    An argument that is not at its default in one of them is written for all.

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
    """How to write: in which detail, and which arguments of each class at their defaults too."""

    detail: int
    also: Mapping[Any, set[str]] = field(default_factory=dict)
    told: dict[Any, set[str]] = field(default_factory=dict)  # what was not at its default


def configuration(value: Any) -> dict[str, Any] | None:
    """Get the configuration that an object can be made again from; None where there is none.

    It is Keras' ``get_config`` or scikit-learn's ``get_params``, of an object that has no other
    state, as layers have weights. One that leaves out an argument of the constructor is none.
    """
    if isinstance(value, type):
        return None
    if hasattr(value, "get_config") and not hasattr(value, "get_weights"):
        config = _given(value)
        is_whole = bool(config) and _arguments(type(value)).keys() <= config.keys()
        if not is_whole:
            return None
        # of a policy of dtypes it is all that there is
        return {n: inner for n, inner in config.items() if n != "name"} or config
    if hasattr(value, "get_params") and hasattr(value, "set_params"):
        # whatever is cloned in another way may carry what was learned, as a frozen estimator does
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
    """Tell whether the variable of a closure has a value yet."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _object(value: Any, how: _How) -> str:
    """Write an object by its arguments, or by its own text where it has one."""
    kind = type(value)
    if not hasattr(value, "get_config") and kind.__repr__ is not object.__repr__:
        text = _ADDRESS.sub("", " ".join(repr(value).split()))
        if not text.startswith("<"):
            return text
    if hasattr(value, "layers"):  # a model: its configuration takes pages
        return _call(kind.__name__, {"name": value.name} if how.detail > 1 else {}, how)
    given = _given(value)
    if how.detail and not given:  # a constructor may keep its arguments by other names
        held = {n: inner for n, inner in attributes(value).items() if _is_plain(inner)}
        return _call(kind.__name__, held, how)
    return _call(kind.__name__, _told(kind, given, how), how)


def _is_plain(value: Any) -> bool:
    """Tell whether it is a number, text, or a container of such: nothing that leads further."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str | np.generic | np.ndarray)


def _told(kind: Any, given: Mapping[str, Any], how: _How) -> dict[str, Any]:
    """Keep of the arguments of a class those to write."""
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
    """Find what an object was made with: its configuration, and what it keeps of the rest."""
    kept = getattr(value, "__dict__", {})
    found: dict[str, Any] = {}
    for name in _arguments(type(value)):
        # a loss of Keras' keeps the arguments of its function in a dict
        for place in (kept, kept.get("_fn_kwargs")):
            if isinstance(place, Mapping):
                found |= {name: place[k] for k in (f"_{name}", name) if k in place}  # noqa: B035
    if hasattr(value, "get_config"):
        try:
            found |= value.get_config()
        except Exception:  # of anybody's code: then the attributes have to tell
            return found
    return found


def _call(kind: str, arguments: Mapping[str, Any], how: _How) -> str:
    """Write what makes an object: its class with the arguments."""
    texts = [f"{name}={_argument(inner, how)}" for name, inner in arguments.items()]
    return f"{kind}({', '.join(texts)})"


def _argument(value: Any, how: _How) -> str:
    value = as_python(value)
    if isinstance(value, float):
        return repr(_single(value))
    return repr(value) if isinstance(value, str) else _write(value, how)


def _arguments(kind: Any) -> dict[str, inspect.Parameter]:
    """The arguments of a class, without ``*args`` and ``**kwargs``."""
    return {name: each for name, each in _signature(kind).items() if each.kind not in _VARIABLE}


def _takes_more(kind: Any) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in _signature(kind).values())


def _signature(kind: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return {}


def _is_default(value: Any, default: Any) -> bool:
    """Tell whether an argument has its default, also where Keras made an object of its name."""
    if _is_serialized(value) and isinstance(default, str):
        return str(value["class_name"]).lower() == default.replace("_", "")
    if isinstance(value, float) and isinstance(default, float):
        return _single(value) == _single(default)
    return equal(value, default)


def _single(value: float) -> float:
    """Undo the rounding to a float32, as which Keras keeps a learning rate: 0.1 stays 0.1."""
    single = np.float32(value)
    return float(str(single)) if float(single) == value else value


def _is_serialized(value: Any) -> bool:
    """Tell whether it is what Keras makes of an object in a configuration."""
    return (
        isinstance(value, Mapping)
        and {"module", "class_name", "config"} <= value.keys()
        and isinstance(value["config"], Mapping)
    )
