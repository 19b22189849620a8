"""What a build needs of Keras' state, kept when somebody calls ``keras.utils.clear_session``.

That function gives every thread a new, empty state. It makes it by ``threading.local``, where
`threading` is a name in its own module, and a build can put something else there for its time.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

# Keras has no public way to be told of `clear_session`. Checked for Keras 3.10 to 3.15.
from keras.src.backend.common import global_state


class Clearings:
    """Whether `clear_session` was called.

    Attributes
    ----------
    by_builder : bool
        In the thread of the build. Other threads' calls do not touch the build.
    """

    def __init__(self) -> None:
        self.by_builder = False


@contextlib.contextmanager
def kept_when_cleared(state: Mapping[str, Any]) -> Iterator[Clearings]:
    """Keep Keras' state of this thread when another thread clears it, and `state` in any case.

    Parameters
    ----------
    state : mapping
        Attributes of Keras' state of this thread that a call in this thread must not clear either.

    Yields
    ------
    clearings : Clearings
        Who has called it.
    """
    clearings = Clearings()
    stand_in: Any = _Threading(state, clearings)
    before = global_state.threading
    global_state.threading = stand_in
    try:
        yield clearings
    finally:
        global_state.threading = before
        stand_in.is_active = False


class _Threading:
    """Stands in for the module `threading` in Keras' module."""

    def __init__(self, state: Mapping[str, Any], clearings: Clearings) -> None:
        self.is_active = True
        self._thread = threading.get_ident()
        self._state = dict(state)
        self._clearings = clearings
        # of this thread; Keras goes on writing into it
        self._all: dict[str, Any] = vars(global_state.GLOBAL_STATE_TRACKER)
        self._halfway: set[int] = set()

    def local(self) -> threading.local:
        """Make what Keras asks for: first the state, then, by a second call, its settings."""
        caller = threading.get_ident()
        if caller in self._halfway:
            self._halfway.remove(caller)
            return threading.local()
        self._halfway.add(caller)
        if caller == self._thread:
            self._clearings.by_builder = True
            self._all = self._state
        return _Tracker(self)

    def begin(self, state: dict[str, Any]) -> None:
        """Fill a new state of this thread, if this is the thread of the build, which goes on."""
        if self.is_active and threading.get_ident() == self._thread:
            state.update(self._all)
            self._all = state


class _Tracker(threading.local):
    """Keras' state, which begins with something in the thread of a build.

    Python calls the constructor in each thread that uses the object.
    """

    def __init__(self, stand_in: _Threading) -> None:
        stand_in.begin(vars(self))
