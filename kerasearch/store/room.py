"""Room for one more fit: the size of a store in bytes, and the eviction of fits above its bound.

The size is kept in a file of the store. Thus a new fit can be stored without a listing of all fits.
The size is counted again once a day, and before a fit is evicted. Until then it may be wrong,
because a process was killed or a user removed files by hand. The fits that may be evicted are
listed once. Fits are taken from this list when room is needed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from .directory import Directory, File
from .record import parse_file_name

try:
    import fcntl
except ImportError:  # Windows: two simultaneous processes may make the count wrong for a day
    fcntl = None  # type: ignore[assignment]

# Fits that were used within this time are not evicted. So a search that is running, or was killed a
# short time ago, keeps its fits. If a store is full of such fits, new fits are not stored.
PROTECTED_SECONDS = 3600.0
_SECONDS_PER_COUNT = 86400.0
_NAME = "n_bytes"


class Room:
    """The bound on a store's bytes.

    Parameters
    ----------
    directory : Directory
        The directory of the fits.
    max_bytes : int
        The bound in bytes.
    """

    def __init__(self, directory: Directory, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._may_go: list[File] = []  # sorted by last use; the least recently used is last

    def make(self, n_bytes: int) -> bool:
        """Evict fits until there is room for `n_bytes` more; return whether there is.

        Raises
        ------
        OSError
            If the directory cannot be written.
        """
        with self._lock:
            if self._has(n_bytes, self.add(0)):
                return True
            if self._evict_for(n_bytes):
                return True
            if self._may_go:  # all of them were used too recently
                return False
            self._count()
            return self._evict_for(n_bytes)

    def add(self, n_bytes: int) -> int:
        """Add `n_bytes` to the size of the store, and return the new size in bytes."""
        with self._open_total() as file:
            total, counted = _read(file)
            if not 0 <= self._directory.now() - counted < _SECONDS_PER_COUNT:
                return self._write_count(file)
            if n_bytes:
                total += n_bytes
                _write(file, total, counted)
            return total

    def count_anew(self) -> None:
        """Count the size again, after many fits were removed."""
        with contextlib.suppress(OSError), self._lock:
            self._count()

    def _has(self, n_bytes: int, total: int) -> bool:
        return total + n_bytes <= self._max_bytes

    def _evict_for(self, n_bytes: int) -> bool:
        while self._may_go:
            file = self._may_go[-1]
            if self._directory.used(file.name) == file.used:  # neither used since then nor removed
                if self._directory.now() - file.used < PROTECTED_SECONDS:
                    return False
                if self._has(n_bytes, self.add(-self._directory.remove(file.name))):
                    self._may_go.pop()
                    return True
            self._may_go.pop()
        return self._has(n_bytes, self.add(0))

    def _count(self) -> None:
        with self._open_total() as file:
            self._write_count(file)

    def _write_count(self, file: int) -> int:
        self._directory.remove_left_over()
        fits = [one for one in self._directory.files() if parse_file_name(one.name)]
        self._may_go = sorted(fits, key=lambda one: one.used, reverse=True)
        total = sum(one.n_bytes for one in fits)
        _write(file, total, self._directory.now())
        return total

    @contextlib.contextmanager
    def _open_total(self) -> Iterator[int]:
        """Open and lock the file with the size, so that no other process or thread changes it."""
        file = self._directory.open_own(_NAME)
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> tuple[int, float]:
    """Read the size and the time of its count; the time is -inf if the file has no valid text."""
    try:
        total, counted = os.pread(file, 100, 0).split()
        return int(total), float(counted)
    except ValueError:
        return 0, float("-inf")


def _write(file: int, total: int, counted: float) -> None:
    # The text has a fixed length. The time has all digits: a rounded time may be in the future.
    os.pwrite(file, f"{max(0, total):020d} {counted!r:>24}\n".encode(), 0)
