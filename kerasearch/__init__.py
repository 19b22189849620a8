"""Tune Keras networks the scikit-learn way.

The public names are loaded on first use (PEP 562). Therefore ``import kerasearch`` is fast and
imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimators import (
        KerasClassifier,
        KerasRegressor,
        KerasTransformer,
        mlp,
        stack_inputs,
    )
    from .exceptions import DivergenceError
    from .html_report import report
    from .integrations import from_keras_tuner, keras_tuner_model
    from .plots import (
        CoverageDisplay,
        HeatmapDisplay,
        OptimizationHistoryDisplay,
        ParallelCoordinatesDisplay,
        SliceDisplay,
        TrainingCurvesDisplay,
    )
    from .results import (
        compare,
        importance,
        merge_searches,
        one_standard_error,
        summarize,
        training_history,
    )
    from .search import (
        BayesSearchCV,
        HyperbandSearchCV,
        ManualSearchCV,
        TimeBudget,
        hyperband_schedule,
        search_cost,
        to_optuna_study,
    )
    from .space import (
        choice,
        common_space,
        integers,
        layer_sizes,
        log_integers,
        log_uniform,
        param_distributions,
        param_grid,
        sobol,
        uniform,
        when,
        zoom,
    )
    from .store import FitStore

try:
    __version__ = version("kerasearch")
except PackageNotFoundError:  # the package runs from a source tree that was never installed
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
    "KerasTransformer",
    "ManualSearchCV",
    "OptimizationHistoryDisplay",
    "ParallelCoordinatesDisplay",
    "SliceDisplay",
    "TimeBudget",
    "TrainingCurvesDisplay",
    "__version__",
    "choice",
    "common_space",
    "compare",
    "from_keras_tuner",
    "hyperband_schedule",
    "importance",
    "integers",
    "keras_tuner_model",
    "layer_sizes",
    "log_integers",
    "log_uniform",
    "merge_searches",
    "mlp",
    "one_standard_error",
    "param_distributions",
    "param_grid",
    "report",
    "search_cost",
    "sobol",
    "stack_inputs",
    "summarize",
    "to_optuna_study",
    "training_history",
    "uniform",
    "when",
    "zoom",
]

# the public names of each room
_ROOMS = {
    "estimators": (
        "KerasClassifier",
        "KerasRegressor",
        "KerasTransformer",
        "mlp",
        "stack_inputs",
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
        "OptimizationHistoryDisplay",
        "SliceDisplay",
        "TrainingCurvesDisplay",
    ),
    "results": (
        "compare",
        "importance",
        "training_history",
        "merge_searches",
        "one_standard_error",
        "summarize",
    ),
    "search": (
        "BayesSearchCV",
        "HyperbandSearchCV",
        "ManualSearchCV",
        "TimeBudget",
        "hyperband_schedule",
        "search_cost",
        "to_optuna_study",
    ),
    "space": (
        "choice",
        "common_space",
        "param_distributions",
        "param_grid",
        "integers",
        "layer_sizes",
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
_ROOM_OF["dask_setup"] = "estimators.dask_preload"  # what `dask worker --preload kerasearch` calls


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOM_OF[name]}", __name__), name)
    globals()[name] = value  # the next use finds the name and does not call this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
