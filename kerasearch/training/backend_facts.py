"""Facts about the backend: its name, and whether its models support text."""

from __future__ import annotations

import keras

_NAMES = {"jax": "JAX", "openvino": "OpenVINO", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def backend_name() -> str:
    """Get the name of Keras' backend for a message."""
    backend = keras.backend.backend()
    return _NAMES.get(backend, backend)


def models_take_text() -> bool:
    """Tell whether models support text and lookup tables, which need TensorFlow."""
    return keras.backend.backend() == "tensorflow"
