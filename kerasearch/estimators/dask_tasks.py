"""Pickles of estimators in the tasks of Dask.

Dask's scheduler unpickles each task before it sends the task to a worker. An unpickled estimator
imports Keras and its backend, which takes seconds and hundreds of megabytes. In a task, an
estimator is therefore bytes for the scheduler, and an estimator again for a worker.

Dask is not imported here. Checked with distributed 2025.1 to 2026.8. A test in
``tests/cluster/test_dask.py`` fails if the scheduler imports TensorFlow.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from .._utils.sealed import unsealed

_thread = threading.local()


def reduced(estimator: Any) -> tuple[Any, ...] | None:
    """Get the result of ``__reduce_ex__`` for an estimator in a task; None if it is in no task."""
    if not _is_pickling_tasks() or getattr(_thread, "pickles_content", False):
        return None
    import cloudpickle  # Dask depends on it

    _thread.pickles_content = True
    try:
        return unsealed, (cloudpickle.dumps(estimator),)
    finally:
        _thread.pickles_content = False


def _is_pickling_tasks() -> bool:
    """Tell whether a client of Dask pickles; it does so in the thread of its event loop."""
    if "distributed" not in sys.modules or threading.current_thread() is threading.main_thread():
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
