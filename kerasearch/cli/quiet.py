"""Keras' import and first tensor, without TensorFlow's messages on standard error.

The C++ side of TensorFlow writes them to file descriptor 2 before it reads any log level that
Python can set (seen with 2.21), so the descriptor itself is turned aside meanwhile. That is done to
a process of the command line's own, and never by the library: there, standard error is the user's.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# glog lines ("I0000 00:00:1795518936.453703 ..." or "2026-11-24 11:05:01.1: I tensorflow/...")
# and the two that TensorFlow prints without such a head
_CHATTER = re.compile(
    rb"^(?:[IWEF]\d{4} \d\d:\d\d:\d"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: )"
)


def start_keras() -> None:
    """Import Keras and make a first tensor, with which TensorFlow starts its devices."""
    with without_chatter():
        import keras

        keras.ops.zeros(1)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Turn standard error aside; in the end, write out what is no message of TensorFlow's."""
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
