"""A check for forked processes, in which Keras' backend would hang.

If a process is forked after the backend has run, the child process does not have the threads of
TensorFlow or JAX, and waits for them forever.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import keras

from .backend_facts import backend_name

# Attributes that tell whether a backend has started its threads, at its first operation. There is
# no public function for this. Checked with TensorFlow 2.18 to 2.21 and JAX 0.5 to 0.10.
_NOTES = {
    "tensorflow": ("tensorflow.python.eager.context", "_context", "_initialized"),
    "jax": ("jax._src.xla_bridge", "_backends"),
}
_cannot_run: set[str] = set()


def check() -> None:
    """Raise if Keras' backend would hang in this process.

    Raises
    ------
    RuntimeError
        If it would hang. The message says how to start processes instead.
    """
    if not can_run():
        raise RuntimeError(
            f"this process was forked from a process in which {backend_name()} had run before, so "
            f"{backend_name()} would hang here. Use processes that are not forked, with joblib's "
            "'loky' (the default of n_jobs) or multiprocessing's 'spawn'. Or use threads, with "
            "joblib.parallel_config('threading')"
        )


def can_run() -> bool:
    """Tell whether Keras' backend can run in this process without hanging."""
    return keras.backend.backend() not in _cannot_run


def _after_fork() -> None:
    for backend, (module, *attributes) in _NOTES.items():
        value: Any = sys.modules.get(module)
        for attribute in attributes:
            value = getattr(value, attribute, None)
        if value:
            _cannot_run.add(backend)


if hasattr(os, "register_at_fork"):  # systems without fork do not need this
    os.register_at_fork(after_in_child=_after_fork)
