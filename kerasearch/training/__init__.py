"""The training engine: it trains Keras models on arrays, and does not depend on scikit-learn."""

from __future__ import annotations

from .eligibility import has_own_fit
from .engine import FitResult, fit
from .forked_process import can_run as process_can_run
from .forked_process import check as check_process
from .history import join_histories
from .inference import evaluate, predict
from .path import TrainingPath
from .program_cache import clear_programs, programs
from .seeds import LOCK, build
from .xla_rule import pays as xla_pays
from .xla_rule import why_never as why_no_xla

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
    "process_can_run",
    "programs",
    "why_no_xla",
    "xla_pays",
]
