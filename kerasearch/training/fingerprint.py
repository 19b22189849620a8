"""When are two models the same program? When all that the traced Python code can read is equal.

A trace runs Keras' ``train_step`` once, in Python, and keeps what it did to the variables. So its
result follows from the Python objects it can reach: the attributes of layers, losses, metrics and
optimizer, the bytecode, defaults and closures of functions, the globals that they name. All of it
is described by content, as a stream of tokens (see `content`), and digested. The *values* of Keras
variables are no part of it: a program is given the variables when it runs.

What cannot be described (a lock, an open file, a raw ``tf.Variable``) raises
`NotFingerprintable`, and the model shares its program with nobody.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import keras

# Keras has no public way to read all that changes what it traces: a scope that casts or that
# recomputes, a distribution. What is not set, or what a Keras does not have, is None.
# Checked for Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

from .content import ContentDescription, NotFingerprintable
from .keras_bookkeeping import COMPILED_ATTRIBUTES

__all__ = [
    "Fingerprint",
    "NotFingerprintable",
    "digest_of_values",
    "fingerprint_of_prediction",
    "fingerprint_of_training",
]

# variables of the process that change the numbers
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS")
# and those of JAX that do; of one that a JAX does not have, the value is None
_FLAGS_OF_JAX = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_device",
    "jax_default_prng_impl",
    "jax_enable_custom_prng",
    "jax_legacy_prng_key",
    "jax_random_seed_offset",
    "jax_threefry_partitionable",
    "jax_threefry_gpu_kernel_lowering",
    "jax_high_dynamic_range_gumbel",
    "jax_numpy_dtype_promotion",
    "jax_numpy_rank_promotion",
    "jax_softmax_custom_jvp",
    "jax_use_direct_linearize",
    "jax_allow_f16_reductions",
    "jax_disable_jit",
    "jax_disable_most_optimizations",
    "jax_optimization_level",
    "jax_exec_time_optimization_effort",
    "jax_memory_fitting_effort",
    "jax_memory_fitting_level",
    "jax_use_magma",
)


@dataclass(frozen=True)
class Fingerprint:
    """What a model is by content.

    Attributes
    ----------
    digest : str
        The same in every process. Of Keras variables it covers shape and kind, not the values.
    tensors : list
        The constant tensors that it covers, and what keeps them good.
    variables : list of keras.Variable
        Those that it came across.
    """

    digest: str
    tensors: list[Any]
    variables: list[keras.Variable]


def fingerprint_of_training(model: keras.Model) -> Fingerprint:
    """Describe what training and evaluation read."""
    return _fingerprint(model)


def fingerprint_of_prediction(model: keras.Model) -> Fingerprint:
    """Describe what a prediction reads."""
    return _fingerprint(model, skip=COMPILED_ATTRIBUTES)


def digest_of_values(*values: Any, refused: Collection[str] = ()) -> str:
    """Digest what values are by content, callbacks for example; the same in every process.

    The values of variables count. Code that uses one of the `refused` names raises
    `NotFingerprintable`.
    """
    content = ContentDescription(by_value=True, refused=refused)
    content.add(*values)
    return content.digest()


def _fingerprint(model: keras.Model, skip: Collection[str] = ()) -> Fingerprint:
    content = ContentDescription()
    _add_environment(content)
    content.add_model(model, skip)
    return Fingerprint(content.digest(), content.tensors, content.variables)


def _add_environment(content: ContentDescription) -> None:
    """What Keras reads from the process while it traces."""
    content.add(platform.python_version(), keras.version(), keras.backend.backend())
    content.add(keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
    content.add(keras.config.dtype_policy().name)
    for name in ("flash_attention", "remat_scope_stack", "autocast_scope", "distribution"):
        value = global_state.get_global_attribute(name)
        # a scope that was left leaves an empty stack
        content.add(repr(None if value == [] else value))
    if keras.backend.backend() == "tensorflow":
        _add_tensorflow(content)
    elif keras.backend.backend() == "jax":
        _add_jax(content)


def _add_tensorflow(content: ContentDescription) -> None:
    import tensorflow as tf  # here: on another backend, it need not be loaded

    # TensorFlow has no public way to ask. Checked for TensorFlow 2.18 to 2.21.
    from tensorflow.python.framework.config import is_op_determinism_enabled

    content.add(tf.__version__, is_op_determinism_enabled())
    content.add(tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit())
    content.add(sorted(tf.config.optimizer.get_experimental_options().items()))
    content.add([os.environ.get(name) for name in _SWITCHES])
    content.add([device.name for device in tf.config.list_logical_devices()])


def _add_jax(content: ContentDescription) -> None:
    import jax  # here: on another backend, it need not be there
    import jaxlib

    content.add(jax.__version__, jaxlib.__version__)
    content.add([str(getattr(jax.config, name, None)) for name in _FLAGS_OF_JAX])
    content.add([os.environ.get(name) for name in _SWITCHES])
    content.add([f"{device.platform} {device.device_kind}" for device in jax.devices()])
