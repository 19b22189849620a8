"""The directory of a store without a path. It is removed with the process that created it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path


def temporary_directory(owner: object) -> Path:
    """Create a directory that is removed when `owner` is garbage-collected or this process exits.

    A process that is forked from this one also has `owner`, but does not remove the directory.
    """
    path = Path(tempfile.mkdtemp(prefix="kerasearch-store-"))
    weakref.finalize(owner, _remove, path, os.getpid())
    return path


def _remove(path: Path, maker: int) -> None:
    if os.getpid() != maker:
        return
    going = path.with_name(f"{path.name}.removed")
    with contextlib.suppress(OSError):
        # rename it first, so that no other process writes into it during the removal
        path.rename(going)
        shutil.rmtree(going, ignore_errors=True)
