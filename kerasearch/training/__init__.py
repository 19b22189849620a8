"""The training engine: arrays in, trained weights out. Knows Keras, never scikit-learn."""

from __future__ import annotations

from .compiled_loop import join_histories
from .engine import FitResult, clear_programs, evaluate, fit, predict, programs
from .seeds import LOCK, build

__all__ = [
    "LOCK",
    "FitResult",
    "build",
    "clear_programs",
    "evaluate",
    "fit",
    "join_histories",
    "predict",
    "programs",
]
