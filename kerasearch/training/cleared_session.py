"""What a thread needs of Keras' state, kept when somebody calls ``keras.utils.clear_session``.

That function gives every thread a new, empty state. It makes it by ``threading.local``, where
`threading` is a name in its own module, and something else can be put there for a time.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from typing import Any

# Keras has no public way to be told of `clear_session`. Checked for Keras 3.10 to 3.15.
from keras.src.backend.common import global_state


@contextlib.contextmanager
def kept_when_cleared(state: Mapping[str, Any] | None = None) -> Iterator[ClearingWatch]:
    """Keep Keras' state of this thread when another thread clears it, and `state` in any case.

    Parameters
    ----------
    state : mapping, default=None
        Attributes of Keras' state of this thread that a call in this thread must not clear either.

    Yields
    ------
    watch : ClearingWatch
        Tells whether this thread has cleared it.
    """
    thread = threading.get_ident()
    with _LOCK:
        if not _KEPT:
            global_state.threading = _STAND_IN
        kept = _KEPT.setdefault(thread, _KeptState())
    watch = ClearingWatch(kept, dict(state or {}))
    kept.values = vars(global_state.GLOBAL_STATE_TRACKER)
    kept.watches.append(watch)
    try:
        yield watch
    finally:
        with _LOCK:
            kept.watches.remove(watch)
            if not kept.watches:
                del _KEPT[thread]
            if not _KEPT:
                global_state.threading = threading


class ClearingWatch:
    """Tells what became of Keras' state of one thread.

    Attributes
    ----------
    cleared_here : bool
        Whether this thread called `clear_session`. Others' calls do not touch its state.
    state : dict
        What a call in this thread must not clear.
    """

    def __init__(self, kept: _KeptState, state: dict[str, Any]) -> None:
        self.cleared_here = False
        self.state = state
        self._kept = kept

    def is_lost(self) -> bool:
        """Tell whether the state was cleared all the same.

        That happens if another thread's call had begun when the watch did.
        """
        return vars(global_state.GLOBAL_STATE_TRACKER) is not self._kept.values


class _KeptState:
    """Keras' state of one thread, and the watches over it, the innermost last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}  # Keras goes on writing into it
        self.watches: list[ClearingWatch] = []

    def clear(self) -> None:
        for watch in self.watches:
            watch.cleared_here = True
        self.values = {name: v for watch in self.watches for name, v in watch.state.items()}

    def begin(self, state: dict[str, Any]) -> None:
        """Go on in a new state."""
        state.update(self.values)
        self.values = state


class _Threading:
    """Stands in for the module `threading` in Keras' module."""

    def local(self) -> threading.local:
        """Make what Keras asks for: its state, or its settings, which nobody looks after."""
        asks = sys._getframe(1)
        if _global_set_after(asks.f_code, asks.f_lasti) != "GLOBAL_STATE_TRACKER":
            return threading.local()
        own = _KEPT.get(threading.get_ident())
        if own is not None:
            own.clear()
        return _Tracker()


@functools.cache
def _global_set_after(code: types.CodeType, position: int) -> str | None:
    """The first global that code sets after a position in its bytecode."""
    later = (each for each in dis.get_instructions(code) if each.offset > position)
    return next((each.argval for each in later if each.opname == "STORE_GLOBAL"), None)


class _Tracker(threading.local):
    """Keras' state, which begins with something in the threads that are looked after.

    Python calls the constructor in each thread that uses the object.
    """

    def __init__(self) -> None:
        own = _KEPT.get(threading.get_ident())
        if own is not None:
            own.begin(vars(self))


_LOCK = threading.Lock()
_KEPT: dict[int, _KeptState] = {}  # by thread
_STAND_IN: Any = _Threading()
