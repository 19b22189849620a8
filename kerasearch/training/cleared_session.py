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


@contextlib.contextmanager
def kept_when_cleared(state: Mapping[str, Any]) -> Iterator[ClearingWatch]:
    """Keep Keras' state of this thread when another thread clears it, and `state` in any case.

    Parameters
    ----------
    state : mapping
        Attributes of Keras' state of this thread that a call in this thread must not clear either.

    Yields
    ------
    watch : ClearingWatch
        Tells whether this thread has cleared it.
    """
    watch: Any = ClearingWatch(state)
    before = global_state.threading
    global_state.threading = watch
    try:
        yield watch
    finally:
        global_state.threading = before
        watch.is_active = False


class ClearingWatch:
    """Stands in for the module `threading` in Keras' module.

    Attributes
    ----------
    cleared_here : bool
        Whether the thread of the build called `clear_session`. Others' calls do not touch it.
    is_active : bool
        Whether the build goes on.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.cleared_here = False
        self.is_active = True
        self._thread = threading.get_ident()
        self._state = dict(state)
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
            self.cleared_here = True
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

    def __init__(self, watch: ClearingWatch) -> None:
        watch.begin(vars(self))
