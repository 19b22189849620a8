"""Search spaces: grids, distributions, designs, and zooming in.

Everything here returns plain inputs of scikit-learn's searches: a dict from full parameter name
to a list of values or a distribution, or a list of such dicts. It works for any estimator of
scikit-learn's kind, and knows Keras by parameter names alone.
"""

from __future__ import annotations

from .common import common_space
from .costs import Cost, cost
from .design import sobol
from .distributions import (
    Choice,
    Distribution,
    Integers,
    LogIntegers,
    LogUniform,
    Uniform,
    choice,
    integers,
    log_integers,
    log_uniform,
    uniform,
)
from .keras_tuner import from_keras_tuner
from .spaces import When, distributions, grid, when
from .widths import Layers, layers
from .zooming import zoom

__all__ = [
    "Choice",
    "Cost",
    "Distribution",
    "Integers",
    "Layers",
    "LogIntegers",
    "LogUniform",
    "Uniform",
    "When",
    "choice",
    "common_space",
    "cost",
    "distributions",
    "from_keras_tuner",
    "grid",
    "integers",
    "layers",
    "log_integers",
    "log_uniform",
    "sobol",
    "uniform",
    "when",
    "zoom",
]
