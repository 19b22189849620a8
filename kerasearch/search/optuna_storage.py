"""The storage of studies: memory, a database, or a journal file, which stays valid after a kill."""

from __future__ import annotations

import os
import re
import time
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from .optuna_import import import_optuna

try:
    import fcntl
except ImportError:  # Windows: Optuna's lock is used, which stays for 30 seconds after a kill
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from optuna.study import Study

_CHUNK = 1 << 16

# The number of attempts to open a database. A new database needs four things: the tables, two
# version marks and the study. Another process may create each of them first.
_ATTEMPTS = 5


def create_study(storage: Any, name: str) -> Study:
    """Create a study, or load the study with this name from a storage."""
    optuna = import_optuna()
    if storage is None:
        return optuna.create_study(direction="maximize")
    attempts_left = _ATTEMPTS
    while True:
        attempts_left -= 1
        try:
            return optuna.create_study(
                storage=_opened(storage), study_name=name, load_if_exists=True, direction="maximize"
            )
        except Exception as error:
            if attempts_left and _is_race(error):
                time.sleep(0.5)  # another process is creating the same tables
                continue
            first = masked(str(error).partition("\n")[0], storage)
            shown = masked(repr(storage), storage)
            # SQLAlchemy's message may contain the URL as well
            cause = error if masked(str(error), storage) == str(error) else None
            raise ValueError(
                f"storage={shown} could not be opened: {first}. It is a URL such as "
                "'sqlite:///search.db', or the path of a journal file"
            ) from cause


def masked(text: str, storage: Any) -> str:
    """Replace the passwords of a storage's URL by ``***`` in `text`.

    Examples
    --------
    >>> from kerasearch.search.optuna_storage import masked
    >>> url = "postgresql://me:secret@host/db?sslpassword=other"
    >>> masked(f"{url} was refused", url)
    'postgresql://me:***@host/db?sslpassword=*** was refused'
    """
    if not isinstance(storage, str):
        return text
    for password in _passwords(storage):
        for spelling in {password, unquote(password), quote(password, safe="")}:
            # The match includes the neighboring characters. Otherwise a short password would also
            # match parts of other words.
            text = re.sub(f"(?<=[:=]){re.escape(spelling)}(?=$|[@&\\s'\")])", "***", text)
    return text


def _passwords(url: str) -> list[str]:
    """Find the passwords of a URL: before the host, and in the settings at its end."""
    _, separator, rest = url.partition("://")
    if not separator:
        return []
    place, _, settings = rest.partition("?")
    user, _, password = place.rpartition("@")[0].partition(":")
    found = [] if user.startswith("/") else [password]  # a path may have both signs as well
    pairs = (setting.partition("=") for setting in settings.split("&"))
    found += [value for name, _, value in pairs if "passw" in name.lower()]
    return [one for one in found if one]


def _is_race(error: BaseException | None) -> bool:
    """Tell whether an error is a failed statement in a database, and not a failed connection.

    The first statements can fail only if another process has created the same tables, or has locked
    them. The class and the text of this error depend on the database. An error without a
    connection has no statement. Checked with SQLAlchemy 2.0 to 2.1.
    """
    from sqlalchemy.exc import DBAPIError  # Optuna depends on SQLAlchemy

    if isinstance(error, DBAPIError):
        return error.statement is not None
    return error is not None and _is_race(error.__cause__)


def _opened(storage: Any) -> Any:
    if not isinstance(storage, str | PathLike):
        return storage
    path = fspath(storage)
    if "://" in path:
        return path
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(path, lock_obj=_journal_lock(path)))


def _journal_lock(path: str) -> Any:
    """Make a lock that the kernel releases if the process is killed; None if it is not possible."""
    if fcntl is None:
        return None
    try:
        with open(path, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return None
    return _JournalLock(path)


class _JournalLock:
    """Lock the journal file, and remove an incomplete last line.

    Optuna's own locks are files, which remain after a kill. A kill or a full disk can also leave an
    incomplete line. It would make the next line, and thus the study, unreadable. The lock is for
    `optuna.storages.journal.JournalFileBackend`. Checked with Optuna 4.0 and 5.0.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: Any = None

    def acquire(self) -> bool:
        """Wait until no other process writes, and lock the file."""
        file = open(self._path, "r+b")  # noqa: SIM115 - closing the file releases the lock
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            _cut_off_half_a_line(file)
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock."""
        file, self._file = self._file, None
        file.close()


def _cut_off_half_a_line(file: Any) -> None:
    """Truncate a file after its last complete line."""
    end = size = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _CHUNK)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < size:
        file.truncate(end)
