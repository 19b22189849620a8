"""The directory of a store: named files, each written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from . import claim

_SUFFIX = ".npz"
# The first letters of a name, which are hexadecimal digits, name the folder of its file. So a
# folder has 25 files of 100,000, and to list it takes as long as to list an empty one.
_N_LETTERS = 3
# what a killed process left half-written is removed by a later one, when surely nobody writes it
_STALE_SECONDS = 3600.0
# for what reasons a directory that cannot be made now may be made later: no room, a faulty disk
_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class File(NamedTuple):
    """What is known of a file without opening it."""

    name: str
    n_bytes: int
    used: float


class Directory:
    """Files in 4,096 folders below a directory, each written whole or not at all.

    Parameters
    ----------
    root : Path
        Where it is; `open`, or the first write, makes it.
    make : bool, default=True
        Whether it may be made. A directory that somebody else has made and will remove must not
        come into being again.
    """

    def __init__(self, root: Path, make: bool = True) -> None:
        self._fits = root / "fits"
        self._make = make
        self._is_open = False
        self._ahead: float | None = None

    def check(self) -> None:
        """Raise OSError where the directory can be neither read nor made. Nothing is written."""
        if not self._make:
            return
        place = self._fits
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        status = place.stat()  # follows links: an error for one that leads nowhere, or in a circle
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        needed = os.R_OK if place == self._fits else os.W_OK
        # in a file system of the kernel's own not even the administrator makes directories
        is_kernels = not status.st_mode & 0o222 and not shutil.disk_usage(place).total
        if is_kernels or not os.access(place, needed | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    def open(self) -> None:
        """Make the directory where there is none; OSError if that can never be done.

        Reading needs no writing: a directory that is there may be on a disk that is full or
        read-only. Writing then fails where something is to be written.
        """
        if self._is_open or not self._make:
            return
        self.check()
        try:
            if not self._fits.is_dir():
                self._fits.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in _MAY_PASS:
                raise
            return
        self._is_open = True

    @property
    def is_gone(self) -> bool:
        """Whether it is not there, and may not be made."""
        return not self._make and not self._fits.is_dir()

    def now(self) -> float:
        """Tell the time by the clock of the file system, by which files have their times.

        The clocks of the machines that share it may be hours apart. Where it cannot be asked, it is
        this machine's.
        """
        if self._ahead is None:
            asked, begin = self._fits / f".{uuid.uuid4().hex}.tmp", time.monotonic()
            try:
                with asked.open("xb") as file:
                    file.write(b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                    told = os.fstat(file.fileno()).st_mtime
            except OSError:
                return time.time()
            finally:
                with contextlib.suppress(OSError):
                    asked.unlink(missing_ok=True)
            self._ahead = told - begin
        return self._ahead + time.monotonic()

    def remove_left_over(self) -> None:
        """Remove what killed processes have left half-written, when surely nobody writes it."""
        for left_over in self._fits.rglob(".*.tmp"):
            with contextlib.suppress(OSError):
                if self.now() - left_over.stat().st_mtime > _STALE_SECONDS:
                    left_over.unlink()

    def open_own(self, name: str) -> int:
        """Open a file beside the folders of fits, made where it is not there."""
        self._fits.mkdir(parents=self._make, exist_ok=True)
        return os.open(self._fits / name, os.O_RDWR | os.O_CREAT, 0o666)

    def files(self) -> Iterator[File]:
        """Every file, in no order."""
        for folder in _entries(self._fits):
            if len(folder.name) == _N_LETTERS:
                yield from self._in_folder(folder.path)

    def named(self, prefix: str) -> list[str]:
        """The names that begin so."""
        return [
            entry.name.removesuffix(_SUFFIX)
            for entry in _entries(self._fits / prefix[:_N_LETTERS])
            if entry.name.startswith(prefix) and entry.name.endswith(_SUFFIX)
        ]

    def used(self, name: str) -> float | None:
        """When a file was used last; None if it is not there."""
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Open a file; FileNotFoundError if it is not there."""
        with self._path(name).open("rb") as file:
            yield file

    def write(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        """Write a file under another name, then rename it; return its size in bytes."""
        path = self._path(name)
        path.parent.mkdir(parents=self._make, exist_ok=True)
        unfinished = path.with_name(f".{name}.{uuid.uuid4().hex}.tmp")
        try:
            with unfinished.open("xb") as file:
                write(file)
                file.flush()
                n_bytes = file.tell()
            unfinished.replace(path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        return n_bytes

    @contextlib.contextmanager
    def claimed(self, name: str) -> Iterator[None]:
        """Hold the claim on a name, waiting for whoever holds it."""
        path = self._path(name)
        with contextlib.suppress(OSError):  # then nothing can be written either
            path.parent.mkdir(parents=self._make, exist_ok=True)
        with claim.claimed(path.with_name(f".{name}.lock")):
            yield

    def touch(self, name: str) -> None:
        """Note that a file was used now."""
        with contextlib.suppress(OSError):
            os.utime(self._path(name))

    def remove(self, name: str) -> int:
        """Remove a file, which need not be there; return how many bytes that gives back."""
        path = self._path(name)
        try:
            n_bytes = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return n_bytes

    def describe(self, name: str) -> str:
        """What to call a file in a message."""
        return str(self._path(name))

    def _path(self, name: str) -> Path:
        return self._fits / name[:_N_LETTERS] / f"{name}{_SUFFIX}"

    def _in_folder(self, folder: str) -> Iterator[File]:
        for entry in _entries(folder):
            if entry.name.endswith(_SUFFIX):
                with contextlib.suppress(FileNotFoundError):  # removed by another process
                    stat = entry.stat()
                    yield File(entry.name.removesuffix(_SUFFIX), stat.st_size, stat.st_mtime)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
