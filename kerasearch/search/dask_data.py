"""The data of a search on Dask, which are sent to each worker once.

joblib's backend for Dask sends each large argument to one worker, and again with each batch of
candidates. If the worker with the only copy dies, the search fails. A search therefore sends its
rows and splits to all workers, before joblib sends them. joblib's backend looks up sent objects by
their ``id``, so that it finds these copies. Dask removes all copies but one if no task waits for
the object, and the worker with the last copy may die. In this case the search sends all data
again, and repeats the batch of candidates.

Checked with joblib 1.4 to 1.6 and distributed 2025.1 to 2026.8. A canary test in
``tests/cluster/test_dask.py`` fails if they change. This module does not import Dask. If Dask is
not the active backend, this module does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config
from joblib.parallel import get_active_backend

# distributed's error for a task whose data are lost; it had the second name before 2024.11
_CANCELLED = ("FutureCancelledError", "CancelledError")


class SentData:
    """The objects that one search has sent to the workers of a Dask cluster."""

    def __init__(self) -> None:
        self._objects: list[Any] = []  # references, so that the ids of the objects stay valid
        self._futures: dict[int, Any] = {}
        self._client: Any = None

    @contextmanager
    def in_use(self, *data: Any) -> Iterator[None]:
        """Send `data` to all workers. joblib's Dask backend uses these copies within this context.

        Objects that the user has passed to the backend as ``scatter=`` are not sent again. The
        copies on the workers are removed together with this object.
        """
        backend, _ = get_active_backend()
        if not _is_dask(backend):
            yield
            return
        if self._client is not backend.client:
            self._objects, self._futures, self._client = [], {}, backend.client
        # a separate backend, because other searches may use the user's backend
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
            # the backend may live longer than the search, but the copies on the workers must not
            own.data_futures.clear()

    def send(self, data: Iterable[Any]) -> None:
        """Send objects to all workers, unless they were sent before. Call it within `in_use`."""
        backend, _ = get_active_backend()
        if not _is_dask(backend):
            return
        by_id = {id(one): one for one in data if one is not None}
        known = set(map(id, self._objects))
        self._objects += [one for key, one in by_id.items() if key not in known]
        new = [one for key, one in by_id.items() if key not in backend.data_futures]
        if not new:
            return
        # hash=False, because two searches that send equal rows would cancel each other's futures
        sent = backend.client.scatter(new, broadcast=True, hash=False)
        futures = dict(zip(map(id, new), sent, strict=True))
        self._futures |= futures
        backend.data_futures |= futures

    def send_again(self, error: BaseException) -> bool:
        """Send all data again if `error` says that data are lost; return whether it does."""
        backend, _ = get_active_backend()
        if not _is_dask(backend) or type(error).__name__ not in _CANCELLED:
            return False
        for key in map(id, self._objects):
            backend.data_futures.pop(key, None)
        self._futures.clear()
        self.send(self._objects)
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return SentData, ()  # in another process, no data have been sent


def _is_dask(backend: Any) -> bool:
    return type(backend).__name__ == "DaskDistributedBackend"
