"""Functions called in forks, which may be killed: cheaper than fresh processes by seconds.

For processes in which TensorFlow has not run: afterwards, it hangs in a fork.
"""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

_one_at_a_time = threading.RLock()


class Fork:
    """A call in a process of its own, which returns something that JSON can hold."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        with _one_at_a_time:  # or another thread's fork would keep this one's pipe open
            self._reading, writing = os.pipe()
            self.pid = os.fork()
            if self.pid:
                os.close(writing)
        if not self.pid:
            status = 1
            try:
                with open(writing, "w") as pipe:
                    json.dump(function(*arguments), pipe)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; False if it goes on for longer."""
        return bool(select.select([self._reading], [], [], seconds)[0])

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        os.kill(self.pid, signal.SIGKILL)

    def result(self) -> Any:
        """Wait for what it returns; None if it was killed.

        Raises
        ------
        RuntimeError
            If it failed.
        """
        with open(self._reading) as pipe:
            text = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return None
        if status:
            raise RuntimeError(f"the fork ended with status {status}")
        return json.loads(text)


def in_a_fork(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fork; None if that was killed."""
    return Fork(function, *arguments).result()
