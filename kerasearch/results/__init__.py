"""Read what a search found: tables, statistics, pictures. Knows ``cv_results_``, never Keras."""

from ._comparison import compare
from ._curves import learning_curves
from ._importance import importance
from ._merging import merge
from ._one_standard_error import one_standard_error
from ._summary import summarize

__all__ = [
    "compare",
    "importance",
    "learning_curves",
    "merge",
    "one_standard_error",
    "summarize",
]
