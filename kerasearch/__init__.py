"""Tune Keras networks the scikit-learn way.

The public names are loaded on first use (PEP 562), so that ``import kerasearch`` is quick and
needs neither TensorFlow nor Keras.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimators import KerasClassifier, KerasRegressor, mlp
    from .exceptions import DivergenceError
    from .html_report import report
    from .integrations import from_keras_tuner, keras_tuner_model
    from .plots import (
        CoverageDisplay,
        HeatmapDisplay,
        ParallelCoordinatesDisplay,
        ProgressDisplay,
        SliceDisplay,
        TrainingCurvesDisplay,
    )
    from .results import compare, importance, learning_curves, merge, one_standard_error, summarize
    from .search import (
        BayesSearchCV,
        HyperbandSearchCV,
        ManualSearchCV,
        TimeBudget,
        brackets,
        cost,
        to_study,
    )
    from .space import (
        choice,
        common_space,
        distributions,
        grid,
        integers,
        layers,
        log_integers,
        log_uniform,
        sobol,
        uniform,
        when,
        zoom,
    )
    from .store import FitStore

try:
    __version__ = version("kerasearch")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "BayesSearchCV",
    "CoverageDisplay",
    "DivergenceError",
    "FitStore",
    "HeatmapDisplay",
    "HyperbandSearchCV",
    "KerasClassifier",
    "KerasRegressor",
    "ManualSearchCV",
    "ParallelCoordinatesDisplay",
    "ProgressDisplay",
    "SliceDisplay",
    "TimeBudget",
    "TrainingCurvesDisplay",
    "__version__",
    "brackets",
    "choice",
    "common_space",
    "compare",
    "cost",
    "distributions",
    "from_keras_tuner",
    "grid",
    "importance",
    "integers",
    "keras_tuner_model",
    "layers",
    "learning_curves",
    "log_integers",
    "log_uniform",
    "merge",
    "mlp",
    "one_standard_error",
    "report",
    "sobol",
    "summarize",
    "to_study",
    "uniform",
    "when",
    "zoom",
]

# the public names of each room
_ROOMS = {
    "estimators": (
        "KerasClassifier",
        "KerasRegressor",
        "mlp",
    ),
    "exceptions": ("DivergenceError",),
    "html_report": ("report",),
    "integrations": (
        "from_keras_tuner",
        "keras_tuner_model",
    ),
    "plots": (
        "CoverageDisplay",
        "HeatmapDisplay",
        "ParallelCoordinatesDisplay",
        "ProgressDisplay",
        "SliceDisplay",
        "TrainingCurvesDisplay",
    ),
    "results": (
        "compare",
        "importance",
        "learning_curves",
        "merge",
        "one_standard_error",
        "summarize",
    ),
    "search": (
        "BayesSearchCV",
        "HyperbandSearchCV",
        "ManualSearchCV",
        "TimeBudget",
        "brackets",
        "cost",
        "to_study",
    ),
    "space": (
        "choice",
        "common_space",
        "distributions",
        "grid",
        "integers",
        "layers",
        "log_integers",
        "log_uniform",
        "sobol",
        "uniform",
        "when",
        "zoom",
    ),
    "store": ("FitStore",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOM_OF[name]}", __name__), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
