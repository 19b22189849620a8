"""FitStore: finished fits by key and number of epochs, with a bound in bytes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils.checks import check_integer, check_number
from .._utils.user_warnings import warn
from . import file_format, tables
from .directory import Directory, File
from .record import StoredFit, check_record, file_name, parse_file_name
from .room import Room
from .temporary import temporary_directory

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 10 * 2**30


class FitStore:
    """A store of finished fits, so that no fit is trained twice.

    Pass a store, or the path of a directory, to an estimator as ``store=``. Each fit with an
    integer `random_state` is then looked up before it is trained, and stored when it has finished.
    If the store has the same fit with fewer epochs, training continues from there. Several
    processes may use a directory at the same time. A process that needs a fit which another
    process is training waits for the result.

    Parameters
    ----------
    path : str or path-like, default=None
        A directory, which is created at the first fit. None creates a temporary directory, which
        the threads and processes of this machine share, for example in a search with ``n_jobs``.
        The temporary directory is removed when this object is garbage-collected, or at the latest
        at the end of the process that created it.
    max_bytes : int, default=10 GiB
        Bound on the size in bytes. Fits are evicted in the order of their last use, the oldest use
        first. A fit that was used within the last hour is never evicted, so that a running search
        keeps its fits.

    Attributes
    ----------
    path : Path
        The directory.

    Notes
    -----
    A store is pickled as its path. If a temporary store is unpickled on another machine, or after
    its directory was removed, it gives a warning and stores nothing. If the process that created a
    temporary directory is killed, the directory stays in the folder of temporary files (see
    `tempfile.gettempdir`), and you can remove it by hand.

    The clocks of machines that share a store may differ. The age of a fit is therefore measured
    with the clock of the file system.

    A fit is a zip of ``.npy`` arrays and a JSON text, and is read without pickle. It is written
    under a temporary name and then renamed, so that a kill leaves a complete file or no file. A
    warning names a damaged file, and its fit is trained and stored again.

    The last bit of a weight depends on the type of the processor and, for convolutions, on the
    number of TensorFlow's threads (a relative difference of about 1e-8). Neither is part of the
    key, so that machines can share a store. A fit that is read has the bits of the machine that
    trained it.

    The code of a model, a loss or a callback is part of the key, and so are the values that this
    code reads by name: globals, closures, defaults, attributes, modules of the user, and the
    direct attributes of modules of libraries. A fit is not stored if its code reads a clock, the
    environment, the system or a file. The key does not cover three kinds of values: values that
    the functions of a library read (such as a setting made by ``numpy.seterr``), values deeper in
    the modules of a library, and modules that code does not reach by a name, but for example by an
    attribute of an object.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from kerasearch import FitStore, KerasClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> store = FitStore()
    >>> classifier = KerasClassifier(epochs=2, random_state=0, store=store)
    >>> classifier.fit(X, y).n_epochs_trained_
    2
    >>> classifier.fit(X, y).n_epochs_trained_
    0
    >>> classifier.set_params(epochs=5).fit(X, y).n_epochs_trained_
    3
    >>> store.frame()[["epochs", "n_rows"]]
       epochs  n_rows
    0       2     150
    1       5     150
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        self.max_bytes = check_integer("max_bytes", max_bytes, at_least=1)
        self._is_temporary = path is None
        self.path = temporary_directory(self) if path is None else _as_path(path)
        self._directory = Directory(Path(absolute(self.path)))
        self._warned: set[str] = set()
        self._room = Room(self._directory, self.max_bytes)
        if path is None:
            self._directory.open()  # created here, because other processes must not create it
            _TEMPORARY[str(self.path)] = self

    @classmethod
    def of(cls, store: FitStore | str | os.PathLike[str] | None) -> FitStore | None:
        """Get and open the store of an estimator's ``store=``; equal paths give the same store.

        Raises
        ------
        TypeError
            If `store` is neither a store, a path nor None.
        OSError
            If the directory can be neither read nor created. An existing directory need not be
            writable.
        """
        opened = _store_for(store)
        if opened is not None:
            with opened._names_itself():
                opened._directory.open()
            opened._warn_if_gone()
        return opened

    @classmethod
    def check(cls, store: FitStore | str | os.PathLike[str] | None) -> None:
        """Raise the errors of `of` if ``store=`` can never be a store; nothing is created."""
        opened = _store_for(store)
        if opened is not None:
            with opened._names_itself():
                opened._directory.check()

    # -------------------------------------------------------------- for users

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def __iter__(self) -> Iterator[StoredFit]:
        """Iterate over the fits, the oldest first."""
        fits = [fit for file in self._files() if (fit := self._describe(file)) is not None]
        return iter(sorted(fits, key=lambda fit: (fit.created, fit.key, fit.epochs)))

    def __bool__(self) -> bool:
        return True  # an empty store is a valid store, unlike None

    def frame(self) -> pd.DataFrame:
        """Tabulate the fits, the oldest first.

        Returns
        -------
        frame : DataFrame
            A row for each fit. The columns are ``fit`` (the short name, which replaces ``{fit}`` in
            the path of a callback), ``param_...`` for each parameter that did not have its default,
            ``n_rows``, ``epochs``, ``seconds`` (the training time), the last value of each metric,
            ``path`` (the training loop), ``divergence``, ``created`` and ``n_bytes``.
        """
        return tables.fits_table(self)

    def training_history(self) -> pd.DataFrame:
        """Tabulate the metrics of each epoch of each fit.

        Returns
        -------
        curves : DataFrame
            A tidy table. The columns are ``candidate`` (an index; the fits of a candidate have
            equal parameters except `epochs`), ``fold`` (index of the distinct training set,
            numbered by first use), ``n_rows``, the parameters as in `frame` (a default is filled
            in), ``epoch`` (from 1), ``metric`` and ``value``. If a fit is stored with several
            numbers of epochs, the table has the longest fit.
        """
        return tables.epochs_table(self)

    def prune(
        self, max_bytes: int | None = None, older_than: timedelta | float | None = None
    ) -> int:
        """Remove fits in the order of their last use, the oldest use first.

        Parameters
        ----------
        max_bytes : int, default=None
            Remove fits until the store has at most this size in bytes.
        older_than : timedelta, or float in seconds, default=None
            Remove each fit whose last use is longer ago than this.

        Returns
        -------
        n_removed : int
            The number of removed fits.

        Raises
        ------
        ValueError
            If both arguments are None, or if an argument is negative or not a number.
        """
        if max_bytes is None and older_than is None:
            raise ValueError("prune() needs an argument: pass max_bytes, older_than or both")
        if max_bytes is not None:
            max_bytes = check_integer("max_bytes", max_bytes, at_least=0)
        seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
        if seconds is not None:
            what = "a timedelta or a number of seconds, of at least 0"
            seconds = check_number("older_than", seconds, what, at_least=0)
        files = sorted(self._files(), key=lambda file: file.used)
        n_bytes = sum(file.n_bytes for file in files)
        n_removed = 0
        for file in files:
            too_old = seconds is not None and self._directory.now() - file.used > seconds
            if too_old or (max_bytes is not None and n_bytes > max_bytes):
                self._directory.remove(file.name)
                n_bytes -= file.n_bytes
                n_removed += 1
        self._room.count_anew()
        return n_removed

    def clear(self) -> None:
        """Remove all fits. Other files in the directory are not removed."""
        for file in self._files():
            self._directory.remove(file.name)
        self._room.count_anew()

    def verify(self, remove: bool = False) -> dict[str, str]:
        """Read all fits completely, and find damaged files.

        Parameters
        ----------
        remove : bool, default=False
            Whether to remove damaged files.

        Returns
        -------
        damaged : dict of str to str
            A description of the damage by path of the file. It is empty if no file is damaged.
        """
        damaged = {}
        for file in self._files():
            try:
                with self._directory.reading(file.name) as content:
                    check_record(file.name, file_format.read(content)[0])
            except FileNotFoundError:  # another process removed it meanwhile
                continue
            except file_format.DamagedFile as error:
                damaged[self._directory.describe(file.name)] = str(error)
                if remove:
                    self._directory.remove(file.name)
        return damaged

    def __repr__(self) -> str:
        arguments = [] if self._is_temporary else [repr(str(self.path))]
        if self.max_bytes != MAX_BYTES:
            arguments.append(f"max_bytes={self.max_bytes}")
        return f"FitStore({', '.join(arguments)})"

    # --------------------------------------------------------------- for the training engine

    def lengths(self, key: str) -> list[int]:
        """List the numbers of epochs with which a fit is stored, the largest first."""
        try:
            parsed = [parse_file_name(name) for name in self._directory.named(f"{key}-")]
        except OSError as error:
            self.warn(f"{self!r} cannot be read ({_reason(error)}); fits are trained again")
            return []
        return sorted((one[1] for one in parsed if one is not None), reverse=True)

    def load(
        self,
        key: str,
        epochs: int,
        wanted: Callable[[Mapping[str, Any]], bool] = lambda record: True,
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Read a fit: its record and its arrays.

        Parameters
        ----------
        key, epochs : str, int
            The key and the number of epochs of the fit.
        wanted : callable, default=always
            ``wanted(record)`` returns whether the arrays shall be read. ``record["arrays"]`` has
            the dtype and the shape of each array, before memory is allocated for the arrays.

        Returns
        -------
        fit : tuple or None
            The record and the arrays. None if the fit is not wanted or was removed. None, with a
            warning, if its file is damaged.
        """
        name = file_name(key, epochs)

        def is_wanted(record: Mapping[str, Any]) -> bool:
            check_record(name, record)
            return wanted(record)

        try:
            with self._directory.reading(name) as content:
                record, arrays = file_format.read(content, is_wanted)
        except FileNotFoundError:  # evicted by another process
            return None
        except (file_format.DamagedFile, OSError) as error:
            self.warn(
                f"{self._directory.describe(name)} is damaged ({error}); the fit is trained again "
                "and the file is replaced"
            )
            return None
        if arrays is None:
            return None
        self._directory.touch(name)
        return record, arrays

    def save(
        self, key: str, epochs: int, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Store a fit. If this is not possible, warn once and continue."""
        if self._warn_if_gone():
            return
        name = file_name(key, epochs)
        record = {"key": key, "epochs": epochs, "created": time.time(), **record}
        try:
            n_bytes = file_format.size(record, arrays)
            if n_bytes > self.max_bytes:
                self.warn(f"fits larger than max_bytes={self.max_bytes} are not stored in {self!r}")
                return
            if not self._room.make(n_bytes):
                self.warn(
                    f"{self!r} is full of fits used within the last hour "
                    f"(max_bytes={self.max_bytes}); new fits are not stored"
                )
                return
            size = self._directory.write(name, lambda file: file_format.write(file, record, arrays))
            self._room.add(size)
        # the disk is full, or a value in a history is not a number
        except (OSError, TypeError, ValueError) as error:
            self.warn(
                f"{self!r} cannot be written ({_reason(error)}); fits are trained but not stored"
            )
            return

    def claimed(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold the claim on a fit while it is trained; threads and processes wait for each other.

        The claim of a process that dies is released. If the file system has no locks, there are no
        claims. A fit may then be trained twice, which is harmless.
        """
        return self._directory.claimed(key)

    def discard(self, key: str, epochs: int, checkpoint: str | None = None) -> None:
        """Remove a fit if it exists; if `checkpoint` is given, only with that checkpoint."""
        name = file_name(key, epochs)
        try:
            if checkpoint is not None:
                with self._directory.reading(name) as content:
                    if file_format.read_record(content).get("checkpoint") != checkpoint:
                        return
            self._room.add(-self._directory.remove(name))
        except (FileNotFoundError, file_format.DamagedFile):
            return
        except OSError as error:
            self.warn(f"{self!r} cannot be changed ({_reason(error)})")

    def warn(self, message: str) -> None:
        """Give a warning, but the same message only once."""
        if message not in self._warned:
            self._warned.add(message)
            warn(message)

    # ---------------------------------------------------------- scikit-learn's copies

    def __copy__(self) -> FitStore:
        return self

    def __deepcopy__(self, memo: Any) -> FitStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (absolute(self.path), self.max_bytes, self._is_temporary)

    # ----------------------------------------------------------------------- private

    @contextlib.contextmanager
    def _names_itself(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"store={str(self.path)!r} cannot be used as a directory: {reason}"
            raise OSError(error.errno, message) from error

    def _warn_if_gone(self) -> bool:
        """Warn if this is a temporary store without its directory; return whether it is."""
        if self._directory.is_gone:
            self.warn(
                f"the temporary directory of {self!r} was made on another machine, or was removed: "
                "fits are trained from the first epoch and are not stored. To store them, pass "
                "the path of a directory that all machines share as store="
            )
        return self._directory.is_gone

    def _files(self) -> Iterator[File]:
        return (file for file in self._directory.files() if parse_file_name(file.name))

    def _describe(self, file: File) -> StoredFit | None:
        try:
            with self._directory.reading(file.name) as content:
                record = file_format.read_record(content)
            check_record(file.name, record)
        except FileNotFoundError:
            return None
        except (file_format.DamagedFile, OSError) as error:
            self.warn(f"{self._directory.describe(file.name)} is damaged ({error}) and is ignored")
            return None
        return StoredFit.of(file, record)


# This process has one store for each directory and bound, so that each warning is given once and
# the size is counted once.
_BY_PATH: dict[tuple[str, int], FitStore] = {}
# temporary stores that are in use
_TEMPORARY: weakref.WeakValueDictionary[str, FitStore] = weakref.WeakValueDictionary()
_OPENING = threading.Lock()


def absolute(path: str | os.PathLike[str]) -> str:
    """Make a path absolute, so that it is valid in other processes and working directories."""
    return os.path.abspath(os.path.expanduser(path))


def _as_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise ValueError(f"path={path!r} must be the path of a directory")
    return Path(path).expanduser()


def _store_for(store: FitStore | str | os.PathLike[str] | None) -> FitStore | None:
    """Get the store of an estimator's ``store=``, which is not opened yet."""
    if isinstance(store, str | os.PathLike):
        return _store_of_path(store, MAX_BYTES)
    if store is not None and not isinstance(store, FitStore):
        raise TypeError(f"store={store!r} must be the path of a directory, a FitStore or None")
    return store


def _store_of_path(path: str | os.PathLike[str], max_bytes: int) -> FitStore:
    """Get the store of a directory. This process has one store for each directory and bound."""
    with _OPENING:
        key = absolute(path), max_bytes
        if key not in _BY_PATH:
            _BY_PATH[key] = FitStore(path, max_bytes)
        return _BY_PATH[key]


def _unpickled(path: str, max_bytes: int, is_temporary: bool) -> FitStore:
    """Get the store that was pickled in this or in another process."""
    if not is_temporary:
        return _store_of_path(path, max_bytes)
    with _OPENING:
        key = path, max_bytes
        store = _TEMPORARY.get(path) or _BY_PATH.get(key)
        if store is None:
            # the copy is kept, because a worker needs it for its next tasks
            store = _BY_PATH[key] = _copy_of_temporary(path, max_bytes)
        return store


def _copy_of_temporary(path: str, max_bytes: int) -> FitStore:
    """Open the temporary store of another process. If it is removed, no fit is stored."""
    store = FitStore(path, max_bytes)
    store._is_temporary = True
    store._directory = Directory(Path(path), make=False)
    store._room = Room(store._directory, max_bytes)
    return store


def _reason(error: Exception) -> str:
    """Describe an error without the name of the file, so that the same warning is given once."""
    return getattr(error, "strerror", None) or str(error)
