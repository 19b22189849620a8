"""Read what a search found: tables, statistics, pictures. Knows ``cv_results_``, never Keras."""

from .comparison import compare
from .fanova import importance
from .history import learning_curves
from .merging import merge
from .selection import one_standard_error
from .summary import summarize

__all__ = [
    "compare",
    "importance",
    "learning_curves",
    "merge",
    "one_standard_error",
    "summarize",
]
