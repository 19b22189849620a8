"""The warnings of fits in worker processes, which are repeated in the process of the search.

The standard error of a worker may be a file on another machine. joblib passes each task of a search
to the method ``submit`` of its backend. This module replaces the backend by a copy, whose tasks
return their warnings with their scores. Threads do not need this, because they warn in the process
of the search. A search in one process does not need it either, because its fits are not passed to
``submit``. Checked with joblib 1.4 to 1.6.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from joblib import parallel_config
from joblib.parallel import get_active_backend

from .._utils.user_warnings import Recorder


class Warned(NamedTuple):
    """A warning that can be sent from one process to another."""

    category: type[Warning]
    message: str


@contextmanager
def brought_back() -> Iterator[None]:
    """Collect the warnings of fits in other processes as ``"warnings"`` in the dict of each fit."""
    backend, _ = get_active_backend()
    if getattr(backend, "supports_sharedmem", False):
        yield
        return
    # A copy, because other searches may use the user's backend. The module `copy` would use the
    # pickle method of the Dask backend, which loses the references to the objects on its workers.
    own = object.__new__(type(backend))
    vars(own).update(vars(backend))
    for name in ("submit", "apply_async"):  # the second before joblib 1.5
        if hasattr(own, name):
            setattr(own, name, functools.partial(_submit, getattr(type(own), name), own))
    with parallel_config(own):
        yield


def _submit(submit: Any, backend: Any, tasks: Any, callback: Any = None) -> Any:
    if hasattr(tasks, "items"):  # joblib's `BatchedCalls` has this attribute
        tasks.items = [(_Recording(function), *arguments) for function, *arguments in tasks.items]
    return submit(backend, tasks, callback)


class _Recording:
    """A function that returns a dict, with the warnings of the call added as ``"warnings"``."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with _recorded() as warned:
            result = self.function(*args, **kwargs)
        if isinstance(result, dict):
            result["warnings"] = warned
        return result


class _Recorder(Recorder):
    """A replacement of ``warnings.showwarning`` while a thread of this process records."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._n_recording = 0
        self._show: Any = None

    def begin(self) -> list[Warned]:
        with self._lock:
            if self._n_recording == 0:
                self._show, warnings.showwarning = warnings.showwarning, self
            self._n_recording += 1
        self._of_thread.warned = []
        return self._of_thread.warned

    def end(self) -> None:
        self._of_thread.warned = None
        with self._lock:
            self._n_recording -= 1
            if self._n_recording == 0:
                warnings.showwarning = self._show

    def __call__(self, message: Any, category: Any, *where: Any, **more: Any) -> None:
        warned = getattr(self._of_thread, "warned", None)
        if warned is None:
            self._show(message, category, *where, **more)
            return
        one = Warned(category, str(message))
        if one not in warned:
            warned.append(one)


_recorder = _Recorder()


@contextmanager
def _recorded() -> Iterator[list[Warned]]:
    """Record the warnings of this thread. The filters, which scikit-learn sends, are kept."""
    warned = _recorder.begin()
    try:
        yield warned
    finally:
        _recorder.end()
