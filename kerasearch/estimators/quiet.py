"""Keras' import and first tensor, without TensorFlow's messages on standard error.

TensorFlow's C++ side writes them to file descriptor 2 before any log level that Python can set is
read, so the descriptor itself is turned aside meanwhile. Whatever else arrives
there is written out afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# glog lines ("I0000 00:00:1795518936.453703 ..." or "2026-11-24 11:05:01.1: I tensorflow/...")
# and the two that TensorFlow prints without such a head
_CHATTER = re.compile(
    rb"^(?:[IWEF]\d{4} \d\d:\d\d:\d"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: )"
)


def import_keras() -> None:
    """Import Keras; do nothing where it, or TensorFlow, is loaded already."""
    if "keras" in sys.modules or "tensorflow" in sys.modules:
        return
    # TensorFlow reads the level once; without it, it goes on to report at its first data set
    chosen = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        with _without_chatter():
            import keras  # noqa: F401
    finally:
        if chosen is None:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


def start_devices() -> None:
    """Make a first tensor, with which TensorFlow starts its devices and talks again.

    Not part of the import: until then a user may still configure the devices.
    """
    global _started
    if _started:
        return
    import keras

    with _without_chatter():
        if not _started:
            keras.ops.zeros(1)
            _started = True


_started = False
# two threads that turn the descriptor aside at once would lose it
_lock = threading.RLock()


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    with _lock, _descriptor_aside():
        yield


@contextlib.contextmanager
def _descriptor_aside() -> Iterator[None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all: nobody to keep the chatter from
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            aside.seek(0)
            kept = [line for line in aside if not _CHATTER.match(line)]
            if kept:
                os.write(2, b"".join(kept))
