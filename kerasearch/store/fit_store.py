"""FitStore: finished fits by key and number of epochs, bounded in bytes. Knows no Keras."""

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
    """Finished fits, so that none is ever trained twice.

    Hand it, or the path of a directory, to an estimator as ``store=``. Each fit with an integer
    `random_state` is then looked up before it is trained, and stored when it is done; a shorter
    fit of the same is continued. Several processes may use a directory at once: one that comes to
    a fit which another one is training waits for it.

    Parameters
    ----------
    path : str or path-like, default=None
        A directory, made at the first fit. None makes a temporary one, which threads and processes
        of this machine share, as in a search with ``n_jobs``. It is removed when this object is
        gone, and at the latest at the end of the process that made it.
    max_bytes : int, default=10 GiB
        Bound on the size. The fits not used for longest go first; what was used within the last
        hour never does, so that a running search keeps what it has.

    Attributes
    ----------
    path : Path
        The directory.

    Notes
    -----
    A store is pickled as its path. A temporary one that is unpickled after its directory was
    removed, or on another machine, stores nothing, with a warning. Where the process that made a
    temporary directory is killed, the directory stays in the folder of temporary files (see
    `tempfile.gettempdir`), and may be removed by hand.

    The clocks of machines that share a store may differ: ages go by the file system's own clock.

    A fit is a zip of ``.npy`` arrays and a JSON text, read without pickle. It is written to a
    temporary name and renamed, so that a kill leaves a whole file or none. A damaged file is named
    in a warning, and its fit is trained and stored anew.

    The last bit of a fit depends on the kind of processor and, for convolutions, on TensorFlow's
    number of threads (about 1e-8 of a weight). Neither makes another fit, so that machines can
    share a store: what is read has the bits of the machine that trained it.

    What the code of a model, a loss or a callback reads counts as far as its names lead: globals,
    closures, defaults, attributes, modules of the user's, and one attribute deep the modules of
    libraries. Code that reads a clock, the environment, the system or a file keeps its fit out of
    the store. Outside these bounds lies what a library's own functions read in turn (a setting
    made by a call such as ``numpy.seterr``), what lies deeper in a library's modules, and modules
    that code reaches other than by a name of its own, as by an attribute of an object.

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
            self._directory.open()  # other processes must not make it
            _TEMPORARY[str(self.path)] = self

    @classmethod
    def of(cls, store: FitStore | str | os.PathLike[str] | None) -> FitStore | None:
        """The store that an estimator's ``store=`` stands for; one for each path.

        Raises
        ------
        TypeError
            If it is neither a store, a path nor None.
        OSError
            If the directory can be neither read nor made. One that is there need not be writable.
        """
        opened = _store_for(store)
        if opened is not None:
            with opened._names_itself():
                opened._directory.open()
            opened._warn_if_gone()
        return opened

    @classmethod
    def check(cls, store: FitStore | str | os.PathLike[str] | None) -> None:
        """Raise, as `of` does, for a ``store=`` that can never be one; nothing is made."""
        opened = _store_for(store)
        if opened is not None:
            with opened._names_itself():
                opened._directory.check()

    # -------------------------------------------------------------- for its readers

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def __iter__(self) -> Iterator[StoredFit]:
        """Each fit, the oldest first."""
        fits = [fit for file in self._files() if (fit := self._describe(file)) is not None]
        return iter(sorted(fits, key=lambda fit: (fit.created, fit.key, fit.epochs)))

    def __bool__(self) -> bool:
        return True  # an empty store is a store

    def frame(self) -> pd.DataFrame:
        """Tabulate the fits, the oldest first.

        Returns
        -------
        frame : DataFrame
            A row a fit: ``fit`` (its short name, which ``{fit}`` in a callback's path becomes), a
            column ``param_...`` for each parameter that was not at its default, ``n_rows``,
            ``epochs``, ``seconds`` of training, the last value of each metric, ``path`` taken,
            ``divergence``, ``created``, ``n_bytes``.
        """
        return tables.fits_table(self)

    def training_history(self) -> pd.DataFrame:
        """Every epoch of every fit.

        Returns
        -------
        curves : DataFrame
            Tidy, with the columns ``candidate`` (fits with equal parameters but `epochs`), ``fold``
            (a number for each set of rows, in the order of first use), ``n_rows``, the parameters
            as in `frame`, here with their defaults where fits have these, ``epoch`` (from 1),
            ``metric`` and ``value``. Of several lengths of one fit, the longest.
        """
        return tables.epochs_table(self)

    def prune(
        self, max_bytes: int | None = None, older_than: timedelta | float | None = None
    ) -> int:
        """Remove fits, those not used for longest first.

        Parameters
        ----------
        max_bytes : int, default=None
            Remove until the store is no larger.
        older_than : timedelta, or float in seconds, default=None
            Remove what was not used for longer than this.

        Returns
        -------
        n_removed : int
            How many were removed.

        Raises
        ------
        ValueError
            If neither is given, or one is negative or no number.
        """
        if max_bytes is None and older_than is None:
            raise ValueError("prune wants max_bytes, older_than or both")
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
        """Remove every fit; other files in the directory stay."""
        for file in self._files():
            self._directory.remove(file.name)
        self._room.count_anew()

    def verify(self, remove: bool = False) -> dict[str, str]:
        """Read every fit in full.

        Parameters
        ----------
        remove : bool, default=False
            Whether to remove what is damaged.

        Returns
        -------
        damaged : dict of str to str
            What is wrong, by file; empty if all is well.
        """
        damaged = {}
        for file in self._files():
            try:
                with self._directory.reading(file.name) as content:
                    check_record(file.name, file_format.read(content)[0])
            except FileNotFoundError:  # removed meanwhile
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

    # --------------------------------------------------------------- for the engine

    def lengths(self, key: str) -> list[int]:
        """The numbers of epochs that there are of a fit, the longest first."""
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
            Which.
        wanted : callable, default=always
            Told the record, it says whether the fit is to be read: its ``arrays`` lists the dtype
            and the shape of each array, before any memory is taken for them.

        Returns
        -------
        fit : tuple or None
            None where it is not wanted, or was removed; with a warning, where it is damaged.
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
                "and the file replaced"
            )
            return None
        if arrays is None:
            return None
        self._directory.touch(name)
        return record, arrays

    def save(
        self, key: str, epochs: int, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Store a fit, or warn once and go on where that is impossible."""
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
                    f"(max_bytes={self.max_bytes}); what is trained from here on is not stored"
                )
                return
            size = self._directory.write(name, lambda file: file_format.write(file, record, arrays))
            self._room.add(size)
        except (OSError, TypeError, ValueError) as error:  # no room; or no number in a history
            self.warn(
                f"{self!r} cannot be written ({_reason(error)}); fits are trained and not stored"
            )
            return

    def claimed(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold the claim on a fit while it is trained; threads and processes wait for each other.

        A process that dies gives its claim back. Where the file system has no locks there are no
        claims, and a fit may be trained twice, which is harmless.
        """
        return self._directory.claimed(key)

    def discard(self, key: str, epochs: int, checkpoint: str | None = None) -> None:
        """Remove a fit, which need not be there; of several writers', this checkpoint alone."""
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
        """Warn of the same once."""
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

    # ----------------------------------------------------------------------- inside

    @contextlib.contextmanager
    def _names_itself(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"store={str(self.path)!r} cannot be used as a directory: {reason}"
            raise OSError(error.errno, message) from error

    def _warn_if_gone(self) -> bool:
        """Warn where this is a temporary store without its directory; tell whether it is."""
        if self._directory.is_gone:
            self.warn(
                f"the temporary directory of {self!r} was made on another machine, or was removed: "
                "fits are trained from their beginning and not stored. With store= and the path of "
                "a directory that all machines share, they are"
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
            self.warn(f"{self._directory.describe(file.name)} is damaged ({error}) and left out")
            return None
        return StoredFit.of(file, record)


# one store in this process for each directory and bound: its warnings and its count are one
_BY_PATH: dict[tuple[str, int], FitStore] = {}
# temporary stores, as long as somebody uses them
_TEMPORARY: weakref.WeakValueDictionary[str, FitStore] = weakref.WeakValueDictionary()
_OPENING = threading.Lock()


def absolute(path: str | os.PathLike[str]) -> str:
    """The directory that a path means here and now, for other processes and places."""
    return os.path.abspath(os.path.expanduser(path))


def _as_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise ValueError(f"path={path!r} must be the path of a directory")
    return Path(path).expanduser()


def _store_for(store: FitStore | str | os.PathLike[str] | None) -> FitStore | None:
    """The store that an estimator's ``store=`` stands for, not opened yet."""
    if isinstance(store, str | os.PathLike):
        return _store_of_path(store, MAX_BYTES)
    if store is not None and not isinstance(store, FitStore):
        raise TypeError(f"store={store!r} must be the path of a directory, a FitStore or None")
    return store


def _store_of_path(path: str | os.PathLike[str], max_bytes: int) -> FitStore:
    """The store of a directory: one in this process for each bound."""
    with _OPENING:
        key = absolute(path), max_bytes
        if key not in _BY_PATH:
            _BY_PATH[key] = FitStore(path, max_bytes)
        return _BY_PATH[key]


def _unpickled(path: str, max_bytes: int, is_temporary: bool) -> FitStore:
    """The store that was pickled, in the process that made it or in another one."""
    if not is_temporary:
        return _store_of_path(path, max_bytes)
    with _OPENING:
        key = path, max_bytes
        store = _TEMPORARY.get(path) or _BY_PATH.get(key)
        if store is None:
            # kept: a worker's copies live from task to task
            store = _BY_PATH[key] = _copy_of_temporary(path, max_bytes)
        return store


def _copy_of_temporary(path: str, max_bytes: int) -> FitStore:
    """The temporary store of another process; where that is gone, nothing is stored."""
    store = FitStore(path, max_bytes)
    store._is_temporary = True
    store._directory = Directory(Path(path), make=False)
    store._room = Room(store._directory, max_bytes)
    return store


def _reason(error: Exception) -> str:
    """What went wrong without the file's name, each of which would be a warning of its own."""
    return getattr(error, "strerror", None) or str(error)
