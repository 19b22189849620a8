"""Disks that are full, faulty or not ours: fits that are there are read, the others are trained."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kerasearch.store import directory
from tests.forks import in_a_fork

from .searches import SEARCHES, run, stored
from .table import Row

NAME = "GridSearchCV"
NOBODY = 65534


def attacks(long: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        expected = in_a_fork(run, NAME, Path(folder) / "whole")["outcome"]
        for attack, work in _ways().items():
            row = Row(attack)
            for n_kept in (0, 3, 8) if long else (3,):
                _attack(row, work, Path(folder), n_kept, expected)
            yield row


def _ways() -> dict[str, Callable[[Path], Any]]:
    ways = {
        "ENOSPC: a limit on the size of files": _limited,
        "EIO while writing": _failing_writes,
        "EIO while reading": _failing_reads,
        "EACCES: a store that may only be read": _read_only,
    }
    if os.getuid() == 0 and shutil.which("mount"):
        ways = {"ENOSPC: a file system of 64 KiB": _on_a_small_disk, **ways}
    return ways


def _attack(row: Row, work: Any, folder: Path, n_kept: int, expected: str) -> None:
    """Search on a store that has some fits, then once more without the fault."""
    place = folder / f"{work.__name__}{n_kept}"
    shutil.copytree(folder / "whole", place)
    for file in sorted(place.rglob("*.npz"))[n_kept:]:
        file.unlink()
    kept = stored(place)
    row.tried += 1
    try:
        found = in_a_fork(work, place)
    except RuntimeError:
        return
    row.survived += 1
    row.wrong += found["outcome"] != expected
    if work is not _failing_reads:  # what cannot be read must be trained
        row.lost += len(kept & set(found["saved"]))
    after = in_a_fork(run, NAME, place)
    row.wrong += after["outcome"] != expected
    row.lost += len(kept & set(after["saved"]))
    shutil.rmtree(place)


def _on_a_small_disk(place: Path) -> Any:
    files = {file: file.read_bytes() for file in place.rglob("*.npz")}
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    try:
        for file, content in files.items():
            file.parent.mkdir(parents=True)
            file.write_bytes(content)
        return run(NAME, place)
    finally:
        subprocess.run(["umount", place], check=True)


def _limited(place: Path) -> Any:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return run(NAME, place)


class _FaultyFile:
    """A file of which a part is written or read, and then the disk fails."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> Any:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        self._file.write(content[: len(content) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def read(self, size: int = -1) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _faulty(mode: str, place: Path) -> Any:
    opened = Path.open

    def open_faulty(self: Path, *arguments: Any, **settings: Any) -> Any:
        file: Any = opened(self, *arguments, **settings)
        return _FaultyFile(file) if mode in arguments and self.is_relative_to(place) else file

    directory.Path.open = open_faulty  # type: ignore[method-assign, assignment]
    return run(NAME, place)


def _failing_writes(place: Path) -> Any:
    return _faulty("xb", place)


def _failing_reads(place: Path) -> Any:
    return _faulty("rb", place)


def _read_only(place: Path) -> Any:
    """Search as somebody who may read the store and not write to it."""
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        with tempfile.TemporaryDirectory() as other:
            for _ in range(2):  # what training and reading import may lie where root alone reads
                SEARCHES[NAME](Path(other))
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    return run(NAME, place)
