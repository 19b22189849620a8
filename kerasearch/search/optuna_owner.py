"""Whose a trial is: a mark by which other processes see whether it is still being evaluated."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_searching: set[str] = set()  # the searches of this process that go on


class Owner:
    """A search that evaluates trials, from ``with`` to its end."""

    def __init__(self) -> None:
        self._search = uuid.uuid4().hex

    def __enter__(self) -> Owner:
        _searching.add(self._search)
        return self

    def __exit__(self, *error: Any) -> None:
        _searching.discard(self._search)

    @property
    def mark(self) -> dict[str, Any]:
        """What to write on a trial."""
        return {**_process(os.getpid()), "search": self._search}


def is_alive(mark: Mapping[str, Any]) -> bool | None:
    """Tell whether the search that left a mark goes on; None where this cannot be known from here.

    On another machine anything may be; a process that was there before this machine started, or
    that is not there any more, is dead.
    """
    pid = mark.get("pid")
    if pid is None:  # given back
        return False
    here = _process(pid)
    if mark["host"] != here["host"]:
        return None
    if mark["boot"] != here["boot"] or not _exists(pid):
        return False
    if mark["started"] != here["started"]:  # its number is another process's now
        return False
    if pid == os.getpid():
        return mark["search"] in _searching
    return None if here["started"] is None else True


def _process(pid: int) -> dict[str, Any]:
    """Tell a process from all others, those that had its number before included."""
    boot = started = None
    with suppress(OSError, IndexError):  # Linux
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        started = None if fields[0] in "ZX" else int(fields[19])
    return {"host": socket.gethostname(), "boot": boot, "pid": pid, "started": started}


def _exists(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
