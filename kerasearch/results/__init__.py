"""Tables and statistics of finished searches. This package reads ``cv_results_``, never Keras."""

from .comparison import compare
from .fanova import importance
from .history import training_history
from .merging import merge_searches
from .selection import one_standard_error
from .summary import summarize

__all__ = [
    "compare",
    "importance",
    "merge_searches",
    "one_standard_error",
    "summarize",
    "training_history",
]
