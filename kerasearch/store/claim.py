"""A claim on what one process computes, so that others wait for it instead of computing it too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there are no claims, and computing twice is harmless
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold the claim that the file `path` stands for, waiting for whoever holds it.

    The claim is an advisory lock (``flock``), which the kernel takes back from a process that dies.
    Where there can be none (a read-only directory, a file system without locks), nobody waits.

    Parameters
    ----------
    path : Path
        An empty file, made and removed here; its directory must exist.
    """
    held = None
    try:
        with contextlib.suppress(OSError):
            held = _acquire(path)
        yield
    finally:
        if held is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # before the lock goes: whoever waits for it sees that it is gone
            os.close(held)


def _acquire(path: Path) -> int | None:
    """Wait until nobody holds the claim, and get the open file that is locked now."""
    while fcntl is not None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                return file
        except BaseException:  # an interrupt while waiting
            os.close(file)
            raise
        os.close(file)  # its holder has removed it: another one may have been made since
    return None


def _is_at(path: Path, file: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file))
