"""Which libraries' functions and classes are what their names say.

Anybody else's are described by content, because in a notebook the same name is a different function
a cell later.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from typing import Any

# their objects are described by their attributes, and not as pickle would take them apart
FRAMEWORKS = {"keras", "tensorflow", "jax", "jaxlib"}
_LIBRARIES = FRAMEWORKS | {"numpy", "ml_dtypes", "scipy", "pandas", "sklearn", "wrapt", "optree"}


def is_trusted(module: str | None) -> bool:
    """Tell whether a module is the standard library's or one of the libraries'."""
    return _is_trusted_package((module or "").partition(".")[0])


@functools.cache
def _is_trusted_package(root: str) -> bool:
    """Tell whether a package is what its name says, not a user's file of the same name."""
    if root not in sys.stdlib_module_names:
        return root in _LIBRARIES
    file = getattr(sys.modules.get(root), "__file__", None)
    return file is None or file.startswith(sysconfig.get_path("stdlib"))


def is_found_under(value: Any, module: str, name: str) -> bool:
    """Tell whether a library has `value` under its name; functools.wraps copies names."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


@functools.lru_cache(maxsize=4096)
def is_library_class(cls: type) -> bool:
    """Tell whether a class is a library's, whatever it says of itself."""
    if not is_trusted(cls.__module__):
        return False
    return "<locals>" in cls.__qualname__ or is_found_under(cls, cls.__module__, cls.__qualname__)


def is_framework_class(cls: type) -> bool:
    """Tell whether a class is Keras' or its backend's, or is derived from one."""
    return any(package_of(base) in FRAMEWORKS for base in cls.__mro__)


def package_of(value: Any) -> str:
    """The top-level package that a class or function says it comes from; "" where it says none."""
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def has_own(value: Any, method: str) -> bool:
    """Tell whether a method is the object's own, or that of a class which is not Keras'."""
    owner = next(cls for cls in type(value).__mro__ if method in vars(cls))
    return method in vars(value) or package_of(owner) != "keras"
