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
    from .models import keras_tuner_model, mlp
    from .results import compare, importance, learning_curves, merge, one_standard_error, summarize
    from .results.displays import (
        CoverageDisplay,
        HeatmapDisplay,
        ParallelCoordinatesDisplay,
        ProgressDisplay,
        SliceDisplay,
        TrainingCurvesDisplay,
    )
    from .results.reporting import report
    from .search import (
        BayesSearchCV,
        HyperbandSearchCV,
        ManualSearchCV,
        TimeBudget,
        brackets,
        to_study,
    )
    from .space import (
        choice,
        common_space,
        cost,
        from_keras_tuner,
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
    from .space.spaces import distributions  # in `space` it shares its name with a module
    from .store import FitStore
    from .wrappers import KerasClassifier, KerasRegressor

try:
    __version__ = version("kerasearch")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

# public name -> module that defines it
_HOMES = {
    "BayesSearchCV": "search",
    "CoverageDisplay": "results.displays",
    "DivergenceError": "exceptions",
    "FitStore": "store",
    "HeatmapDisplay": "results.displays",
    "HyperbandSearchCV": "search",
    "KerasClassifier": "wrappers",
    "KerasRegressor": "wrappers",
    "ManualSearchCV": "search",
    "ParallelCoordinatesDisplay": "results.displays",
    "ProgressDisplay": "results.displays",
    "SliceDisplay": "results.displays",
    "TimeBudget": "search",
    "TrainingCurvesDisplay": "results.displays",
    "brackets": "search",
    "choice": "space",
    "common_space": "space",
    "compare": "results",
    "cost": "space",
    "distributions": "space",
    "from_keras_tuner": "space",
    "grid": "space",
    "importance": "results",
    "integers": "space",
    "keras_tuner_model": "models",
    "layers": "space",
    "learning_curves": "results",
    "log_integers": "space",
    "log_uniform": "space",
    "merge": "results",
    "mlp": "models",
    "one_standard_error": "results",
    "report": "results.reporting",
    "sobol": "space",
    "summarize": "results",
    "to_study": "search",
    "uniform": "space",
    "when": "space",
    "zoom": "space",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
