"""Tune Keras networks the scikit-learn way.

The public names are loaded on first use (PEP 562), so that ``import kerasearch`` is quick and
needs neither TensorFlow nor Keras.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .exceptions import DivergenceError
    from .models import mlp
    from .results import (
        compare,
        importance,
        learning_curves,
        merge,
        one_standard_error,
        summarize,
    )
    from .wrappers import KerasClassifier, KerasRegressor

try:
    __version__ = version("kerasearch")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

# public name -> module that defines it
_HOMES = {
    "DivergenceError": "exceptions",
    "KerasClassifier": "wrappers",
    "KerasRegressor": "wrappers",
    "compare": "results",
    "importance": "results",
    "learning_curves": "results",
    "merge": "results",
    "mlp": "models",
    "one_standard_error": "results",
    "summarize": "results",
}

__all__ = [
    "DivergenceError",
    "KerasClassifier",
    "KerasRegressor",
    "__version__",
    "compare",
    "importance",
    "learning_curves",
    "merge",
    "mlp",
    "one_standard_error",
    "summarize",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
