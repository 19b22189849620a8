"""A warning when pickle saves functions of ``__main__``, which other processes cannot load."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from .._utils.text import listed
from .._utils.user_warnings import warn

# modules that pickle functions with their code, or only for this process and its children
_CARRIES_ON = (
    "cloudpickle",
    "copy",
    "dill",
    "distributed.protocol",
    "joblib.externals",
    "joblib.hashing",
    "multiprocessing",
)


def warn_when_dumped(estimator_class: type, params: Mapping[str, Any]) -> None:
    """Warn during pickling of objects that another process could not load.

    Parameters
    ----------
    estimator_class : type
        The class of the estimator that is pickled.
    params : mapping
        The attributes of the estimator, such as the model-building function and callbacks.
    """
    found = dict.fromkeys(_of_main([estimator_class, *params.values()]))
    if found and _keeps_names_alone():
        names = listed(map(repr, found))
        warn(
            f"{names} {'is' if len(found) == 1 else 'are'} defined in __main__, and pickle and "
            "joblib save only the name: the file can be loaded only where __main__ defines the "
            "same name. Move the definition to a module that can be imported, or use cloudpickle"
        )


def _of_main(values: Any, depth: int = 3) -> Iterator[str]:
    """Find the names of the functions and classes of ``__main__`` in containers and instances."""
    for value in values:
        if isinstance(value, functools.partial):
            value = value.func
        if isinstance(value, types.MethodType):
            value = value.__self__
        if depth and isinstance(value, (list, tuple, set)):
            yield from _of_main(value, depth - 1)
        elif depth and isinstance(value, Mapping):
            yield from _of_main(value.values(), depth - 1)
        else:
            named = value if isinstance(value, type | types.FunctionType) else type(value)
            if getattr(named, "__module__", None) == "__main__":
                yield named.__name__


def _keeps_names_alone() -> bool:
    """Tell whether the current pickler, which is in the call stack, saves functions by name."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if any(module == name or module.startswith(f"{name}.") for name in _CARRIES_ON):
            return False
        frame = frame.f_back
    return True
