"""The owner of a trial: a mark shows other processes whether a trial is still being evaluated."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_searching: set[str] = set()  # the running searches of this process


class Owner:
    """A context in which a search evaluates trials."""

    def __init__(self) -> None:
        self._search = uuid.uuid4().hex

    def __enter__(self) -> Owner:
        _searching.add(self._search)
        return self

    def __exit__(self, *error: Any) -> None:
        _searching.discard(self._search)

    @property
    def mark(self) -> dict[str, Any]:
        """The mark that the search writes on its trials."""
        return {**_process(os.getpid()), "search": self._search}


def is_alive(mark: Mapping[str, Any]) -> bool | None:
    """Tell whether the search that wrote a mark is still running; None if this is not known.

    The state of a process on another machine is not known. A process of this machine is dead if it
    does not exist, or if the machine was restarted after the mark was written.
    """
    pid = mark.get("pid")
    if pid is None:  # the search released the trial
        return False
    here = _process(pid)
    if mark["host"] != here["host"]:
        return None
    if mark["boot"] != here["boot"] or not _exists(pid):
        return False
    if mark["started"] != here["started"]:  # another process has this process id now
        return False
    if pid == os.getpid():
        return mark["search"] in _searching
    return None if here["started"] is None else True


def _process(pid: int) -> dict[str, Any]:
    """Describe a process uniquely, also among earlier processes with the same process id."""
    boot = started = None
    with suppress(OSError, IndexError):  # Linux
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        started = None if fields[0] in "ZX" else int(fields[19])
    return {"host": socket.gethostname(), "boot": boot, "pid": pid, "started": started}


def _exists(pid: int) -> bool:
    if os.name == "nt":  # on Windows, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # the process belongs to another user
        return True
    return True
