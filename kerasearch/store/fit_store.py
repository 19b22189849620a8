"""FitStore: finished fits by key and number of epochs, bounded in bytes. Knows no Keras."""

from __future__ import annotations

import os
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import file_format
from .locations import Directory, File, Memory

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 10 * 2**30
# What was used within this time is not evicted: a running search, or one that was killed just now,
# keeps what it has. A store that is full of such fits takes no more.
PROTECTED_SECONDS = 3600.0
# how often the size of the store is counted anew, since other processes write too
_SECONDS_PER_COUNT = 30.0
_EPOCHS_DIGITS = 8


@dataclass(frozen=True)
class StoredFit:
    """What a store knows of one fit.

    Attributes
    ----------
    key : str
        Digest of everything that decides the outcome but the number of epochs.
    epochs : int
        The `epochs` asked for; early stopping may have trained fewer.
    parameters : dict of str to object
        The estimator's parameters that were not at their defaults, values other than numbers,
        text, booleans and lists of them as text.
    n_rows : int
        Rows that were trained on.
    data : str
        Digest of these rows, target and weights: equal for two fits on the same fold.
    seconds : float
        Time spent on training, all epochs together.
    history : dict of str to list
        As in ``history_`` of the estimator.
    path : {"compiled", "model.fit"}
        Which loop trained.
    divergence : str or None
        The message of the error, for a fit that diverged.
    created, used : datetime
        When it was stored, and when it was last written or read.
    n_bytes : int
        Its size.
    """

    key: str
    epochs: int
    parameters: dict[str, Any]
    n_rows: int
    data: str
    seconds: float
    history: dict[str, list[Any]]
    path: str
    divergence: str | None
    created: datetime
    used: datetime
    n_bytes: int


class FitStore:
    """Finished fits, so that none is ever trained twice.

    Hand it, or the path of a directory, to an estimator as ``store=``. Each fit with an integer
    `random_state` is then looked up before it is trained, and stored when it is done; a shorter
    fit of the same is continued. Several processes may use a directory at once.

    Parameters
    ----------
    path : str or path-like, default=None
        A directory, made at the first fit. None keeps fits in this process's memory: threads share
        them, other processes do not.
    max_bytes : int, default=10 GiB
        Bound on the size. The fits not used for longest go first; what was used within the last
        hour never does, so that a running search keeps what it has.

    Notes
    -----
    A fit is a zip of ``.npy`` arrays and a JSON text, read without pickle. It is written to a
    temporary name and renamed, so that a kill leaves a whole file or none. A damaged file is named
    in a warning, and its fit is trained and stored anew.

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

    def __init__(self, path: str | os.PathLike[str] | None = None, max_bytes: int = MAX_BYTES):
        _check_number("max_bytes", max_bytes, "a positive integer", int, above=0)
        self.path = path if path is None else _as_path(path)
        self.max_bytes = max_bytes
        self._place: Directory | Memory = (
            Memory() if self.path is None else Directory(Path(absolute(self.path)))
        )
        self._token = uuid.uuid4().hex
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._n_bytes, self._counted = 0, float("-inf")
        _IN_THIS_PROCESS[self._token] = self

    @classmethod
    def of(cls, store: Any) -> FitStore | None:
        """The store that an estimator's ``store=`` stands for; one for each path.

        Raises
        ------
        TypeError
            If it is neither a store, a path nor None.
        OSError
            If the directory cannot be made or written to.
        """
        if store is None or isinstance(store, FitStore):
            found = store
        elif isinstance(store, str | os.PathLike):
            found = _on_disk(store, MAX_BYTES)
        else:
            raise TypeError(f"store={store!r} must be the path of a directory, a FitStore or None")
        if found is not None:
            found._open()
        return found

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
            A row a fit: ``fit`` (the first digits of its key), a column ``param_...`` for each
            parameter that was not at its default, ``n_rows``, ``epochs``, ``seconds`` of training,
            the last value of each metric, ``path`` taken, ``divergence``, ``created``, ``n_bytes``.
        """
        return _frame([_row(fit) for fit in self])

    def training_history(self) -> pd.DataFrame:
        """Every epoch of every fit.

        Returns
        -------
        curves : DataFrame
            Tidy, with the columns ``candidate`` (fits with equal parameters but `epochs`), ``fold``
            (the how-manieth set of rows, in the order of first use), ``n_rows``, the parameters as
            in `frame`, ``epoch`` (from 1), ``metric`` and ``value``. Of several lengths of one fit,
            the longest.
        """
        import pandas as pd

        longest: dict[str, StoredFit] = {}
        folds: dict[str, int] = {}
        for fit in self:
            folds.setdefault(fit.data, len(folds))
            if fit.key not in longest or longest[fit.key].epochs < fit.epochs:
                longest[fit.key] = fit
        candidates: dict[str, int] = {}
        rows = []
        for fit in longest.values():
            parameters = {k: v for k, v in fit.parameters.items() if k != "epochs"}
            candidate = candidates.setdefault(repr(sorted(parameters.items())), len(candidates))
            same = {"candidate": candidate, "fold": folds[fit.data], "n_rows": fit.n_rows}
            same |= {f"param_{name}": _cell(value) for name, value in parameters.items()}
            for metric, values in fit.history.items():
                for epoch, value in enumerate(values, start=1):
                    if np.ndim(value) == 0:
                        rows.append({**same, "epoch": epoch, "metric": metric, "value": value})
        if not rows:
            columns = ["candidate", "fold", "n_rows", "epoch", "metric", "value"]
            return pd.DataFrame(columns=columns)
        frame = _frame(rows)
        last = ["epoch", "metric", "value"]
        return frame[[c for c in frame.columns if c not in last] + last]

    def prune(self, max_bytes: int | None = None, older_than: Any = None) -> int:
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
        seconds = getattr(older_than, "total_seconds", lambda: older_than)()
        if max_bytes is not None:
            _check_number("max_bytes", max_bytes, "a number of bytes", int)
        if seconds is not None:
            _check_number("older_than", seconds, "a timedelta or a number of seconds", int | float)
        files = sorted(self._files(), key=lambda file: file.used)
        n_bytes = sum(file.n_bytes for file in files)
        n_removed = 0
        for file in files:
            too_old = seconds is not None and time.time() - file.used > seconds
            if too_old or (max_bytes is not None and n_bytes > max_bytes):
                self._place.remove(file.name)
                n_bytes -= file.n_bytes
                n_removed += 1
        self._counted = float("-inf")
        return n_removed

    def clear(self) -> None:
        """Remove every fit; other files in the directory stay."""
        for file in self._files():
            self._place.remove(file.name)
        self._counted = float("-inf")

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
                with self._place.reading(file.name) as content:
                    _check(file.name, file_format.read(content)[0])
            except FileNotFoundError:  # removed meanwhile
                continue
            except file_format.DamagedFile as error:
                damaged[self._place.describe(file.name)] = str(error)
                if remove:
                    self._place.remove(file.name)
        return damaged

    def __repr__(self) -> str:
        arguments = [] if self.path is None else [repr(str(self.path))]
        if self.max_bytes != MAX_BYTES:
            arguments.append(f"max_bytes={self.max_bytes}")
        return f"FitStore({', '.join(arguments)})"

    # --------------------------------------------------------------- for the engine

    def lengths(self, key: str) -> list[int]:
        """The numbers of epochs that there are of a fit, the longest first."""
        try:
            parsed = [_parse(file.name) for file in self._place.named(f"{key}-")]
        except OSError as error:
            self.warn(f"{self!r} cannot be read ({_reason(error)}); fits are trained again")
            return []
        return sorted((one[1] for one in parsed if one is not None), reverse=True)

    def load(self, key: str, epochs: int) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Read a fit: its record and its arrays; None, with a warning, where it is damaged."""
        name = _name(key, epochs)
        try:
            with self._place.reading(name) as content:
                record, arrays = file_format.read(content)
            _check(name, record)
        except FileNotFoundError:  # evicted by another process
            return None
        except (file_format.DamagedFile, OSError) as error:
            self.warn(
                f"{self._place.describe(name)} is damaged ({error}); the fit is trained again and "
                "the file replaced"
            )
            return None
        self._place.touch(name)
        return record, arrays

    def save(
        self, key: str, epochs: int, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Store a fit, or warn once and go on where that is impossible."""
        name = _name(key, epochs)
        record = {"key": key, "epochs": epochs, "created": time.time(), **record}
        try:
            n_bytes = file_format.size(record, arrays)
            if n_bytes > self.max_bytes:
                self.warn(f"fits larger than max_bytes={self.max_bytes} are not stored in {self!r}")
                return
            if not self._make_room(n_bytes):
                self.warn(
                    f"{self!r} is full of fits used within the last hour "
                    f"(max_bytes={self.max_bytes}); what is trained from here on is not stored"
                )
                return
            size = self._place.write(name, lambda file: file_format.write(file, record, arrays))
        except (OSError, TypeError, ValueError) as error:  # no room; or no number in a history
            self.warn(
                f"{self!r} cannot be written ({_reason(error)}); fits are trained and not stored"
            )
            return
        with self._lock:
            self._n_bytes += size

    def discard(self, key: str, epochs: int, checkpoint: str | None = None) -> None:
        """Remove a fit, which need not be there; of several writers', only this checkpoint."""
        name = _name(key, epochs)
        try:
            if checkpoint is not None:
                with self._place.reading(name) as content:
                    if file_format.read_record(content).get("checkpoint") != checkpoint:
                        return
            self._place.remove(name)
        except (FileNotFoundError, file_format.DamagedFile):
            return
        except OSError as error:
            self.warn(f"{self!r} cannot be changed ({_reason(error)})")

    def warn(self, message: str) -> None:
        """Warn of the same once."""
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, UserWarning, stacklevel=3)

    # ---------------------------------------------------------- scikit-learn's copies

    def __copy__(self) -> FitStore:
        return self

    def __deepcopy__(self, memo: Any) -> FitStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is not None:
            return _on_disk, (absolute(self.path), self.max_bytes)
        self.warn(
            "FitStore() lives in the memory of one process, and is pickled: another process begins "
            "with an empty one. Give it a path to share it with processes (n_jobs)"
        )
        return _in_this_process, (self._token, self.max_bytes)

    # ----------------------------------------------------------------------- inside

    def _open(self) -> None:
        if isinstance(self._place, Directory):
            try:
                self._place.open()
            except OSError as error:
                reason = error.strerror or str(error)
                message = f"store={str(self.path)!r} cannot be used as a directory: {reason}"
                raise OSError(error.errno, message) from error

    def _files(self) -> Iterator[File]:
        return (file for file in self._place.files() if _parse(file.name))

    def _describe(self, file: File) -> StoredFit | None:
        try:
            with self._place.reading(file.name) as content:
                record = file_format.read_record(content)
            _check(file.name, record)
        except FileNotFoundError:
            return None
        except (file_format.DamagedFile, OSError) as error:
            self.warn(f"{self._place.describe(file.name)} is damaged ({error}) and left out")
            return None
        divergence = record["divergence"]
        return StoredFit(
            **{name: record[name] for name in ("key", "epochs", "parameters", "n_rows", "data")},
            **{name: record[name] for name in ("seconds", "history", "path")},
            divergence=divergence and divergence["message"],
            created=_time(record["created"]),
            used=_time(file.used),
            n_bytes=file.n_bytes,
        )

    def _make_room(self, n_bytes: int) -> bool:
        """Evict until `n_bytes` more have room; tell whether they have."""
        with self._lock:
            if self._n_bytes + n_bytes <= self.max_bytes and not self._is_count_old():
                return True
            files = sorted(self._files(), key=lambda file: file.used)
            self._n_bytes = sum(file.n_bytes for file in files)
            self._counted = time.monotonic()
            for file in files:
                if self._n_bytes + n_bytes <= self.max_bytes:
                    break
                if time.time() - file.used < PROTECTED_SECONDS:
                    break
                self._place.remove(file.name)
                self._n_bytes -= file.n_bytes
            return self._n_bytes + n_bytes <= self.max_bytes

    def _is_count_old(self) -> bool:
        return time.monotonic() - self._counted > _SECONDS_PER_COUNT


_IN_THIS_PROCESS: weakref.WeakValueDictionary[str, FitStore] = weakref.WeakValueDictionary()
_BY_PATH: dict[tuple[str, int], FitStore] = {}
_OPENING = threading.Lock()


def absolute(path: str | os.PathLike[str]) -> str:
    """The directory that a path means here and now, for other processes and places."""
    return os.path.abspath(os.path.expanduser(path))


def _as_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise ValueError(f"path={path!r} must be the path of a directory")
    return Path(path).expanduser()


def _check_number(name: str, value: Any, what: str, kind: Any, above: int = -1) -> None:
    if isinstance(value, bool) or not isinstance(value, kind) or not value > above:
        raise ValueError(f"{name}={value!r} must be {what}")


def _on_disk(path: str | os.PathLike[str], max_bytes: int) -> FitStore:
    """The store of a directory: one in this process for each bound."""
    with _OPENING:
        place = absolute(path), max_bytes
        if place not in _BY_PATH:
            _BY_PATH[place] = FitStore(path, max_bytes)
        return _BY_PATH[place]


def _in_this_process(token: str, max_bytes: int) -> FitStore:
    """The store in memory that was pickled here; in another process, one for all its copies."""
    with _OPENING:
        store = _IN_THIS_PROCESS.get(token)
        if store is None:
            store = FitStore(max_bytes=max_bytes)
            store._token = token
            _IN_THIS_PROCESS[token] = store
            _KEPT.append(store)
        return store


_KEPT: list[FitStore] = []  # a worker's copies live from task to task


def _name(key: str, epochs: int) -> str:
    return f"{key}-{epochs:0{_EPOCHS_DIGITS}d}"


def _parse(name: str) -> tuple[str, int] | None:
    key, dash, epochs = name.partition("-")
    is_ours = dash and epochs.isdecimal() and all(c in "0123456789abcdef" for c in key)
    return (key, int(epochs)) if is_ours else None


# what every reader of a record relies on
_FIELDS: dict[str, Any] = {
    **{"key": str, "epochs": int, "created": float, "parameters": dict, "n_rows": int},
    **{"data": str, "seconds": float, "history": dict, "path": str, "finished": bool},
    "divergence": dict | None,
}
_LAST_TIME = datetime.max.replace(tzinfo=UTC).timestamp()
_DIVERGENCE: dict[str, Any] = {"message": str, "epoch": int, "at_once": bool}


def _check(name: str, record: Mapping[str, Any]) -> None:
    _check_fields(record, _FIELDS)
    if record["divergence"] is not None:
        _check_fields(record["divergence"], _DIVERGENCE)
    _check_fields(record["history"], dict.fromkeys(record["history"], list))
    if not 0 <= record["created"] < _LAST_TIME:
        raise file_format.DamagedFile(f"it was created at {record['created']}")
    if _parse(name) != (record.get("key"), record.get("epochs")):
        raise file_format.DamagedFile("it holds another fit than its name says")


def _check_fields(record: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    missing = sorted(fields.keys() - record.keys())
    if missing:
        raise file_format.DamagedFile(f"it has no {', '.join(missing)}")
    for name, kind in fields.items():
        if not isinstance(record[name], int | float if kind is float else kind):
            raise file_format.DamagedFile(f"its {name} is a {type(record[name]).__name__}")


def _reason(error: Exception) -> str:
    """What went wrong without the file's name, each of which would be a warning of its own."""
    return getattr(error, "strerror", None) or str(error)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _row(fit: StoredFit) -> dict[str, Any]:
    last = {
        name: values[-1]
        for name, values in fit.history.items()
        if values and not np.ndim(values[-1])
    }
    return {
        "fit": fit.key[:8],
        **{f"param_{name}": _cell(value) for name, value in fit.parameters.items()},
        "n_rows": fit.n_rows,
        "epochs": fit.epochs,
        "seconds": fit.seconds,
        **last,
        "path": fit.path,
        "divergence": fit.divergence,
        "created": fit.created,
        "n_bytes": fit.n_bytes,
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a table in which whole numbers stay whole where some are missing."""
    import pandas as pd

    columns = {name: None for row in rows for name in row}
    table: dict[str, Any] = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        some_missing = len(kinds) == 1 and any(value is None for value in values)
        dtype = {int: "Int64", bool: "boolean"}.get(next(iter(kinds))) if some_missing else None
        table[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(table)


def _cell(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
