"""Keras' dtype policy, carried to the threads and processes of a search.

Keras keeps the policy for each thread, so that a new thread does not have it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

# Keras has no public function that tells whether this thread has set a policy:
# `keras.config.dtype_policy` sets the default if there was none. Checked with Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

_POLICY = "dtype_policy"


def of_this_thread() -> str | None:
    """Get the name of the policy that this thread has set; None if it has not set a policy."""
    policy = global_state.get_global_attribute(_POLICY)
    return None if policy is None else policy.name


@contextlib.contextmanager
def carried(policy: str | None) -> Iterator[None]:
    """Use `policy` if this thread has not set a policy, and restore the thread's state later."""
    own = global_state.get_global_attribute(_POLICY)
    try:
        if own is None and policy is not None:
            keras.config.set_dtype_policy(policy)
        yield
    finally:
        # Restore also if nothing was set here: the first layer in a thread sets the default.
        global_state.set_global_attribute(_POLICY, own)
