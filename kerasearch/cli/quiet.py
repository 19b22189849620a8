"""Import Keras and make a first tensor without TensorFlow's messages on standard error.

The C++ code of TensorFlow writes these messages to file descriptor 2 before it reads any log level
that Python can set (checked with TensorFlow 2.21). Therefore the descriptor itself is redirected
during the import. Only the command line does this, in its own process. The library never redirects
the standard error of a user's process.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# lines of glog ("I0000 00:00:1795518936.453703 ..." or "2026-11-24 11:05:01.1: I tensorflow/..."),
# and two lines that TensorFlow prints without this prefix
_CHATTER = re.compile(
    rb"^(?:[IWEF]\d{4} \d\d:\d\d:\d"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: )"
)


def start_keras() -> None:
    """Import Keras and make a first tensor, so that the backend initializes its devices."""
    with without_chatter():
        import keras

        keras.ops.zeros(1)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Redirect standard error; at the end, write the lines that are not TensorFlow's messages."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # the process has no standard error
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
