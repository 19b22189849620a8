"""Fingerprints of models: two models with equal fingerprints share a compiled program.

A trace runs Keras' ``train_step`` once in Python, and records the operations on variables. The
program therefore depends on the Python objects that the code can reach: the attributes of layers,
losses, metrics and optimizer, the bytecode, defaults and closures of functions, and the globals
that they use. A fingerprint is a digest of the content of all these objects (see `content`). It
does not include the *values* of Keras variables, because a program gets the variables when it runs.

If an object cannot be described (a lock, an open file, a raw ``tf.Variable``),
`NotFingerprintable` is raised, and the model does not share its program.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import keras

# Keras has no public access to all state that changes a trace, such as scopes for autocasting and
# rematerialization, and a distribution. An attribute that is not set, or does not exist in a
# version of Keras, is None. Checked with Keras 3.10 to 3.15.
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

# environment variables that change the results
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS")
# settings of JAX that change the results; None if a version of JAX does not have the setting
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
    """A description of a model by content.

    Attributes
    ----------
    digest : str
        The digest, which is the same in every process. It covers the shapes and dtypes of Keras
        variables, but not their values.
    tensors : list
        The constant tensors that were described, and objects that keep them valid.
    variables : list of keras.Variable
        The Keras variables that were described.
    """

    digest: str
    tensors: list[Any]
    variables: list[keras.Variable]


def fingerprint_of_training(model: keras.Model) -> Fingerprint:
    """Describe all objects that training and evaluation read."""
    return _fingerprint(model)


def fingerprint_of_prediction(model: keras.Model) -> Fingerprint:
    """Describe all objects that a prediction reads."""
    return _fingerprint(model, skip=COMPILED_ATTRIBUTES)


def digest_of_values(*values: Any, refused: Collection[str] = ()) -> str:
    """Compute a digest of values by content, which is the same in every process.

    The digest includes the values of Keras variables. `NotFingerprintable` is raised for code that
    uses one of the `refused` names.
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
    """Add the state of the process that a trace reads."""
    content.add(platform.python_version(), keras.version(), keras.backend.backend())
    content.add(keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
    content.add(keras.config.dtype_policy().name)
    for name in ("flash_attention", "remat_scope_stack", "autocast_scope", "distribution"):
        value = global_state.get_global_attribute(name)
        # a scope that has ended leaves an empty stack
        content.add(repr(None if value == [] else value))
    if keras.backend.backend() == "tensorflow":
        _add_tensorflow(content)
    elif keras.backend.backend() == "jax":
        _add_jax(content)


def _add_tensorflow(content: ContentDescription) -> None:
    import tensorflow as tf  # imported here, because other backends do not need it

    # TensorFlow has no public function for this. Checked with TensorFlow 2.18 to 2.21.
    from tensorflow.python.framework.config import is_op_determinism_enabled

    content.add(tf.__version__, is_op_determinism_enabled())
    content.add(tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit())
    content.add(sorted(tf.config.optimizer.get_experimental_options().items()))
    content.add([os.environ.get(name) for name in _SWITCHES])
    content.add([device.name for device in tf.config.list_logical_devices()])


def _add_jax(content: ContentDescription) -> None:
    import jax  # imported here, because other backends do not need it
    import jaxlib

    content.add(jax.__version__, jaxlib.__version__)
    content.add([str(getattr(jax.config, name, None)) for name in _FLAGS_OF_JAX])
    content.add([os.environ.get(name) for name in _SWITCHES])
    content.add([f"{device.platform} {device.device_kind}" for device in jax.devices()])
