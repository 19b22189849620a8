"""Pictures of a search, in scikit-learn's Display convention.

Each is made by ``from_search``, keeps its data, and can be drawn again by ``plot``. matplotlib is
imported when a picture is drawn.
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
