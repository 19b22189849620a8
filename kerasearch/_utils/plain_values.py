"""Values as Python has them: when two are equal, and what an object keeps."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_python(value: Any) -> Any:
    """Turn a NumPy scalar into Python's: Keras refuses ``np.float64(0.01)`` as a learning rate."""
    return value.item() if isinstance(value, np.generic) else value


def equal(a: Any, b: Any) -> bool:
    """Compare two values of a parameter, arrays as a whole."""
    try:
        return bool(np.all(a == b))
    except (TypeError, ValueError):
        return False


def attributes(value: Any) -> dict[str, Any]:
    """Get the attributes of an object, those in its slots and those in its dict."""
    slots = [vars(cls).get("__slots__", ()) for cls in type(value).__mro__]
    names = [n for s in slots for n in ((s,) if isinstance(s, str) else s)]
    held = {n: getattr(value, n) for n in names if hasattr(value, n)}
    return held | getattr(value, "__dict__", {})
