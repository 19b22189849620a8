"""A process that was forked after Keras' backend had run cannot run it: it hangs.

The threads of TensorFlow or JAX are not in the child, and the child waits for them for ever.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import keras

from .backend_facts import backend_name

# where each backend notes that it has made its threads, which it does at the first operation and
# has no public way to tell: checked for TensorFlow 2.18 to 2.21 and JAX 0.5 to 0.10
_NOTES = {
    "tensorflow": ("tensorflow.python.eager.context", "_context", "_initialized"),
    "jax": ("jax._src.xla_bridge", "_backends"),
}
_cannot_run: set[str] = set()


def check() -> None:
    """Raise in a process that would hang.

    Raises
    ------
    RuntimeError
        Saying how to start processes instead.
    """
    if not can_run():
        raise RuntimeError(
            f"this process was forked from one in which {backend_name()} had run before, and "
            f"{backend_name()} would hang in it. Use processes that begin anew, joblib's 'loky' "
            "(the default of n_jobs) or multiprocessing's 'spawn', or threads: "
            "joblib.parallel_config('threading')"
        )


def can_run() -> bool:
    """Tell whether Keras' backend would not hang in this process."""
    return keras.backend.backend() not in _cannot_run


def _after_fork() -> None:
    for backend, (module, *attributes) in _NOTES.items():
        value: Any = sys.modules.get(module)
        for attribute in attributes:
            value = getattr(value, attribute, None)
        if value:
            _cannot_run.add(backend)


if hasattr(os, "register_at_fork"):  # a system that has no fork has no need of it
    os.register_at_fork(after_in_child=_after_fork)
