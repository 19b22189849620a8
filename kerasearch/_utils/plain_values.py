"""Values in Python's own types: their equality, and the attributes of an object."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_python(value: Any) -> Any:
    """Turn a NumPy scalar into a Python scalar; return any other value unchanged.

    Keras refuses ``np.float64(0.01)`` as a learning rate.
    """
    return value.item() if isinstance(value, np.generic) else value


def equal(a: Any, b: Any) -> bool:
    """Compare two values of a parameter; two arrays are equal if all their entries are."""
    try:
        return bool(np.all(a == b))
    except (TypeError, ValueError):
        return False


def attributes(value: Any) -> dict[str, Any]:
    """Get the attributes of an object from its slots and from its ``__dict__``."""
    slots = [vars(cls).get("__slots__", ()) for cls in type(value).__mro__]
    names = [n for s in slots for n in ((s,) if isinstance(s, str) else s)]
    held = {n: getattr(value, n) for n in names if hasattr(value, n)}
    return held | getattr(value, "__dict__", {})
