"""``dask worker --preload kerasearch``: a worker imports Keras before it accepts tasks.

A worker needs seconds to import TensorFlow, and does not answer the scheduler meanwhile. During a
search, the scheduler may regard it as dead. Dask calls `dask_setup` of a preloaded module before
it registers the worker.
"""

from __future__ import annotations

from typing import Any

import keras


def dask_setup(worker: Any) -> None:
    """Import Keras and its backend, and make the backend find its devices.

    Parameters
    ----------
    worker : distributed.Worker
        The worker that starts.
    """
    keras.ops.zeros(1)
