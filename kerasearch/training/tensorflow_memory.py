"""What TensorFlow would keep for the life of the process, and how it is spared or freed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

# TensorFlow has no public way to free the kernels of functions that are gone: hundreds of KiB for
# each program. Checked for TensorFlow 2.18 to 2.21.
from tensorflow.python.eager import context


@contextlib.contextmanager
def no_leak(model: keras.Model) -> Iterator[None]:
    """Spare ``model.fit`` what it would leave in TensorFlow for the life of the process."""
    with no_replica_sum(getattr(model, "optimizer", None)):
        yield


@contextlib.contextmanager
def no_replica_sum(optimizer: keras.optimizers.Optimizer | None) -> Iterator[None]:
    """Take out the sum over replicas, of which there is one.

    Keras registers a closure for it with TensorFlow, for each trace and for the life of the
    process: megabytes a model. Without a distribution strategy it is the identity. The method was
    checked for Keras 3.10 to 3.15; where it is gone, nothing is replaced.
    """
    name = "_all_reduce_sum_gradients"
    optimizers = [optimizer, getattr(optimizer, "inner_optimizer", None)]
    changed: list[Any] = [o for o in optimizers if hasattr(o, name) and name not in vars(o)]
    for one in changed:
        setattr(one, name, lambda grads_and_vars: grads_and_vars)
    try:
        yield
    finally:
        for one in changed:
            delattr(one, name)


def free_kernels() -> None:
    """Free the kernels of functions that are gone; those in use are made again when called."""
    context.context().clear_kernel_cache()
