"""Keras' dtype policy, which is kept per thread, in the threads and processes of a search."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

# Keras has no public way to ask whether this thread has set a policy: `keras.config.dtype_policy`
# sets the default where there was none. Checked with Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

_POLICY = "dtype_policy"


def of_this_thread() -> str | None:
    """Get the name of the policy that this thread has set, None where it has set none."""
    policy = global_state.get_global_attribute(_POLICY)
    return None if policy is None else policy.name


@contextlib.contextmanager
def carried(policy: str | None) -> Iterator[None]:
    """Use `policy` where this thread has set none of its own, and leave the thread as it was."""
    own = global_state.get_global_attribute(_POLICY)
    try:
        if own is None and policy is not None:
            keras.config.set_dtype_policy(policy)
        yield
    finally:
        # also where nothing was set: the first layer of a thread sets the default for good
        global_state.set_global_attribute(_POLICY, own)
