"""Pickled values that Dask's scheduler passes on without unpickling them.

See `estimators.dask_tasks`. This module is apart from it, because the scheduler imports this module
and must not import Keras.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any


class Sealed:
    """A pickled value in the process of a scheduler."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return unsealed, (self._content,)


def unsealed(content: bytes) -> Any:
    """Unpickle a value, unless this is the process of a scheduler."""
    return Sealed(content) if _is_scheduler() else pickle.loads(content)


def _is_scheduler() -> bool:
    # A process that has imported Keras already, for example a notebook with a local cluster, does
    # not need this. There is no public name for the schedulers of a process.
    module = sys.modules.get("distributed.scheduler")
    return "keras" not in sys.modules and module is not None and bool(module.Scheduler._instances)
