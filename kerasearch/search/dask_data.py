"""The data of a search on Dask: sent to every worker, once.

joblib's backend for Dask sends each large argument to one worker, and again with each batch of
candidates. The worker that dies with the only copy takes the search along. So a search sends its
rows and splits itself, before joblib comes to them, under their identities, by which joblib's
backend looks for what was sent before. Dask itself drops the copies of what no task waits for, but
for one, which may go with its worker: then the search sends everything again, and repeats its batch
of candidates.

Dask's scheduler unpickles what it passes on. What only workers need is sealed, or the scheduler
would import Keras for it. Checked with joblib 1.4 to 1.6 and distributed 2025.1 to 2026.8; a canary
in ``tests/cluster/test_dask.py`` fails when they change. Nothing here imports
Dask: where it is not the active backend, nothing happens.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import parallel_config
from joblib.parallel import get_active_backend

# distributed's error for a task whose data are gone; the second before 2024.11
_CANCELLED = ("FutureCancelledError", "CancelledError")


class SentData:
    """What one search has sent to the workers of a Dask cluster."""

    def __init__(self) -> None:
        self._objects: list[Any] = []  # kept, as they go by their identities
        self._futures: dict[int, Any] = {}
        self._client: Any = None

    @contextmanager
    def in_use(self, *data: Any) -> Iterator[None]:
        """Have joblib's Dask backend hand out `data`, and what is sent later, from all workers.

        What the user has scattered, by ``scatter=``, is not sent again. The copies go from the
        workers with this object.
        """
        backend, _ = get_active_backend()
        if not _is_dask(backend):
            yield
            return
        if self._client is not backend.client:
            self._objects, self._futures, self._client = [], {}, backend.client
        # a backend of our own, as the user's serves other searches too
        own = type(backend)(
            client=backend.client,
            wait_for_workers_timeout=backend.wait_for_workers_timeout,
            **backend.submit_kwargs,
        )
        own.data_futures = {**backend.data_futures, **self._futures}
        try:
            with parallel_config(own):
                self.send(data)
                yield
        finally:
            own.data_futures.clear()  # it may outlive the search, and the workers' copies must not

    def send(self, data: Iterable[Any]) -> None:
        """Send more to all workers, within `in_use`, but for what was sent before."""
        backend, _ = get_active_backend()
        if not _is_dask(backend):
            return
        by_id = {id(one): one for one in data if one is not None}
        known = set(map(id, self._objects))
        self._objects += [one for key, one in by_id.items() if key not in known]
        new = [one for key, one in by_id.items() if key not in backend.data_futures]
        if not new:
            return
        # hash: two searches that send equal rows at the same time would cancel each other's
        sent = backend.client.scatter(new, broadcast=True, hash=False)
        futures = dict(zip(map(id, new), sent, strict=True))
        self._futures |= futures
        backend.data_futures |= futures

    def send_again(self, error: BaseException) -> bool:
        """Send all data again if an error says that a worker took some along; tell whether so."""
        backend, _ = get_active_backend()
        if not _is_dask(backend) or type(error).__name__ not in _CANCELLED:
            return False
        for key in map(id, self._objects):
            backend.data_futures.pop(key, None)
        self._futures.clear()
        self.send(self._objects)
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return SentData, ()  # another process has sent nothing


class _Sealed:
    """A value as bytes, until a worker opens it."""

    def __init__(self, content: bytes) -> None:
        self.content = content


def sealed(backend: Any) -> Callable[[Any], Any]:
    """Get what seals the arguments of a task, but for those that the workers have."""
    if not _is_dask(backend):
        return lambda value: value
    import cloudpickle  # Dask has it

    def seal(value: Any) -> Any:
        if id(value) in backend.data_futures or isinstance(value, _Sealed | np.ndarray):
            return value
        return _Sealed(cloudpickle.dumps(value))

    return seal


def unsealed(value: Any) -> Any:
    """Open a value that was sealed."""
    return pickle.loads(value.content) if isinstance(value, _Sealed) else value


def _is_dask(backend: Any) -> bool:
    return type(backend).__name__ == "DaskDistributedBackend"
