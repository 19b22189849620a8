"""What pickle keeps by name alone, and another process does not find: functions of ``__main__``."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from .._utils.text import listed
from .._utils.user_warnings import warn

# they pickle such functions whole, or for this process and its children
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
    """Warn, in the course of pickling, of what another process could not load.

    Parameters
    ----------
    estimator_class : type
        The class of what is pickled.
    params : mapping
        Its attributes, the model-building function, losses and callbacks among them.
    """
    found = dict.fromkeys(_of_main([estimator_class, *params.values()]))
    if found and _keeps_names_alone():
        names = listed(map(repr, found))
        warn(
            f"{names} {'is' if len(found) == 1 else 'are'} defined in __main__, and pickle and "
            "joblib keep the name alone: what is dumped so can be loaded only where __main__ has "
            "the same. Define it in a module that can be imported, or dump with cloudpickle"
        )


def _of_main(values: Any, depth: int = 3) -> Iterator[str]:
    """The names of the functions and classes of ``__main__`` in containers and instances."""
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
    """Tell whether the pickler at work, which is somewhere above, keeps functions by name."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if any(module == name or module.startswith(f"{name}.") for name in _CARRIES_ON):
            return False
        frame = frame.f_back
    return True
