"""The directory of a store without a path: it goes with the process that made it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path


def temporary_directory(owner: object) -> Path:
    """Make a directory that is removed when `owner` is collected, or at exit of this process.

    Processes that were forked from this one have `owner` too, and leave the directory alone.
    """
    path = Path(tempfile.mkdtemp(prefix="kerasearch-store-"))
    weakref.finalize(owner, _remove, path, os.getpid())
    return path


def _remove(path: Path, maker: int) -> None:
    if os.getpid() != maker:
        return
    going = path.with_name(f"{path.name}.removed")
    with contextlib.suppress(OSError):
        # first out of the way, so that no other process writes into what is being removed
        path.rename(going)
        shutil.rmtree(going, ignore_errors=True)
