"""Search spaces: grids, distributions, designs, and zooming in.

Everything here returns plain inputs of scikit-learn's searches: a dict from full parameter name
to a list of values or a distribution, or a list of such dicts. It works for any estimator of
scikit-learn's kind, and knows Keras by parameter names alone.
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
