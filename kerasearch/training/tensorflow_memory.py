"""Prevention of memory leaks in TensorFlow, and freeing of its kernels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

# TensorFlow has no public function to free the kernels of deleted functions, which need hundreds of
# KiB for each program. Checked with TensorFlow 2.18 to 2.21.
from tensorflow.python.eager import context


@contextlib.contextmanager
def no_leak(model: keras.Model) -> Iterator[None]:
    """Prevent a memory leak of ``model.fit`` in TensorFlow."""
    with no_replica_sum(getattr(model, "optimizer", None)):
        yield


@contextlib.contextmanager
def no_replica_sum(optimizer: keras.optimizers.Optimizer | None) -> Iterator[None]:
    """Replace the optimizer's sum over replicas by the identity.

    For each trace, Keras registers a closure for this sum in TensorFlow, which is never freed and
    needs megabytes for each model. Without a distribution strategy, there is one replica, and the
    sum is the identity. This method was checked with Keras 3.10 to 3.15; if a version does not have
    it, nothing is replaced.
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
    """Free all kernels; functions that still exist make their kernels again when called."""
    context.context().clear_kernel_cache()
