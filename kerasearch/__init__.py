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
    from .results.displays import (
        CoverageDisplay,
        HeatmapDisplay,
        ParallelCoordinatesDisplay,
        ProgressDisplay,
        SliceDisplay,
        TrainingCurvesDisplay,
    )
    from .results.reporting import report
    from .space import choice, integers, layers, log_integers, log_uniform, uniform
    from .store import FitStore
    from .wrappers import KerasClassifier, KerasRegressor

try:
    __version__ = version("kerasearch")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

# public name -> module that defines it
_HOMES = {
    "CoverageDisplay": "results.displays",
    "DivergenceError": "exceptions",
    "FitStore": "store",
    "HeatmapDisplay": "results.displays",
    "KerasClassifier": "wrappers",
    "KerasRegressor": "wrappers",
    "ParallelCoordinatesDisplay": "results.displays",
    "ProgressDisplay": "results.displays",
    "SliceDisplay": "results.displays",
    "TrainingCurvesDisplay": "results.displays",
    "choice": "space",
    "compare": "results",
    "importance": "results",
    "integers": "space",
    "layers": "space",
    "learning_curves": "results",
    "log_integers": "space",
    "log_uniform": "space",
    "merge": "results",
    "mlp": "models",
    "one_standard_error": "results",
    "report": "results.reporting",
    "summarize": "results",
    "uniform": "space",
}

__all__ = [
    "CoverageDisplay",
    "DivergenceError",
    "FitStore",
    "HeatmapDisplay",
    "KerasClassifier",
    "KerasRegressor",
    "ParallelCoordinatesDisplay",
    "ProgressDisplay",
    "SliceDisplay",
    "TrainingCurvesDisplay",
    "__version__",
    "choice",
    "compare",
    "importance",
    "integers",
    "layers",
    "learning_curves",
    "log_integers",
    "log_uniform",
    "merge",
    "mlp",
    "one_standard_error",
    "report",
    "summarize",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
