"""A lock on a computation: other processes wait for its result and do not repeat the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no claims; a computation may run twice, which is harmless
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold the claim of the file `path`. If another process or thread holds it, wait.

    The claim is an advisory lock (``flock``). The kernel releases the lock of a process that dies.
    If locks are not possible (a read-only directory, a file system without locks), the context
    starts without a claim, and nobody waits.

    Parameters
    ----------
    path : Path
        An empty file. This function creates and removes it. Its directory must exist.
    """
    held = None
    try:
        with contextlib.suppress(OSError):
            held = _acquire(path)
        yield
    finally:
        if held is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # before the release: waiting processes then see that it is removed
            os.close(held)


def _acquire(path: Path) -> int | None:
    """Wait until nobody else holds the claim; return the open and locked file."""
    while fcntl is not None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                return file
        except BaseException:  # an interrupt while waiting
            os.close(file)
            raise
        os.close(file)  # the last holder removed this file, and a new one may exist: try again
    return None


def _is_at(path: Path, file: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file))
