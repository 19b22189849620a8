"""Where studies are kept: in memory, in a database, or in a journal file that survives kills."""

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
except ImportError:  # Windows: Optuna's own lock, which a killed process may hold for 30 seconds
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from optuna.study import Study

_CHUNK = 1 << 16

# How often a database is opened. Another process may come first with each of four things that a new
# database needs: the tables, two marks of versions, and the study.
_ATTEMPTS = 5


def create_study(storage: Any, name: str) -> Study:
    """Make a study, or load the one of that name from a storage."""
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
                time.sleep(0.5)  # another process is making the same tables
                continue
            first = masked(str(error).partition("\n")[0], storage)
            shown = masked(repr(storage), storage)
            # what SQLAlchemy says may hold the URL as well
            cause = error if masked(str(error), storage) == str(error) else None
            raise ValueError(
                f"storage={shown} could not be opened: {first}. It is a URL such as "
                "'sqlite:///search.db', or the path of a journal file"
            ) from cause


def masked(text: str, storage: Any) -> str:
    """Write ``***`` for the passwords of a storage's URL, wherever `text` has them.

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
            # with what is around it, or a short one would be found in other words
            text = re.sub(f"(?<=[:=]){re.escape(spelling)}(?=$|[@&\\s'\")])", "***", text)
    return text


def _passwords(url: str) -> list[str]:
    """Find the passwords of a URL: before the host, and among the settings at its end."""
    _, separator, rest = url.partition("://")
    if not separator:
        return []
    place, _, settings = rest.partition("?")
    user, _, password = place.rpartition("@")[0].partition(":")
    found = [] if user.startswith("/") else [password]  # a path may have both signs too
    pairs = (setting.partition("=") for setting in settings.split("&"))
    found += [value for name, _, value in pairs if "passw" in name.lower()]
    return [one for one in found if one]


def _is_race(error: BaseException | None) -> bool:
    """Tell whether a statement failed in a database that was reached.

    Nothing else can be wrong with the first statements but that another process has made the same
    tables meanwhile, or locks them. Which class that is, and what it says, differs from one
    database to another; without a connection there is no statement. Checked with SQLAlchemy 2.0 to
    2.1.
    """
    from sqlalchemy.exc import DBAPIError  # Optuna has it

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
    """Make a lock that the kernel takes back from a killed process, where there can be one."""
    if fcntl is None:
        return None
    try:
        with open(path, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return None
    return _JournalLock(path)


class _JournalLock:
    """Lock a journal itself, and cut off a line that its writer could not finish.

    Optuna's own locks are files, which a killed process leaves behind; and a half line, from a kill
    or a full disk, would make the next line, and with it the study, unreadable. For
    `optuna.storages.journal.JournalFileBackend`, checked with Optuna 4.0 and 5.0.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: Any = None

    def acquire(self) -> bool:
        """Wait until nobody else writes."""
        file = open(self._path, "r+b")  # noqa: SIM115 - closing it gives the lock back
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            _cut_off_half_a_line(file)
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Let others write."""
        file, self._file = self._file, None
        file.close()


def _cut_off_half_a_line(file: Any) -> None:
    """Shorten a file to its last whole line."""
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
