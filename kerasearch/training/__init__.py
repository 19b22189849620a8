"""The training engine: arrays in, trained weights out. Knows Keras, never scikit-learn."""

from __future__ import annotations

from .eligibility import has_own_fit
from .engine import FitResult, fit
from .forked_process import check as check_process
from .history import join_histories
from .inference import evaluate, predict
from .path import TrainingPath
from .program_cache import clear_programs, programs
from .seeds import LOCK, build

__all__ = [
    "LOCK",
    "FitResult",
    "TrainingPath",
    "build",
    "check_process",
    "clear_programs",
    "evaluate",
    "fit",
    "has_own_fit",
    "join_histories",
    "predict",
    "programs",
]
