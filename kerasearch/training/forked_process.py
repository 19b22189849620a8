"""A process that was forked after TensorFlow had run cannot run TensorFlow: it hangs.

TensorFlow's threads are not in the child, and the child waits for them for ever.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_cannot_run = False


def check() -> None:
    """Raise in a process that would hang.

    Raises
    ------
    RuntimeError
        Saying how to start processes instead.
    """
    if _cannot_run:
        raise RuntimeError(
            "this process was forked from one in which TensorFlow had run before, and TensorFlow "
            "would hang in it. Use processes that begin anew, joblib's 'loky' (the default of "
            "n_jobs) or multiprocessing's 'spawn', or threads: joblib.parallel_config('threading')"
        )


def _after_fork() -> None:
    global _cannot_run
    # TensorFlow makes its threads at the first operation, and has no public way to ask whether
    # that was. Checked for TensorFlow 2.18 to 2.21.
    module: Any = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    _cannot_run = _cannot_run or bool(getattr(context, "_initialized", False))


if hasattr(os, "register_at_fork"):  # a system that has no fork has no need of it
    os.register_at_fork(after_in_child=_after_fork)
