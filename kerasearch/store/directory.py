"""The directory of a store: named files, each of which is written completely or not at all."""

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
# A name begins with hexadecimal digits. Its first letters are the name of the folder of the file.
# With 100,000 files a folder has about 25 files, so that a listing of the folder is fast.
_N_LETTERS = 3
# A killed process leaves an incomplete file. A later process removes the file when it is older than
# this, because then no process can still be writing it.
_STALE_SECONDS = 3600.0
# errors after which the directory may be created later: the disk is full or has a fault
_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class File(NamedTuple):
    """Name, size in bytes, and time of the last use (POSIX time in seconds) of a file."""

    name: str
    n_bytes: int
    used: float


class Directory:
    """Files in 4,096 folders of a directory. Each file is written completely or not at all.

    Parameters
    ----------
    root : Path
        The path of the directory. `open` or the first write creates it.
    make : bool, default=True
        Whether the directory may be created. Pass False if another process created the directory
        and will remove it, because it must not be created again.
    """

    def __init__(self, root: Path, make: bool = True) -> None:
        self._fits = root / "fits"
        self._make = make
        self._is_open = False
        self._ahead: float | None = None

    def check(self) -> None:
        """Raise OSError if the directory can be neither read nor created. Nothing is written."""
        if not self._make:
            return
        place = self._fits
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        status = place.stat()  # follows links: a broken or circular link raises OSError
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        needed = os.R_OK if place == self._fits else os.W_OK
        # in a file system such as /proc not even the administrator can create directories
        is_kernels = not status.st_mode & 0o222 and not shutil.disk_usage(place).total
        if is_kernels or not os.access(place, needed | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    def open(self) -> None:
        """Create the directory if it does not exist.

        An existing directory may be on a disk that is full or read-only, because its fits can
        still be read. In this case only a later write fails.

        Raises
        ------
        OSError
            If the directory does not exist and can never be created.
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
        """Whether the directory does not exist and must not be created."""
        return not self._make and not self._fits.is_dir()

    def now(self) -> float:
        """Get the time of the file system's clock, which also sets the times of the files.

        The clocks of machines that share the file system may differ by hours. If the file system's
        clock cannot be read, the clock of this machine is used.
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
        """Remove incomplete files of killed processes that are older than an hour."""
        for left_over in self._fits.rglob(".*.tmp"):
            with contextlib.suppress(OSError):
                if self.now() - left_over.stat().st_mtime > _STALE_SECONDS:
                    left_over.unlink()

    def open_own(self, name: str) -> int:
        """Open a file next to the folders of fits; create it if it does not exist."""
        self._fits.mkdir(parents=self._make, exist_ok=True)
        return os.open(self._fits / name, os.O_RDWR | os.O_CREAT, 0o666)

    def files(self) -> Iterator[File]:
        """Iterate over all files, in no particular order."""
        for folder in _entries(self._fits):
            if len(folder.name) == _N_LETTERS:
                yield from self._in_folder(folder.path)

    def named(self, prefix: str) -> list[str]:
        """List the names that begin with `prefix`."""
        return [
            entry.name.removesuffix(_SUFFIX)
            for entry in _entries(self._fits / prefix[:_N_LETTERS])
            if entry.name.startswith(prefix) and entry.name.endswith(_SUFFIX)
        ]

    def used(self, name: str) -> float | None:
        """Get the time of the last use of a file; None if the file does not exist."""
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading; raise FileNotFoundError if it does not exist."""
        with self._path(name).open("rb") as file:
            yield file

    def write(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        """Write a file under a temporary name, then rename it; return its size in bytes."""
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
        """Hold the claim on a name; wait while another process or thread holds it."""
        path = self._path(name)
        with contextlib.suppress(OSError):  # without the folder, the write will fail as well
            path.parent.mkdir(parents=self._make, exist_ok=True)
        with claim.claimed(path.with_name(f".{name}.lock")):
            yield

    def touch(self, name: str) -> None:
        """Set the time of the last use of a file to now."""
        with contextlib.suppress(OSError):
            os.utime(self._path(name))

    def remove(self, name: str) -> int:
        """Remove a file if it exists; return the number of bytes that this frees."""
        path = self._path(name)
        try:
            n_bytes = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return n_bytes

    def describe(self, name: str) -> str:
        """Get the path of a file for a message."""
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
