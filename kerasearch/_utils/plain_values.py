"""Values as Python has them, and when two of any kind are equal."""

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
