"""What is known of a backend: how it is called, and what its models cannot hold."""

from __future__ import annotations

import keras

_NAMES = {"jax": "JAX", "openvino": "OpenVINO", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def backend_name() -> str:
    """What Keras' backend is called in a sentence."""
    backend = keras.backend.backend()
    return _NAMES.get(backend, backend)


def models_take_text() -> bool:
    """Tell whether models can take text and have lookup tables, which are TensorFlow's alone."""
    return keras.backend.backend() == "tensorflow"
