"""Plots of a search, in scikit-learn's Display convention.

``from_search`` makes a display. The display keeps its data, and ``plot`` draws it again. matplotlib
is imported only when something is drawn.
"""

from __future__ import annotations

from .coverage import CoverageDisplay
from .heatmap import HeatmapDisplay
from .optimization_history import OptimizationHistoryDisplay
from .parallel_coordinates import ParallelCoordinatesDisplay
from .slices import SliceDisplay
from .training_curves import TrainingCurvesDisplay

__all__ = [
    "CoverageDisplay",
    "HeatmapDisplay",
    "OptimizationHistoryDisplay",
    "ParallelCoordinatesDisplay",
    "SliceDisplay",
    "TrainingCurvesDisplay",
]
