"""Room for one more fit: how many bytes a store has, and which fits go where that is too many.

The number of bytes is kept in a file of the store, so that nobody lists the fits in order to store
one more, however many there are. It is counted anew once a day, and before anything is evicted: a
killed process, or somebody who removes files by hand, leaves it wrong until then. Fits that may go
are listed once and taken from that list as room is needed.
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
except ImportError:  # Windows: two processes at the same moment may miscount until the next day
    fcntl = None  # type: ignore[assignment]

# What was used within this time is not evicted: a running search, or one that was killed just now,
# keeps what it has. A store that is full of such fits takes no more.
PROTECTED_SECONDS = 3600.0
_SECONDS_PER_COUNT = 86400.0
_NAME = "n_bytes"


class Room:
    """The bound on a store's bytes.

    Parameters
    ----------
    directory : Directory
        Where the fits are.
    max_bytes : int
        The bound.
    """

    def __init__(self, directory: Directory, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._may_go: list[File] = []  # that used last first

    def make(self, n_bytes: int) -> bool:
        """Evict until `n_bytes` more have room; tell whether they have.

        Raises
        ------
        OSError
            Where nothing can be written.
        """
        with self._lock:
            if self._has(n_bytes, self.add(0)):
                return True
            if self._evict_for(n_bytes):
                return True
            if self._may_go:  # they are too young
                return False
            self._count()
            return self._evict_for(n_bytes)

    def add(self, n_bytes: int) -> int:
        """Note that the store has so many bytes more, and tell how many it has."""
        with self._open_total() as file:
            total, counted = _read(file)
            if not 0 <= self._directory.now() - counted < _SECONDS_PER_COUNT:
                return self._write_count(file)
            if n_bytes:
                total += n_bytes
                _write(file, total, counted)
            return total

    def count_anew(self) -> None:
        """Count, after many fits were removed."""
        with contextlib.suppress(OSError), self._lock:
            self._count()

    def _has(self, n_bytes: int, total: int) -> bool:
        return total + n_bytes <= self._max_bytes

    def _evict_for(self, n_bytes: int) -> bool:
        while self._may_go:
            file = self._may_go[-1]
            if self._directory.used(file.name) == file.used:  # else used since, or removed
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
        """Open the file with the number, for this process and thread alone."""
        file = self._directory.open_own(_NAME)
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> tuple[int, float]:
    """Read the total and when it was counted; never, where there is nothing to be read."""
    try:
        total, counted = os.pread(file, 100, 0).split()
        return int(total), float(counted)
    except ValueError:
        return 0, float("-inf")


def _write(file: int, total: int, counted: float) -> None:
    # always so long; all digits of the time, as a rounded one may lie in the future
    os.pwrite(file, f"{max(0, total):020d} {counted!r:>24}\n".encode(), 0)
