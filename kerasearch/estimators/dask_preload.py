"""``dask worker --preload kerasearch``: a worker is ready for fits before it takes any.

To import TensorFlow takes a worker seconds in which it answers nobody: in the middle of a search a
scheduler may take it for dead. Dask calls `dask_setup` of a preloaded module before it registers
the worker.
"""

from __future__ import annotations

from typing import Any

import keras


def dask_setup(worker: Any) -> None:
    """Import Keras and its backend, and have it find its devices; nothing else.

    Parameters
    ----------
    worker : distributed.Worker
        The worker that begins.
    """
    keras.ops.zeros(1)
