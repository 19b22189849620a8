"""Use code that was written for other tuning libraries without changes."""

from .keras_tuner import from_keras_tuner, keras_tuner_model

__all__ = ["from_keras_tuner", "keras_tuner_model"]
