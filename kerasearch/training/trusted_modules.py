"""What code can read from a module of a library that is not the same in every run.

A library's functions are what their names say. But its module may hold more: what a user hung on
it, what the process was started with, a clock.
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

# Of these modules a function is pure only if it is listed; the others are read as data
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
# and of these one is, unless it is listed
_IMPURE = {
    "decimal": {"getcontext", "localcontext", "setcontext"},
    "builtins": {"input", "open", "breakpoint"},
    "posixpath": {"exists", "isfile", "isdir", "getsize", "getmtime", "getatime", "expandvars"},
    "io": {"open", "open_code"},
}
_IMPURE["ntpath"] = _IMPURE["genericpath"] = _IMPURE["posixpath"]
_NAMES = {"posix": "os", "nt": "os", "_decimal": "decimal", "_locale": "locale", "_io": "io"}
_CLOCK_METHODS = {"now", "utcnow", "today"}
# which libraries have under these names, and which nobody needs described
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
    """What a function of a library's may return another value with in each run, by its name.

    None where it returns the same for the same arguments, as nearly all do.
    """
    module = _NAMES.get(module, module)
    changes = name in _IMPURE.get(module, ()) or name not in _PURE.get(module, (name,))
    return f"{module}.{name}" if changes else None


def may_change(module: types.ModuleType) -> bool:
    """Tell whether a module has functions that are not the same in every run."""
    name = _NAMES.get(module.__name__, module.__name__)
    return name in _PURE or name in _IMPURE


def reads_clock(value: Any, names: frozenset[str]) -> bool:
    """Tell whether code that uses a global and some names asks for the date of today."""
    is_date = any(value is one for one in (datetime, datetime.datetime, datetime.date))
    return is_date and not _CLOCK_METHODS.isdisjoint(names)


def draws(value: Any, names: frozenset[str]) -> bool:
    """Tell whether an attribute of a module draws from a generator of the process.

    Or is a module of which the code uses functions that do.
    """
    if isinstance(value, types.ModuleType):
        return any(is_generator_of_process(vars(value).get(name)) for name in names)
    return is_generator_of_process(value)


def is_to_describe(name: str, value: Any) -> bool:
    """Tell whether an attribute of a library's module is data, or something of a user's."""
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
    """Tell whether a name among Python's builtins is Python's own, and not put there."""
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return (value.__module__ == "builtins" and value.__name__ == name) or value is open
    return name in ("NotImplemented", "Ellipsis") or name.startswith("__")


def builtin(name: str) -> Any:
    """What code finds under a name that its module does not have; None where there is nothing."""
    return vars(builtins).get(name)
