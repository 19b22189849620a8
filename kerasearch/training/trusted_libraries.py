"""Libraries whose functions and classes are described by their names.

All other functions and classes are described by content, because a notebook may redefine a name.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from typing import Any

# libraries whose objects are described by their attributes, not by the parts that pickle saves
FRAMEWORKS = {"keras", "tensorflow", "jax", "jaxlib"}
_LIBRARIES = FRAMEWORKS | {"numpy", "ml_dtypes", "scipy", "pandas", "sklearn", "wrapt", "optree"}


def is_trusted(module: str | None) -> bool:
    """Tell whether a module belongs to the standard library or to one of the libraries."""
    return _is_trusted_package((module or "").partition(".")[0])


@functools.cache
def _is_trusted_package(root: str) -> bool:
    """Tell whether a package is a trusted library, and not a user's file with the same name."""
    if root not in sys.stdlib_module_names:
        return root in _LIBRARIES
    file = getattr(sys.modules.get(root), "__file__", None)
    return file is None or file.startswith(sysconfig.get_path("stdlib"))


def is_found_under(value: Any, module: str, name: str) -> bool:
    """Tell whether a library has `value` under this name, which functools.wraps may have copied."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


@functools.lru_cache(maxsize=4096)
def is_library_class(cls: type) -> bool:
    """Tell whether a class really belongs to a library."""
    if not is_trusted(cls.__module__):
        return False
    return "<locals>" in cls.__qualname__ or is_found_under(cls, cls.__module__, cls.__qualname__)


def is_framework_class(cls: type) -> bool:
    """Tell whether a class is a class of Keras or its backend, or a subclass of one."""
    return any(package_of(base) in FRAMEWORKS for base in cls.__mro__)


def package_of(value: Any) -> str:
    """Get the top-level package of a class or function by its ``__module__``; "" if unknown."""
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def has_own(value: Any, method: str) -> bool:
    """Tell whether a method is defined on the object itself, or in a class outside Keras."""
    owner = next(cls for cls in type(value).__mro__ if method in vars(cls))
    return method in vars(value) or package_of(owner) != "keras"
