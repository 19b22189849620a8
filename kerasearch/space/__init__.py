"""Search spaces: grids, distributions, quasi-random designs, and narrower spaces after a search.

Every function here returns the input of a scikit-learn search. This is a dict from full parameter
names to lists of values or distributions, or a list of such dicts. The functions work for every
scikit-learn estimator; they recognize a Keras estimator only by the names of its parameters.
"""

from __future__ import annotations

from .conditions import When, when
from .distributions import (
    Choice,
    Distribution,
    Integers,
    Uniform,
    choice,
    integers,
    log_integers,
    log_uniform,
    uniform,
)
from .layer_widths import LayerSizes, layer_sizes
from .presets import common_space
from .sobol_design import sobol
from .spaces import param_distributions, param_grid
from .zooming import zoom

__all__ = [
    "Choice",
    "Distribution",
    "Integers",
    "LayerSizes",
    "Uniform",
    "When",
    "choice",
    "common_space",
    "integers",
    "layer_sizes",
    "log_integers",
    "log_uniform",
    "param_distributions",
    "param_grid",
    "sobol",
    "uniform",
    "when",
    "zoom",
]
