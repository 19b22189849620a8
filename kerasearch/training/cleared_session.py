"""Protection of Keras' thread-local state against ``keras.utils.clear_session``.

This function gives every thread a new, empty state, which it makes with ``threading.local``. The
name `threading` in Keras' module can be replaced temporarily, so that the new state is not empty.
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

# Keras has no public notification of `clear_session`. Checked with Keras 3.10 to 3.15.
from keras.src.backend.common import global_state


@contextlib.contextmanager
def kept_when_cleared(state: Mapping[str, Any] | None = None) -> Iterator[ClearingWatch]:
    """Keep Keras' state of this thread if another thread clears it, and always keep `state`.

    Parameters
    ----------
    state : mapping, default=None
        Attributes of Keras' state that are kept even if this thread clears the state.

    Yields
    ------
    watch : ClearingWatch
        An object that tells whether this thread has cleared the state.
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
    """A watch over Keras' state of one thread.

    Attributes
    ----------
    cleared_here : bool
        Whether this thread called `clear_session`. Calls of other threads do not change its state.
    state : dict
        The attributes that are kept even if this thread clears the state.
    """

    def __init__(self, kept: _KeptState, state: dict[str, Any]) -> None:
        self.cleared_here = False
        self.state = state
        self._kept = kept

    def is_lost(self) -> bool:
        """Tell whether the state was cleared in spite of the watch.

        This happens if a call of another thread had begun before the watch.
        """
        return vars(global_state.GLOBAL_STATE_TRACKER) is not self._kept.values


class _KeptState:
    """Keras' state of one thread, and its watches; the innermost watch is last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}  # Keras writes into this dict
        self.watches: list[ClearingWatch] = []

    def clear(self) -> None:
        for watch in self.watches:
            watch.cleared_here = True
        self.values = {name: v for watch in self.watches for name, v in watch.state.items()}

    def begin(self, state: dict[str, Any]) -> None:
        """Copy the kept values to a new state."""
        state.update(self.values)
        self.values = state


class _Threading:
    """A replacement of the module `threading` in Keras' module."""

    def local(self) -> threading.local:
        """Make a new thread-local object: Keras' state, or its settings, which are not kept."""
        asks = sys._getframe(1)
        if _global_set_after(asks.f_code, asks.f_lasti) != "GLOBAL_STATE_TRACKER":
            return threading.local()
        own = _KEPT.get(threading.get_ident())
        if own is not None:
            own.clear()
        return _Tracker()


@functools.cache
def _global_set_after(code: types.CodeType, position: int) -> str | None:
    """Get the name of the first global that code sets after a position in its bytecode."""
    later = (each for each in dis.get_instructions(code) if each.offset > position)
    return next((each.argval for each in later if each.opname == "STORE_GLOBAL"), None)


class _Tracker(threading.local):
    """Keras' state, which starts with the kept values in threads that have a watch.

    Python calls the constructor in each thread that uses the object.
    """

    def __init__(self) -> None:
        own = _KEPT.get(threading.get_ident())
        if own is not None:
            own.begin(vars(self))


_LOCK = threading.Lock()
_KEPT: dict[int, _KeptState] = {}  # by thread
_STAND_IN: Any = _Threading()
