"""Values in modules of libraries that may differ between runs.

Functions of a library are described by their names. However, its modules may also have attributes
that a user has set, values that depend on the process, and clocks.
"""

from __future__ import annotations

import builtins
import datetime
import functools
import math
import types
from typing import Any

import numpy as np

from .thread_generators import is_generator_of_process
from .trusted_libraries import is_library_class, is_trusted

# in these modules, only the listed functions are pure
_PURE = {
    "os": {"fspath", "fsencode", "fsdecode", "PathLike", "path", "strerror", "error"},
    "sys": {"getsizeof", "intern", "exc_info", "exit"},
    "time": {"sleep", "struct_time"},
    "locale": set(),
    "platform": set(),
    "secrets": set(),
    "uuid": {"UUID"},
    "tempfile": set(),
    "socket": set(),
    "subprocess": set(),
}
# in these modules, the listed functions are not pure
_IMPURE = {
    "decimal": {"getcontext", "localcontext", "setcontext"},
    "builtins": {"input", "open", "breakpoint"},
    "posixpath": {"exists", "isfile", "isdir", "getsize", "getmtime", "getatime", "expandvars"},
    "io": {"open", "open_code"},
}
_IMPURE["ntpath"] = _IMPURE["genericpath"] = _IMPURE["posixpath"]
_NAMES = {"posix": "os", "nt": "os", "_decimal": "decimal", "_locale": "locale", "_io": "io"}
_CLOCK_METHODS = {"now", "utcnow", "today"}
# constants of libraries, which need no description
_CONSTANTS = {
    "pi": math.pi,
    "e": math.e,
    "tau": math.tau,
    "inf": math.inf,
    "euler_gamma": np.euler_gamma,
    "newaxis": None,
}
_DATA = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, np.ndarray)


def why_not_the_same(module: str, name: str) -> str | None:
    """Name a function of a library that may return another value in each run.

    The result is None if the function returns the same value for the same arguments.
    """
    module = _NAMES.get(module, module)
    changes = name in _IMPURE.get(module, ()) or name not in _PURE.get(module, (name,))
    return f"{module}.{name}" if changes else None


def may_change(module: types.ModuleType) -> bool:
    """Tell whether a module has functions whose values may differ between runs."""
    name = _NAMES.get(module.__name__, module.__name__)
    return name in _PURE or name in _IMPURE


def reads_clock(value: Any, names: frozenset[str]) -> bool:
    """Tell whether code that uses a global and these names reads the current date."""
    is_date = any(value is one for one in (datetime, datetime.datetime, datetime.date))
    return is_date and not _CLOCK_METHODS.isdisjoint(names)


def draws(value: Any, names: frozenset[str]) -> bool:
    """Tell whether an attribute of a library's module draws from a generator of the process.

    If the attribute is a module, tell whether it has such a function among `names`.
    """
    if isinstance(value, types.ModuleType):
        return any(is_generator_of_process(vars(value).get(name)) for name in names)
    return is_generator_of_process(value)


def is_to_describe(name: str, value: Any) -> bool:
    """Tell whether an attribute of a library's module is data, or was set by a user."""
    if name in _CONSTANTS and type(value) is type(_CONSTANTS[name]) and value == _CONSTANTS[name]:
        return False
    if value is None or isinstance(value, types.ModuleType) or name.startswith("__"):
        return False
    if isinstance(value, type):
        return not is_library_class(value)
    if isinstance(value, types.FunctionType):
        # a wrapper may have taken over the name and the module of what it wraps, not its globals
        return not is_trusted(value.__globals__.get("__name__"))
    if isinstance(value, functools.partial):
        return True
    if isinstance(value, types.MethodType):
        return not is_trusted(type(value.__self__).__module__)
    if isinstance(value, float) and math.isnan(value):
        return name != "nan"
    is_tensor = hasattr(value, "numpy") and hasattr(value, "dtype")
    return isinstance(value, _DATA) or is_tensor or not is_trusted(type(value).__module__)


def is_of_python(name: str, value: Any) -> bool:
    """Tell whether a name among Python's builtins is original, and was not set by a user."""
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return (value.__module__ == "builtins" and value.__name__ == name) or value is open
    return name in ("NotImplemented", "Ellipsis") or name.startswith("__")


def builtin(name: str) -> Any:
    """Get the builtin with a name; None if there is none."""
    return vars(builtins).get(name)
